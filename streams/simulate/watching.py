"""Watch over a simulated company: its pure fold over the tallies that Decide's gives. Pure.

One partition of tallies holds all services. Watch comes some time before the judged one, to learn what is usual.
"""

from collections.abc import Sequence
from typing import Protocol

from sidestep.schemas import Anomaly, Tally
from sidestep.streams.watch.batch import Directed, due, watch
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.thresholds import Thresholds, thresholds


class Watching(Protocol):
    """A reader of the tallies, who answers with control records for the log. `anomalies`: so far."""

    anomalies: list[Anomaly]

    def take(self, tallies: Sequence[Tally], now: float) -> Sequence[Directed]:
        """The tallies of seconds that are over, at Unix seconds -> control records, stamped."""


class NobodyWatches:
    """Nobody: tallies go nowhere."""

    def __init__(self) -> None:
        self.anomalies: list[Anomaly] = []

    def take(self, tallies: Sequence[Tally], now: float) -> Sequence[Directed]:
        """Nothing follows."""
        return ()


class SidestepWatching:
    """Watch, from a time on (Unix seconds). `partitions`: of the log."""

    def __init__(self, since: float, partitions: int = 1, rules: Thresholds | None = None):
        self._since = since
        self._partitions = partitions
        self._rules = rules or thresholds()
        self._state = WatchState(lambda table: ())
        self._offset = 0
        self._due = 0
        self.anomalies: list[Anomaly] = []

    def take(self, tallies: Sequence[Tally], now: float) -> Sequence[Directed]:
        """Where none come, time goes on all the same: a tick ends what is over."""
        if now < self._since:  # what the policy wants done must not be missed
            tallies = [tally for tally in tallies if tally.policy]
        elif int(now) >= self._due:
            tallies = [*tallies, Tally(service="", partition=0, second=int(now))]
        if not tallies:
            return ()
        numbered = [(self._offset + number, tally) for number, tally in enumerate(tallies)]
        self._offset += len(tallies)
        watched = watch(numbered, self._state, self._rules, self._partitions)
        self._due = due(self._state, self._rules)
        self._state.writes()  # nobody keeps them
        self.anomalies += watched.anomalies
        return watched.controls
