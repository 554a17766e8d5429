"""Facts of a domain, known without asking anybody: its partition, its classes, a near miss. Remembered. Pure."""

from collections.abc import Callable
from typing import NamedTuple

from sidestep.streams.screen.lists.classes import Lists
from sidestep.streams.screen.lists.typo import NearMiss
from sidestep.streams.screen.log_layout import LogLayout, by_mailbox

REMEMBERED = 200_000
"""Domains of a process."""
PER_DOMAIN = 315
"""Octets that Python takes for the facts of one, about, as counted by tracemalloc."""


class DomainFacts(NamedTuple):
    """The facts of a domain. `key` and `partition` of evidence in the log; `near_miss` where it is close to a large
    provider's."""

    key: str
    partition: int
    classes: tuple[str, ...]
    near_miss: NearMiss | None


class DomainBook:
    """The facts by domain. Bounded: when full it starts afresh, everything in it can be worked out again."""

    def __init__(self, lists: Lists, suggest: Callable[[str], NearMiss | None], partitions: int):
        self.lists = lists
        self._suggest = suggest
        self.partitions = partitions
        self.layout = by_mailbox()
        """As new logs are laid out, until the cluster has said how its log is."""
        self._facts: dict[str, DomainFacts] = {}

    def __len__(self) -> int:
        """Number of domains whose facts are remembered."""
        return len(self._facts)

    def facts(self, domain: str) -> DomainFacts:
        """The facts of a lower-case A-label."""
        found = self._facts.get(domain)
        return found if found is not None else self._work_out(domain)

    def heard(self, layout: LogLayout) -> None:
        """How the cluster's log is laid out."""
        if not layout.same(self.layout):
            self._facts.clear()
        self.layout = layout

    def partition(self, name: str) -> int:
        """The partition of the evidence log for a domain, or for the text of an address that has none."""
        return self.layout.partition(name, self.partitions)

    def _work_out(self, domain: str) -> DomainFacts:
        if len(self._facts) >= REMEMBERED:
            self._facts.clear()
        near_miss, classes = self._suggest(domain), self.lists.domain_classes(domain)
        if near_miss is None and domain in self.lists.faint:
            classes += ("faint-miss",)
        facts = DomainFacts(self.layout.key(domain), self.partition(domain), classes, near_miss)
        self._facts[domain] = facts
        return facts
