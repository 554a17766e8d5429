"""What has to change in a cluster for each principal to have its rights and quotas. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sidestep.streams.rights.granted import ANY, EVERYBODY, Granted, missing, said, surplus
from sidestep.streams.rights.registry import Registry
from sidestep.topics.acls import Right
from sidestep.topics.quotas import quota_of

Quotas = Mapping[str, Mapping[str, float]]
"""Limits by the name of a user, without `User:`, and by Kafka's name of the quota."""


@dataclass(frozen=True)
class RightsChanges:
    """All of them; `surplus` is taken away only where that is asked for."""

    new: tuple[Granted, ...]
    surplus: tuple[Granted, ...]
    limits: Quotas

    def lines(self, done: str, prune: bool) -> Iterator[str]:
        """A line for each. `done`: "" once they are made, "to be " before."""
        yield from (f"{done}added: {acl.user} {said(acl)}" for acl in self.new)
        what = f"{done}taken away" if prune else "too much, taken away by --prune"
        for acl in self.surplus:
            host = "" if acl.host == ANY else f" from {acl.host}"
            yield f"{what}: {acl.user}{host} {said(acl)}"
        yield from (f"{done}limited: {user}: {in_words(limits)}" for user, limits in self.limits.items())


def changes(wanted: Mapping[str, Iterable[Right]], granted: Iterable[Granted], limits: Quotas) -> RightsChanges:
    """What is missing and what is too much. What an ACL for everybody gives counts as missing: that one has to go."""
    granted = list(granted)
    new = missing(wanted, [acl for acl in granted if acl.user != EVERYBODY])
    return RightsChanges(tuple(acl for acl in new if acl not in granted), tuple(surplus(wanted, granted)), dict(limits))


def other_limits(registry: Registry, here: Quotas) -> dict[str, dict[str, float]]:
    """Limits that are not yet as quotas.toml has them. `here`: those of the cluster."""
    wanted = {registry.name(each): quota_of(each) for each in registry.principals()}
    other = {
        user: {key: limit for key, limit in limits.items() if here.get(user, {}).get(key) != limit}
        for user, limits in wanted.items()
    }
    return {user: limits for user, limits in other.items() if limits}


def in_words(limits: Mapping[str, float]) -> str:
    """As kafka-configs.sh takes them."""
    return ",".join(f"{key}={limit:.0f}" for key, limit in limits.items())
