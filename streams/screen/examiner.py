"""Addresses that came together, examined together: first every near miss is noted, then each one is weighed.

One collector of mistyped mail shows by the near misses that share its exchange. So what is found out about an address
depends on those that came before it, and on those that came with it, whichever stands first. Workers, /v1/validate and
`sidestep check-address` all find out through here; here alone the memory of a process meets what is pure.
"""

from collections.abc import Iterator, Sequence
from itertools import starmap

from sidestep.streams.screen.findings import Findings, Subject, findings
from sidestep.streams.screen.lists.classes import Lists
from sidestep.streams.screen.lists.seen_exchanges import SeenExchanges
from sidestep.streams.screen.sources.answers import Answers


class Examiner:
    """One for a process: by the lists, and by the exchanges of the near misses seen so far."""

    def __init__(self, lists: Lists):
        self.lists = lists
        self._seen = SeenExchanges()

    def at_once(self, about: Subject, answers: Answers) -> Findings | None:
        """What follows where nothing that came with it can matter; None of a near miss."""
        facts = about.facts
        if facts is not None and facts.near_miss is not None and not about.address.reason:
            return None
        return findings(about, answers, self.lists, clustered=False)

    def examine(self, heard: Sequence[tuple[Subject, Answers]]) -> Iterator[Findings]:
        """What follows for each, in their order. An item that raises does not end the rest."""
        for about, answers in heard:
            self.note(about, answers)
        return starmap(self._find, heard)

    def note(self, about: Subject, answers: Answers) -> None:
        """For who hears answers one by one: an address is examined when those that came with it have been noted."""
        near_miss = about.near_miss
        if near_miss is not None:
            self._seen.note(about.address.domain, near_miss, answers.mx)

    def _find(self, about: Subject, answers: Answers) -> Findings:
        near_miss = about.near_miss
        clustered = near_miss is not None and self._seen.clustered(about.address.domain, near_miss, answers.mx)
        return findings(about, answers, self.lists, clustered)
