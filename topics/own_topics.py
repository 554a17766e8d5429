"""Topics that one service has to itself: GENERAL.NAME, such as email-intents.shop, to which Kafka's ACLs let nobody
else write. So whatever stands there is said by that service, signed or not. docs/signing.md is about them. Pure.

Settings are those of the general topic; how many partitions there are is free. The feedback topics are the receiver's
as well, for its doors. NAME is `mailer` or `receiver` where the topic is theirs.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from sidestep.topics.catalog import BOUNCES, CATALOG, ENGAGEMENT, INTENTS, Topic

GENERAL = {topic.name: topic for topic in (INTENTS, BOUNCES, ENGAGEMENT)}
"""What a service may have a topic of its own for."""
NOT_SERVICES = {"mailer": "mailers", "receiver": "receivers"}
"""Owners that are no services, and what the catalog calls them."""

_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


def general_of(name: str) -> str:
    """The topic that one of its own stands for; any other: itself."""
    general = name.partition(".")[0]
    return general if general in GENERAL else name


def owner_of(name: str) -> str:
    """The NAME of a topic of its own; "": it is a general one."""
    general, _, owner = name.partition(".")
    return owner if general in GENERAL else ""


def own_topic(name: str) -> Topic:
    """A topic of its own as the catalog would have it. Raises ValueError for a name that none has."""
    general, owner = GENERAL.get(general_of(name)), owner_of(name)
    if general is None or not _OWNER.fullmatch(owner):
        raise ValueError(f"{name!r} is no topic of a service's own: {', '.join(GENERAL)} are, with .NAME behind it")
    if owner in NOT_SERVICES and general is INTENTS:
        raise ValueError(f"{name!r}: {owner} writes no intents; {BOUNCES.name} and {ENGAGEMENT.name} it may")
    writers = NOT_SERVICES.get(owner, f"service-{owner}")
    receivers = ("receivers",) if general is not INTENTS and owner != "receiver" else ()
    return replace(general, name=name, about=f"{general.about}; of {owner} alone", producers=(writers, *receivers))


def with_own(names: Iterable[str]) -> tuple[Topic, ...]:
    """The catalog, and these topics behind it. Raises ValueError."""
    return (*CATALOG, *(own_topic(name) for name in sorted(set(names))))
