"""Which services there are, and what Kafka calls each principal: options of the command line and a file. Pure.

services = ["shop", "billing"]
user = "CN={}"                 # where principals are certificates' names; {} is the principal
administrators = ["admin"]     # who may do everything, besides super users
topics = ["email-intents.shop"]  # that services have to themselves; those of the signers file are known without it

[users]                        # where a principal has a name that follows no pattern
screen = "sa-1x2y3z"
"""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from sidestep.schemas.typed import as_type
from sidestep.topics.acls import GROUP, Right, principals, rights_of, service_principal
from sidestep.topics.own_topics import NOT_SERVICES, own_topic, owner_of

USER = "User:"
"""Before each name in Kafka's ACLs."""


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All principals of an installation, under Kafka's names."""

    services: tuple[str, ...] = ()
    user: str = "{}"
    administrators: tuple[str, ...] = ("admin",)
    users: Mapping[str, str] = {}
    topics: tuple[str, ...] = ()
    """Names of topics that services have to themselves."""

    def name(self, principal: str) -> str:
        """What Kafka calls it, without `User:`."""
        return self.users.get(principal) or self.user.replace("{}", principal)

    @property
    def administrator_users(self) -> list[str]:
        """With `User:`."""
        return [USER + name for name in self.administrators]

    def principals(self) -> tuple[str, ...]:
        """All but the administrators."""
        return principals(self.services)

    def wanted(self, group: str = GROUP) -> dict[str, tuple[Right, ...]]:
        """The rights of each, by Kafka's name with `User:`. Raises ValueError for a group that can't be."""
        return {USER + self.name(each): rights_of(each, group, self.topics) for each in self.principals()}


def registry(text: str, services: Iterable[str] = (), topics: Iterable[str] = ()) -> Registry:
    """What a file says, with further services and topics of their own, whose owners are services as well. Raises
    ValueError for what can't be."""
    try:
        said: dict[str, Any] = tomllib.loads(text)
        read = as_type(said, Registry)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{error}; it has services, user, administrators, topics and [users]") from None
    own = _own_topics((*read.topics, *topics))
    owners = [owner for owner in map(owner_of, own) if owner not in NOT_SERVICES]
    named = tuple(dict.fromkeys((*read.services, *services, *owners)))
    for service in named:
        service_principal(service)
    if unknown := read.users.keys() - set(principals(named)):
        raise ValueError(f"[users] names {', '.join(sorted(unknown))}: {', '.join(principals(named))} are principals")
    if "{}" not in read.user:
        raise ValueError(f"user = {read.user!r} lacks {{}}, where each principal's name is put")
    found = msgspec.structs.replace(read, services=named, topics=own)
    _check_distinct(found)
    return found


def _own_topics(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(own_topic(name).name for name in dict.fromkeys(names))


def _check_distinct(found: Registry) -> None:
    """Two principals of one name would have each other's rights."""
    names = [found.name(each) for each in found.principals()]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two principals are both called {', '.join(sorted(twice))}: each needs a name of its own")
