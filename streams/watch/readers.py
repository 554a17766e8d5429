"""Readers of a service's mail, at each MX provider: one that takes it for junk is seen by who no longer reads. Pure.

What arrives is read over hours, so mail of the last hours says nothing yet. A day with much mail is compared with
earlier ones of its kind: who gets an order confirmed reads it more often than an offer.
"""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import NamedTuple

from sidestep.streams.watch.baselines import DAY, HOUR, UNKNOWN
from sidestep.streams.watch.counts import share
from sidestep.streams.watch.state import WatchState, story_key
from sidestep.streams.watch.stories import PROVIDER
from sidestep.streams.watch.surprise import is_chance
from sidestep.streams.watch.symptom import Severity, Symptom
from sidestep.streams.watch.tables import ReadersRow, WindowRow
from sidestep.streams.watch.thresholds import CollapseLimit

PATTERN = "engagement-collapse"
EVERYWHERE = ""
"""The provider that stands for all of them."""
FEW = 10
"""Fewer messages in a window make no row of a provider."""
DAYS = 8
"""Days with much mail that are remembered."""


class Read(NamedTuple):
    """What a window held: messages that arrived, and signs of people."""

    arrived: int
    engaged: int


def readers_in(row: WindowRow, reported: bool) -> dict[str, Read]:
    """Of a window, by provider; `reported`: deliveries are."""
    named = [(EVERYWHERE, row.counts), *sorted(row.providers.items())]
    found = {name: Read(counts.reached(reported), counts.engaged) for name, counts in named}
    return {name: read for name, read in found.items() if any(read)}


def count_readers(
    state: WatchState, service: str, start: int, read: Mapping[str, Read], tainted: bool, limit: CollapseLimit
) -> None:
    """Take a window in. `tainted`: hardly anybody reads, and that is known; it is not what is usual."""
    for name, (arrived, engaged) in read.items():
        key = story_key(service, PROVIDER, name)
        row = state.readers.get(key)
        if row is None:
            if name and arrived < FEW:
                continue
            row = ReadersRow(start // HOUR)
        _advance(row, start // HOUR, limit)
        row.arrived += arrived
        row.engaged += engaged
        row.tainted = row.tainted or tainted
        state.readers.put(key, row)


def _advance(row: ReadersRow, hour: int, limit: CollapseLimit) -> None:
    if hour <= row.hour:
        return
    row.day.append((row.hour, row.arrived, row.engaged))
    row.arrived = row.engaged = 0
    while row.hour < hour and row.day:
        row.hour += 1
        _end_day(row, limit)
        row.day = [counted for counted in row.day if counted[0] > row.hour - DAY]
    row.hour = hour


def _end_day(row: ReadersRow, limit: CollapseLimit) -> None:
    """Much of the mail that is remembered is almost a day old: what became of it is known."""
    if sum(arrived for hour, arrived, _ in row.day if hour <= row.hour - DAY + limit.hours) < limit.of:
        return
    if row.days and row.days[-1][0] > row.hour - DAY:
        return
    if not row.tainted:
        day = (row.hour, sum(arrived for _, arrived, _ in row.day), sum(engaged for *_, engaged in row.day))
        row.days = [*row.days, day][-DAYS:]
    row.tainted = False


def engagement_collapses(state: WatchState, service: str, start: int, limit: CollapseLimit) -> Iterator[Symptom]:
    """At the beginning of an hour: where hardly anybody reads what arrived in the last day."""
    prefix = story_key(service, PROVIDER)
    for key in sorted(key for key in state.readers.by_key if key.startswith(prefix)):
        row = state.readers.by_key[key]
        _advance(row, start // HOUR, limit)
        state.readers.put(key, row)
        found = _collapse(row, key[len(prefix) :].decode(), limit)
        if found is not None:
            yield found


def _collapse(row: ReadersRow, provider: str, limit: CollapseLimit) -> Symptom | None:
    arrived = sum(number for hour, number, _ in row.day if hour <= row.hour - limit.hours)
    engaged = sum(number for *_, number in row.day)
    before = [share(part, whole) for over, whole, part in row.days if over <= row.hour - DAY]  # not of this mail
    usual = median(before) if len(before) >= limit.days else UNKNOWN
    if arrived < limit.of or usual < limit.usual or engaged >= limit.times * usual * arrived:
        return None
    if usual < 1 and is_chance(arrived - engaged, arrived, 1 - usual, limit.chance):
        return None
    severity: Severity = "critical" if engaged <= limit.critical * usual * arrived else "warning"
    score = round(1 - engaged / (2 * limit.times * usual * arrived), 3)
    text = limit.provider_text if provider else limit.text
    return Symptom(
        PATTERN, severity, score, engaged, arrived, usual, text, limit.quiet, "engagement_share", provider=provider
    )
