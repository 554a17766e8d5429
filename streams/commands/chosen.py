"""Which records of a topic somebody wants to see. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module

from sidestep.topics.received import Received

IsIt = Callable[[str], bool]


@dataclass(frozen=True)
class Chosen:
    """By id, service and mailbox; of what is empty, all. What can't be read has none of them."""

    ids: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    mailboxes: tuple[IsIt, ...] = ()

    def among(self, records: Iterable[Received]) -> list[Received]:
        """The chosen ones of these records, in their order."""
        if not (self.ids or self.services or self.mailboxes):
            return list(records)
        return [record for record in records if self._is_one(record.value)]

    def _is_one(self, value: object) -> bool:
        if self.ids and getattr(value, "id", None) not in self.ids:
            return False
        if self.services and getattr(value, "service", None) not in self.services:
            return False
        if not self.mailboxes:
            return True
        to = getattr(value, "to", None) or getattr(value, "recipient", None)
        return isinstance(to, str) and any(is_it(to) for is_it in self.mailboxes)


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
