"""Who needs no ACL in a cluster: super users, and everybody where brokers say so; and quotas that are not set. Pure."""

from collections.abc import Iterable, Iterator

from sidestep.streams.rights.changes import Quotas, in_words
from sidestep.streams.rights.granted import RightsFinding
from sidestep.topics.needs import SeenCluster

EVERYBODY = "allow.everyone.if.no.acl.found"


def without_acls(seen: SeenCluster, ours: Iterable[str]) -> Iterator[RightsFinding]:
    """What brokers' settings allow. `ours`: users of principals, with `User:`."""
    for number, config in seen.brokers.items():
        if config.get(EVERYBODY) == "true":
            yield RightsFinding(
                "fault",
                f"broker {number}",
                f"{EVERYBODY} is true",
                "Whatever no ACL names is everybody's: groups, transactional ids, and topics that come later.",
                f"Set {EVERYBODY}=false, on Amazon MSK in the cluster's configuration.",
            )
        for user in sorted(set(ours) & {name.strip() for name in config.get("super.users", "").split(";")}):
            yield RightsFinding(
                "fault",
                user,
                f"is one of super.users on broker {number}",
                "It may do everything, whatever its rights.",
                "Take it out of super.users.",
            )
    if not seen.brokers:
        yield RightsFinding(
            "advice",
            "brokers",
            f"{EVERYBODY} and super.users can't be read",
            "Whether somebody needs no ACL is not known.",
            "Connect as the operator or as an administrator: they may describe brokers.",
        )


def without_quotas(limits: Quotas) -> Iterator[RightsFinding]:
    """`limits`: what is not as it should be, by user."""
    for user, missing in limits.items():
        yield RightsFinding(
            "advice",
            f"User:{user}",
            f"lacks the quota {in_words(missing)}",
            "A client that runs wild takes the brokers' time from others.",
            "sidestep acls apply",
        )


def unknown_quotas(why: str) -> RightsFinding:
    """Where nobody tells them."""
    return RightsFinding(
        "advice",
        "quotas",
        "can't be read",
        f"Whether a client that runs wild is slowed down is not known: {why}.",
        "It takes DESCRIBE_CONFIGS on the cluster; see docs/security.md for providers with quotas of their own.",
    )
