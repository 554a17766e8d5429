"""What is usual for a service: shares over the last weeks, and volume by the hour of the week. Pure.

Robust in two ways: hours with an incident teach nothing, and a peak counts as usual only where it comes again at the
same hour of the week. A service whose highest peaks do not, such as one that sends a newsletter now and then, is
compared with its highest peak of all.
"""

from collections.abc import Iterator

from sidestep.streams.watch.counts import Counts, share
from sidestep.streams.watch.tables import BaselineRow
from sidestep.streams.watch.thresholds import Cold

HOUR = 3600
WEEK = 168
"""Hours."""
WEEKS = 6
"""Peaks of an hour of the week that are remembered."""
DAY = 24
KEPT = 26
"""Hours that are remembered one by one: what waits for a day comes again a little later."""
FADES = 16
"""The highest peak loses such a part of itself each week."""
UNKNOWN = -1.0
"""Nothing is usual yet."""


def new_baseline(second: int) -> BaselineRow:
    """Of a service that is seen for the first time."""
    hour = second // HOUR
    return BaselineRow(hour, hour, halved=hour // WEEK)


def advance(row: BaselineRow, second: int, cold: Cold) -> Iterator[int]:
    """Enter the hour of that second. Gives the start of each hour with mail that ends by it, before it is put by."""
    hour = second // HOUR
    while row.hour < hour:
        if row.now != Counts():
            yield row.hour * HOUR
        _end_hour(row, cold)
        if hour - row.hour > WEEK * WEEKS:
            row.hour = hour - WEEK * WEEKS  # longer ago than anything is remembered


def _end_hour(row: BaselineRow, cold: Cold) -> None:
    if not row.tainted:
        row.taught.add(row.now)
    # a peak that was an incident was told of: half as much more would be news
    peak = row.peak // 2 if row.tainted else row.peak
    peaks = row.weeks.setdefault(row.hour % WEEK, [])
    peaks.append(peak)
    del peaks[:-WEEKS]
    row.highest = max(row.highest, peak)
    if row.now != Counts():
        row.day.append((row.hour, row.now))
    row.hour += 1
    row.day = [(hour, counts) for hour, counts in row.day if hour > row.hour - KEPT]
    row.now, row.peak, row.tainted = Counts(), 0, False
    week = row.hour // WEEK
    for _ in range(min(week - row.halved, 64)):
        row.highest -= (row.highest + FADES - 1) // FADES
        if min(row.taught.intents, row.taught.mails) >= 2 * cold.of:  # who mails once a month is not forgotten
            row.taught.halve()
    row.halved = week


def news(row: BaselineRow, short: Counts) -> int:
    """Intents of the last three minutes that are news. What was deferred in the last day comes again, perhaps all at
    once; and where most is deferred, it is stopped already."""
    waiting = row.now.deferred + sum(counts.deferred for _, counts in row.day) - short.deferred
    taken = short.approved + short.dropped
    return max(0, taken + min(taken, short.deferred) - max(0, waiting))


def learn(row: BaselineRow, counts: Counts, short_volume: int, tainted: bool) -> None:
    """A window of the hour that lasts. `short_volume`: intents in the last three minutes."""
    row.now.add(counts)
    row.peak = max(row.peak, short_volume)
    row.tainted = row.tainted or tainted


def usual_share(part: int, whole: int, cold: Cold) -> float:
    """What is usual, of counts that were taught."""
    return share(part, whole) if whole >= cold.of else UNKNOWN


def usual_volume(row: BaselineRow, second: int, cold: Cold) -> float:
    """The most intents in three minutes that are usual at that time; UNKNOWN where it is too early to say."""
    hour = second // HOUR
    if hour - row.first_hour < cold.hours or not row.weeks:
        return UNKNOWN
    peaks = [peak for near in (-1, 0, 1) for peak in row.weeks.get((hour + near) % WEEK, ())]
    highest = max(max(found) for found in row.weeks.values())
    if len(row.weeks.get(hour % WEEK, ())) < cold.weeks or not _comes_again(row, highest):
        return float(max(highest, row.highest))
    return float(max(peaks))


def _comes_again(row: BaselineRow, highest: int) -> bool:
    """Whether the highest peaks come at the same hours of the week."""
    return highest > 0 and any(
        peaks and max(peaks) == highest and sum(2 * peak >= highest for peak in peaks) >= 2
        for peaks in row.weeks.values()
    )


def last_day(row: BaselineRow, window: Counts) -> Counts:
    """The last 24 hours, with the one that lasts and the window that has just ended."""
    counts = Counts()
    counts.add(window)
    for when, hour in row.day:
        if when > row.hour - DAY:
            counts.add(hour)
    counts.add(row.now)
    return counts
