"""Who may do what in Kafka: the rights of each principal, as the catalog and the clients of each role need them. Pure.

Nothing here grants DESCRIBE where READ or WRITE do: Kafka lets whoever has those describe as well. IDEMPOTENT_WRITE is
nobody's: since Kafka 2.8 whoever may write some topic may write it idempotently. Topics and rights are made by an
administrator, who is a super user and has no rights of his own. docs/security.md has the reasons, a table for each.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from sidestep.topics.catalog import CATALOG, LEDGER_CHANGELOG, Topic
from sidestep.topics.needs import INTERNAL
from sidestep.topics.own_topics import own_topic

Resource = Literal["topic", "group", "transactional-id", "cluster"]
Pattern = Literal["literal", "prefixed"]
Operation = Literal["READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"]

CLUSTER = "kafka-cluster"
"""Name of the one resource of its kind."""
GROUP = "sidestep"
"""Prefix of groups and transactional ids, where Settings.group says nothing else."""
STAGES = ("screen", "decide", "watch", "release")
RECEIVER = "receiver"
"""`sidestep receive`, which writes feedback and reads nothing."""
OUTSIDE = {
    "operator": "operators", "mailer": "mailers", "dashboard": "dashboards", "auditor": "auditors",
    RECEIVER: "receivers",
}  # fmt: skip
"""Principals and what the catalog calls them; those of stages are called the same."""
BROWSER = "kafka-browser"
"""A person's look into all that auditors and operators may read."""
SERVICE = "service-"
"""Before the name of a service."""
SETTLE = ("decide", "watch", "release", "operator")
"""Who writes in transactions reads what he writes: what a predecessor has left hanging is ended by its records
(streams/runtime/takeover.py)."""
LOOK = (*STAGES, "operator", BROWSER)
"""Who compares the cluster's topics with the catalog: a worker before it starts, `sidestep topics check`."""
LOOK_AT_OWN = ("screen", "operator", BROWSER)
"""The same of topics that a service has to itself: of the stages Screen alone knows them."""
ONCE = {"email-control": "sidestep-control-unused", "email-anomalies": "sidestep-anomalies-unused"}
"""Topics that are read to their end, and the group that this client names and never joins."""
ANYBODY = "sidestep-reader-"
"""Before the group that a Subscription without one names and never joins."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


class Right(NamedTuple):
    """One thing that a principal may do: what Kafka calls an ACL, from any host."""

    principal: str
    """Without Kafka's `User:`."""
    resource: Resource
    pattern: Pattern
    name: str
    operation: Operation


def principals(services: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of all principals but the administrator's. Raises ValueError for a service that can't have one."""
    return (*(service_principal(name) for name in services), *STAGES, *OUTSIDE, BROWSER)


def service_principal(service: str) -> str:
    """The principal of a producing service. Raises ValueError where its name can't be part of one."""
    if not _NAME.fullmatch(service):
        raise ValueError(
            f"{service!r} can't be part of a principal's name: give this service one of letters, digits, . _ and -, "
            "100 characters at most. What it is called in its intents may be another one"
        )
    return SERVICE + service


def rights(services: Iterable[str] = (), group: str = GROUP, own: Iterable[str] = ()) -> tuple[Right, ...]:
    """All rights of all principals. `group`: Settings.group; `own`: names of topics that services have to themselves.
    Raises ValueError for names that can't be."""
    own = tuple(own)
    return tuple(right for principal in principals(services) for right in rights_of(principal, group, own))


def rights_of(principal: str, group: str = GROUP, own: Iterable[str] = ()) -> tuple[Right, ...]:
    """All rights of one principal, each once. Raises ValueError for an unknown one, and for a group that can't be.

    A service that has a topic to itself, of whatever kind, writes nowhere else.
    """
    if not _NAME.fullmatch(group):
        raise ValueError(f"SIDESTEP_GROUP={group!r} can't begin the names of groups: letters, digits, . _ and - can")
    if not is_principal(principal):
        raise ValueError(f"{principal!r} is no principal: {', '.join((*principals(), SERVICE + 'NAME'))} are")
    topics = [*_topics(principal, own), *_groups(principal, group)]
    found = [*topics, *_transactions(principal, group), *_cluster(principal)]
    return tuple(Right(principal, *each) for each in dict.fromkeys(found))


def is_principal(name: str) -> bool:
    """Whether it is one of ours, the administrator apart."""
    return name in (*STAGES, *OUTSIDE, BROWSER) or (
        name.startswith(SERVICE) and _NAME.fullmatch(name.removeprefix(SERVICE)) is not None
    )


Allowed = tuple[Resource, Pattern, str, Operation]
"""A right without its principal."""


def may_write(principal: str, topic: Topic) -> bool:
    """Whether the catalog has it among the topic's producers."""
    return principal != BROWSER and not _parties(principal).isdisjoint(topic.producers)


def may_read(principal: str, topic: Topic) -> bool:
    """Whether the catalog has it among the topic's consumers, or it settles what it writes."""
    if principal == BROWSER and topic.name.endswith("-changelog"):
        return False  # nothing in there is for people's eyes
    settles = principal in SETTLE and may_write(principal, topic)
    return settles or not _parties(principal).isdisjoint(topic.consumers)


def _parties(principal: str) -> set[str]:
    """What the catalog calls it."""
    if principal == BROWSER:
        return {"auditors", "operators"}
    return {"services", principal} if principal.startswith(SERVICE) else {OUTSIDE.get(principal, principal)}


def _topics(principal: str, own: Iterable[str]) -> Iterator[Allowed]:
    alone = [own_topic(name) for name in own]
    elsewhere = not (principal.startswith(SERVICE) and any(principal in topic.producers for topic in alone))
    for topic in CATALOG:
        reads, writes = may_read(principal, topic), may_write(principal, topic) and elsewhere
        if reads:
            yield "topic", "literal", topic.name, "READ"
        if writes:
            yield "topic", "literal", topic.name, "WRITE"
        if principal in LOOK and not (reads or writes):
            yield "topic", "literal", topic.name, "DESCRIBE"
        if principal in LOOK:
            yield "topic", "literal", topic.name, "DESCRIBE_CONFIGS"
    yield from _own_topics(principal, alone)
    for name in INTERNAL if principal == "operator" else ():  # topics check looks at their replicas
        yield "topic", "literal", name, "DESCRIBE"
        yield "topic", "literal", name, "DESCRIBE_CONFIGS"


def _own_topics(principal: str, alone: Iterable[Topic]) -> Iterator[Allowed]:
    for topic in alone:
        if may_write(principal, topic):
            yield "topic", "literal", topic.name, "WRITE"
        if principal in LOOK_AT_OWN:
            # who forgets a person, or tells him what is known, has to look here as well
            reads = may_read(principal, topic) or principal == "operator"
            yield "topic", "literal", topic.name, "READ" if reads else "DESCRIBE"
            yield "topic", "literal", topic.name, "DESCRIBE_CONFIGS"


def _groups(principal: str, group: str) -> Iterator[Allowed]:
    """READ is what a member needs. Who names a group only because librdkafka wants one is asked for DESCRIBE."""
    if principal in STAGES:
        yield "group", "literal", f"{group}-{principal}", "READ"
        yield "group", "literal", f"{group}-{principal}-reader-unused", "DESCRIBE"  # streams/runtime/reader.py
    elif principal != RECEIVER:  # a name of a principal has no "/", so that nobody's groups are another one's
        yield "group", "literal", principal, "READ"
        yield "group", "prefixed", f"{principal}/", "READ"
        yield "group", "prefixed", ANYBODY, "DESCRIBE"
    if principal == BROWSER:
        yield "group", "prefixed", f"{group}-", "DESCRIBE"
    for topic in CATALOG:
        if topic.name.endswith("-changelog") and _recovers(principal, topic):
            yield "group", "literal", f"recover-{topic.name}-unused", "DESCRIBE"  # streams/runtime/recovery.py
        if topic.name in ONCE and not _parties(principal).isdisjoint(topic.consumers):
            yield "group", "literal", ONCE[topic.name], "DESCRIBE"  # streams/runtime/to_the_end.py


def _recovers(principal: str, topic: Topic) -> bool:
    """A stage its own, `sidestep marks show` the ledger's; who else reads one names a group of readers."""
    recovers = principal in topic.producers or (principal == "operator" and topic is LEDGER_CHANGELOG)
    return recovers and may_read(principal, topic)


def _transactions(principal: str, group: str) -> Iterator[Allowed]:
    """WRITE takes an id: whoever has used it before is fenced."""
    if principal in ("decide", "watch", "release"):
        yield "transactional-id", "prefixed", f"{group}-{principal}-", "WRITE"
    if principal == "decide":
        for digit in "0123456789":  # GROUP-PARTITION, of earlier versions: streams/runtime/former.py
            yield "transactional-id", "prefixed", f"{group}-{digit}", "WRITE"
    if principal in ("operator", "watch"):  # Watch ends what the writer of a hold has left hanging: roles/watch.py
        yield "transactional-id", "literal", f"{group}-hold", "WRITE"
    if principal == "operator":
        yield "transactional-id", "literal", f"{group}-redrive", "WRITE"  # streams/redrive/writer.py


def _cluster(principal: str) -> Iterator[Allowed]:
    """For `sidestep acls check` and `sidestep topics check`."""
    if principal in ("operator", BROWSER):
        yield "cluster", "literal", CLUSTER, "DESCRIBE"
        yield "cluster", "literal", CLUSTER, "DESCRIBE_CONFIGS"
