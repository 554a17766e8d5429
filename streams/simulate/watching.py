"""Watch over a simulated company: its pure fold over the tallies that Decide's gives. Pure.

One partition of tallies holds all services. Watch comes some time before the judged one, to learn what is usual.
"""

from collections.abc import Sequence
from typing import Protocol

from sidestep.schemas import Anomaly, Evidence, Tally
from sidestep.streams.watch.batch import due, watch
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.thresholds import Thresholds, thresholds


class Watching(Protocol):
    """A reader of the tallies, who answers with control records for every partition's log. `anomalies`: so far."""

    anomalies: list[Anomaly]

    def take(self, tallies: Sequence[Tally], now: float) -> Sequence[Evidence]:
        """The tallies of seconds that are over, at Unix seconds -> control records, stamped."""


class NobodyWatches:
    """Nobody: tallies go nowhere."""

    def __init__(self) -> None:
        self.anomalies: list[Anomaly] = []

    def take(self, tallies: Sequence[Tally], now: float) -> Sequence[Evidence]:
        """Nothing follows."""
        return ()


class SidestepWatching:
    """Watch, from a time on (Unix seconds)."""

    def __init__(self, since: float, rules: Thresholds | None = None):
        self._since = since
        self._rules = rules or thresholds()
        self._state = WatchState(lambda table: ())
        self._offset = 0
        self._due = 0
        self.anomalies: list[Anomaly] = []

    def take(self, tallies: Sequence[Tally], now: float) -> Sequence[Evidence]:
        """Where none come, time goes on all the same: a tick ends what is over."""
        if now < self._since:  # what the policy wants done must not be missed
            tallies = [tally for tally in tallies if tally.policy]
        elif int(now) >= self._due:
            tallies = [*tallies, Tally(service="", partition=0, second=int(now))]
        if not tallies:
            return ()
        numbered = [(self._offset + number, tally) for number, tally in enumerate(tallies)]
        self._offset += len(tallies)
        watched = watch(numbered, self._state, self._rules)
        self._due = due(self._state, self._rules)
        self._state.writes()  # nobody keeps them
        self.anomalies += watched.anomalies
        return [directed.record for directed in watched.controls]
