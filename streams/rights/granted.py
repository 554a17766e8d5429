"""What a cluster allows, compared with what it should: missing, too much, and strangers who may do harm. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sidestep.streams.rights.registry import USER
from sidestep.topics.acls import STAGES, Right
from sidestep.topics.catalog import BY_NAME, CATALOG
from sidestep.topics.own_topics import owner_of

EVERYBODY = USER + "*"
ANY = "*"
"""Literal name of all resources of a kind; host of all hosts."""
OUTSIDERS = {"services", "mailers", "receivers"}
GUARDED = tuple(topic.name for topic in CATALOG if OUTSIDERS.isdisjoint(topic.producers))
"""Topics that only stages and operators write."""
CHANGES = ("WRITE", "DELETE", "ALTER", "ALTER_CONFIGS", "ALL")
RULES = ("ALTER", "ALTER_CONFIGS", "CLUSTER_ACTION", "ALL")
"""Operations on the cluster by which one gets all others."""
IMPLIED = {"DESCRIBE": ("READ", "WRITE", "DELETE", "ALTER"), "DESCRIBE_CONFIGS": ("ALTER_CONFIGS",)}
"""Operations that Kafka allows to whoever may do another one."""


class Granted(NamedTuple):
    """One ACL as a cluster has it. `user` is with its type: User:shop."""

    user: str
    resource: str
    pattern: str
    name: str
    operation: str
    allow: bool = True
    host: str = ANY


@dataclass(frozen=True)
class RightsFinding:
    """One thing that is not as it should be. `grant`: the ACL that is too much, where one is."""

    weight: Literal["fault", "advice"]
    who: str
    what: str
    means: str
    do: str
    grant: Granted | None = None


def as_granted(user: str, right: Right) -> Granted:
    """The ACL that gives a right."""
    return Granted(user, right.resource, right.pattern, right.name, right.operation)


def said(acl: Granted) -> str:
    """WRITE on topic email-evidence; a name that others may follow ends with an asterisk."""
    if acl.resource == "cluster":
        return f"{acl.operation} on the cluster"
    return f"{acl.operation} on {acl.resource} {acl.name}" + ("*" if acl.pattern == "prefixed" else "")


def missing(wanted: Mapping[str, Iterable[Right]], granted: Iterable[Granted]) -> list[Granted]:
    """Rights that nothing gives, or that something denies."""
    granted = list(granted)
    asked = [as_granted(user, right) for user, rights in wanted.items() for right in rights]
    return [acl for acl in asked if not _given(acl, granted) or _denied(acl, granted)]


def surplus(wanted: Mapping[str, Iterable[Right]], granted: Iterable[Granted]) -> list[Granted]:
    """What principals of ours may do beyond their rights."""
    ours = {user: [as_granted(user, right) for right in rights] for user, rights in wanted.items()}
    return [
        acl for acl in granted if acl.allow and acl.user in ours and not any(_covers(it, acl) for it in ours[acl.user])
    ]


def findings(
    wanted: Mapping[str, Iterable[Right]], granted: Iterable[Granted], administrators: Iterable[str] = ()
) -> list[RightsFinding]:
    """Faults first. `administrators`: users who may do everything."""
    granted = list(granted)
    found = [_missing(acl, granted) for acl in missing(wanted, granted)]
    found += [_surplus(acl) for acl in surplus(wanted, granted)]
    others = [acl for acl in granted if acl.allow and acl.user not in {*wanted, *administrators}]
    protected = [as_granted(user, right) for user, rights in wanted.items() for right in rights]
    found += [each for acl in others for each in _stranger(acl, protected)]
    return sorted(found, key=lambda each: each.weight != "fault")


def _given(acl: Granted, granted: Iterable[Granted]) -> bool:
    return any(it.allow and it.host == ANY and it.user in (acl.user, EVERYBODY) and _covers(it, acl) for it in granted)


def _denied(acl: Granted, granted: Iterable[Granted]) -> bool:
    """A part of it, or all."""
    return any(
        not it.allow
        and it.user in (acl.user, EVERYBODY)
        and it.operation in (acl.operation, "ALL")
        and overlap(it, acl)
        for it in granted
    )


def _covers(wide: Granted, narrow: Granted) -> bool:
    """Whether the first allows all that the second does."""
    operations = (narrow.operation, "ALL", *IMPLIED.get(narrow.operation, ()))
    if wide.resource != narrow.resource or wide.operation not in operations:
        return False
    if wide.pattern == "prefixed":
        return narrow.name.startswith(wide.name) and narrow.name != ANY
    return wide.name == ANY or (narrow.pattern == "literal" and wide.name == narrow.name)


def overlap(one: Granted, other: Granted) -> bool:
    """Whether there is a resource that both are for."""
    if one.resource != other.resource:
        return False
    if ANY in (one.name, other.name):
        return True
    if one.pattern == "prefixed" and other.pattern == "prefixed":
        return one.name.startswith(other.name) or other.name.startswith(one.name)
    if one.pattern == "prefixed":
        return other.name.startswith(one.name)
    return one.name.startswith(other.name) if other.pattern == "prefixed" else one.name == other.name


def _missing(acl: Granted, granted: Iterable[Granted]) -> RightsFinding:
    denied = _denied(acl, granted)
    return RightsFinding(
        "fault",
        acl.user,
        f"{said(acl)} is {'denied' if denied else 'missing'}",
        "What it needs for its work is refused.",
        "Take the ACL away that denies it." if denied else "sidestep acls apply",
    )


def _surplus(acl: Granted) -> RightsFinding:
    return RightsFinding(
        "fault",
        acl.user,
        f"{said(acl)} is too much",
        "Whoever has its credentials may do more than its work needs.",
        "sidestep acls apply --prune",
        acl,
    )


def _stranger(acl: Granted, protected: Iterable[Granted]) -> Iterator[RightsFinding]:
    """The harm that somebody else can do, if any."""
    means = _harm(acl, protected)
    if means:
        everybody = "It is for everybody. " if acl.user == EVERYBODY else ""
        do = "Take it away, or name who it is: as a service, or as an administrator in the file of principals."
        yield RightsFinding("fault", acl.user, f"{said(acl)} is allowed", everybody + means, do, acl)
    elif acl.resource == "topic" and acl.operation in ("READ", "WRITE", "ALL") and _ours(acl, BY_NAME):
        weight: Literal["fault", "advice"] = "fault" if acl.user == EVERYBODY else "advice"
        what = "Whose records these are, nobody says." if acl.operation == "WRITE" else "Addresses can be read."
        do = "If it is a service, name it; if it is nobody you know, take it away."
        yield RightsFinding(weight, acl.user, f"{said(acl)} is allowed", what, do, acl)


def _harm(acl: Granted, protected: Iterable[Granted]) -> str:
    """What somebody who is none of ours can do with it; empty: nothing to the guarantee."""
    taken = [it for it in protected if overlap(acl, it)]
    if acl.resource == "cluster" and acl.operation in RULES:
        return "Whoever may do this gets every other right."
    if acl.resource == "topic" and acl.operation in CHANGES and _ours(acl, GUARDED):
        return "Only Sidestep's own stages may write there: what stands in these topics is believed."
    if acl.resource == "topic" and acl.operation in CHANGES and any(owner_of(it.name) for it in taken):
        return "A service has this topic to itself: whoever writes there speaks in its name."
    if acl.resource == "topic" and acl.operation in CHANGES[1:] and _ours(acl, BY_NAME):
        return "Topics can be deleted or changed, and records lost by that."
    if acl.resource == "transactional-id" and acl.operation in ("WRITE", "ALL") and taken:
        return "Whoever takes a worker's transactional id fences it: it stops."
    if acl.resource == "group" and acl.operation in ("READ", "DELETE", "ALL") and _stages(taken):
        return "Whoever joins or resets a stage's group keeps its records from it."
    return ""


def _ours(acl: Granted, topics: Iterable[str]) -> bool:
    return any(overlap(acl, Granted("", "topic", "literal", name, "")) for name in topics)


def _stages(taken: Iterable[Granted]) -> bool:
    return any(it.operation == "READ" and it.name.endswith(tuple(f"-{stage}" for stage in STAGES)) for it in taken)
