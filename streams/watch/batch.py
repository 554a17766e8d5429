"""A batch of tallies -> anomalies, control records and the state after it. Pure: who calls it reads and writes rows.

How the tallies are cut into batches makes no difference: whatever ends does so at the tally that moves the clock far
enough.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sidestep.schemas import Anomaly, Tally
from sidestep.schemas.controls import Control
from sidestep.streams.watch.baselines import learn, news
from sidestep.streams.watch.erasure import erase
from sidestep.streams.watch.features import features_of, window_features
from sidestep.streams.watch.forgotten import forget
from sidestep.streams.watch.incidents import SeenWindow, Told, anomaly_of, follow, open_of, over, taints
from sidestep.streams.watch.models import doubt_model, model_news, teach_model
from sidestep.streams.watch.pace import pace
from sidestep.streams.watch.pace_rules import load_pace_rules
from sidestep.streams.watch.reactions import react, take_policy
from sidestep.streams.watch.readers import PATTERN, count_readers, readers_in
from sidestep.streams.watch.state import WatchState, window_key, window_of
from sidestep.streams.watch.stories import hears_of_deliveries, within
from sidestep.streams.watch.suspect import EndedWindow, ended, suspected
from sidestep.streams.watch.tables import WindowRow
from sidestep.streams.watch.thresholds import Thresholds
from sidestep.streams.watch.windows import add, is_empty, start_of

HOUR, DAY = 3600, 86_400
FOR_EVER = 2**62

Tallies = Sequence[tuple[int, Tally]]
"""Tallies of one partition with their offsets, in offset order."""


@dataclass(frozen=True)
class Directed:
    """A control record, and the partition of the evidence that it goes to; None: all of them."""

    record: Control
    partition: int | None = None


@dataclass
class Watched:
    """What a batch came to, in the order in which it came."""

    anomalies: list[Anomaly] = field(default_factory=list)
    controls: list[Directed] = field(default_factory=list)
    windows: Counter[str] = field(default_factory=Counter)
    """That have ended: of a `service`, or of `all`."""
    late: int = 0
    """Tallies of windows that had ended already."""
    patterns: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Anomalies by pattern and state."""


def watch(tallies: Tallies, state: WatchState, rules: Thresholds, partitions: int) -> Watched:
    """Fold the tallies into the state. `partitions`: of the evidence."""
    watched = Watched()
    if tallies:
        state.note_thresholds(tallies[0][0], rules.version)
    for _, tally in tallies:
        if tally.policy:
            known = state.policy
            take_policy(state, tally)
            if known is not None and known.version != tally.policy:
                doubt_model(state, rules.watch.learning)
        for told in erase(state, tally.erased) if tally.erased else ():
            _tell(state, told, rules, watched)
        if tally.second > state.second:
            before, state.second = state.second, tally.second
            _settle(state, rules, watched)
            if state.second // DAY > before // DAY:
                forget(state, state.second)
            if state.second // HOUR > before // HOUR:
                watched.controls += [Directed(record) for record in model_news(state, rules.watch.learning)]
        if tally.learnt:
            teach_model(state, tally, rules.watch.learning)
        paces = pace(state, tally, partitions, load_pace_rules())
        watched.controls += [Directed(record, partition) for partition, record in paces]
        if not is_empty(tally):
            _count(state, tally, rules, watched)
    return watched


def due(state: WatchState, rules: Thresholds) -> int:
    """The second from which on a tally would end something that is open; FOR_EVER: nothing is."""
    windows = rules.watch.windows
    ends = [window_of(key)[0] + windows.length for key in state.windows.by_key]
    ends += [over(row) for row in state.incidents.by_key.values()]
    return min(ends) + windows.grace if ends else FOR_EVER


def _count(state: WatchState, tally: Tally, rules: Thresholds, watched: Watched) -> None:
    windows = rules.watch.windows
    start, late = start_of(tally.second, state.second - windows.grace, windows.length)
    key = window_key(start, tally.service)
    row = state.windows.get(key) or WindowRow()
    add(row, tally, late)
    state.windows.put(key, row)
    watched.late += late


def _settle(state: WatchState, rules: Thresholds, watched: Watched) -> None:
    """End what is over by now, in the order of time: windows, and incidents that no window has gone on with."""
    length = rules.watch.windows.length
    watermark = state.second - rules.watch.windows.grace
    for key in sorted(state.windows.by_key):
        start, service = window_of(key)
        if start + length > watermark:
            break
        _end_incidents(state, start + length - 1, rules, watched)
        _end_window(state, ended(state, start, service, state.windows.drop(key), rules), rules, watched)
    _end_incidents(state, watermark, rules, watched)


def _end_incidents(state: WatchState, second: int, rules: Thresholds, watched: Watched) -> None:
    for key in [key for key, row in sorted(state.incidents.by_key.items()) if over(row) <= second]:
        _tell(state, Told(key, state.incidents.drop(key), "closed"), rules, watched)


def _end_window(state: WatchState, window: EndedWindow, rules: Thresholds, watched: Watched) -> None:
    start, service, row, story, baseline = window
    short = within(story, start, rules.watch.windows.short)
    end = start + rules.watch.windows.length
    seen = SeenWindow(service, start, end, features_of(short) | window_features(row), row.samples)
    told = {one.key: one for one in follow(state, seen, suspected(state, window, rules), rules)}
    _react(state, seen, row, told, rules, watched)
    for one in told.values():
        _tell(state, one, rules, watched)
    tainted = any(taints(incident, start) for _, incident in open_of(state, service))
    learn(baseline, row.counts, news(baseline, short), tainted)
    state.baselines.put(service.encode(), baseline)
    if service:
        unread = any(incident.pattern == PATTERN for _, incident in open_of(state, service))
        counted = readers_in(row, hears_of_deliveries(story))
        count_readers(state, service, start, counted, unread, rules.watch.engagement_collapse)
    watched.windows["service" if service else "all"] += 1


def _react(
    state: WatchState, seen: SeenWindow, row: WindowRow, told: dict[bytes, Told], rules: Thresholds, watched: Watched
) -> None:
    """Hold what the policy wants held, of the incidents that the window has opened or gone on with."""
    for key, incident in open_of(state, seen.service):
        if incident.fired != seen.end:
            continue
        hold = react(state, incident, row, state.second, rules.watch.automatic)
        if hold is not None:
            watched.controls.append(Directed(hold))
            state.incidents.put(key, incident)
            told.setdefault(key, Told(key, incident, "updated"))


def _tell(state: WatchState, told: Told, rules: Thresholds, watched: Watched) -> None:
    watched.anomalies.append(anomaly_of(told, state.second, rules))
    watched.patterns[told.row.pattern, told.state] += 1
