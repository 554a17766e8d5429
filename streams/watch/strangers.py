"""Strangers: a form or another source from which far more first messages come than ever, as robots fill it in. Pure."""

from sidestep.streams.watch.baselines import FADES, HOUR, WEEK
from sidestep.streams.watch.counts import Counts
from sidestep.streams.watch.symptom import Symptom, score_of
from sidestep.streams.watch.tables import StoryRow
from sidestep.streams.watch.thresholds import UnknownLimit

DAY = 86_400


def strangers(row: StoryRow, start: int, name: str, short: Counts, limit: UnknownLimit) -> Symptom | None:
    """Look at a source at the end of a window, and take in what it held in the `short` time.

    A young one has nothing but strangers.
    """
    _advance(row, start // HOUR)
    row.strangers = max(row.strangers, short.never_mailed)
    least = max(limit.strangers, limit.strangers_times * row.strangers_before)
    if start - row.first_seen < limit.strangers_days * DAY or short.never_mailed < least:
        return None
    if short.never_mailed < limit.strangers_share * short.approved:
        return None
    return Symptom(
        "unknown-burst", "warning", score_of(short.never_mailed, least), short.never_mailed, short.approved,
        float(row.strangers_before), limit.strangers_text, limit.quiet, "first_messages", "never-mailed", name,
        numbers=True, suspected=True,
    )  # fmt: skip


def _advance(row: StoryRow, hour: int) -> None:
    if hour == row.strangers_hour:
        return
    weeks = hour // WEEK - row.strangers_hour // WEEK
    before = max(row.strangers_before, row.strangers)
    row.strangers_before = before - min(before, before * weeks // FADES)
    row.strangers_hour, row.strangers = hour, 0
