"""Which records of a topic somebody wants to see. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import msgspec
from msgspec import Struct

from sidestep.streams.commands.foreign_feedback import ForeignFeedback
from sidestep.topics.received import Received, Unreadable

IsIt = Callable[[str], bool]


@dataclass(frozen=True)
class Chosen:
    """By id, service and mailbox; of what is empty, all. Octets that are no record have what stands in them as JSON."""

    ids: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    mailboxes: tuple[IsIt, ...] = ()

    def among(self, records: Iterable[Received]) -> list[Received]:
        """The chosen ones of these records, in their order."""
        if not (self.ids or self.services or self.mailboxes):
            return list(records)
        return [record for record in records if self._is_one(record.value)]

    def _is_one(self, value: object) -> bool:
        if isinstance(value, ForeignFeedback):
            return any(map(self._is_one, value.events))
        if isinstance(value, bytes | Unreadable):
            value = _loosely(value if isinstance(value, bytes) else value.octets)
        if self.ids and not _is_in(getattr(value, "id", None), self.ids):
            return False
        if self.services and not _is_in(getattr(value, "service", None), self.services):
            return False
        if not self.mailboxes:
            return True
        to = getattr(value, "to", None) or getattr(value, "recipient", None)
        return isinstance(to, str) and any(is_it(to) for is_it in self.mailboxes)


def _is_in(name: object, wanted: frozenset[str]) -> bool:
    return isinstance(name, str) and name in wanted


class _Loose(Struct):
    """What names a record that is none: a dead letter, say."""

    id: Any = None
    service: Any = None
    to: Any = None
    recipient: Any = None


_decode = msgspec.json.Decoder(_Loose).decode


def _loosely(octets: bytes | None) -> _Loose | None:
    try:
        return _decode(octets or b"")
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None


def same_mailbox(address: str) -> IsIt:
    """Whether another address leads to the same mailbox. Without what `sidestep[worker]` installs: whether it is the
    same but for case."""
    try:
        parse = import_module("sidestep.streams.screen.address.parse").parse
    except ModuleNotFoundError:
        return lambda other: other.casefold() == address.casefold()
    identity = parse(address).identity
    if not identity:
        return lambda other: other == address
    return lambda other: other == address or parse(other).identity == identity
