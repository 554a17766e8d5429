"""The pattern `unusual`: windows that look like none of the last days, by all their figures together. Pure."""

from sidestep.streams.watch.counts import Counts, share
from sidestep.streams.watch.features import window_features
from sidestep.streams.watch.forest import score
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.symptom import Symptom
from sidestep.streams.watch.tables import ForestRow, WindowRow
from sidestep.streams.watch.thresholds import Document

BITS = 8.0
"""Domain entropy that counts as all of it."""


def unusual(
    state: WatchState, service: str, row: WindowRow, short: Counts, usual_volume: float, watch: Document
) -> Symptom | None:
    """Score a window, and count it. `short`: the last three minutes, for what came back."""
    limit, shape = watch.unusual, watch.forest
    if row.counts.intents < limit.intents or usual_volume < 0:
        return None
    forest = state.forests.get(service.encode()) or ForestRow()
    found = score(forest, shape, vector(row, short, usual_volume))
    known = forest.blocks * shape.block >= watch.cold.windows and forest.highest
    strange = bool(known) and found >= max(limit.score, max(forest.highest) + limit.margin)
    forest.streak = forest.streak + 1 if strange else 0
    state.forests.put(service.encode(), forest)
    if forest.streak < limit.windows:
        return None
    return Symptom(
        "unusual", "notice", found, row.counts.intents, 0, -1.0, limit.text, limit.quiet, "volume_of_window",
        numbers=True,
    )  # fmt: skip


def vector(row: WindowRow, short: Counts, usual_volume: float) -> tuple[float, ...]:
    """The features as numbers from 0 to 1; small shares are drawn apart."""
    counts, alone = row.counts, window_features(row)
    return (
        short.intents / (short.intents + max(1.0, usual_volume)),
        _apart(share(counts.unknown, counts.intents)),
        _apart(share(counts.dormant, counts.intents)),
        share(counts.never_mailed, counts.approved),
        min(1.0, share(counts.risk, 1000 * counts.approved)),
        min(1.0, _apart(share(short.hard_bounces, short.mails))),
        min(1.0, _apart(10 * share(short.complaints, short.arrived))),
        min(1.0, share(short.engaged, short.arrived)),
        _apart(alone["typo_share"]),
        _apart(alone["role_share"]),
        min(1.0, alone["domain_entropy"] / BITS),
        min(1.0, share(short.blocks, short.mails)),
    )


def _apart(part: float) -> float:
    """0, 0.01, 0.1 and 1 -> 0, 0.17, 0.67 and 0.95: twice as much differs as much of little as of much."""
    return part / (part + 0.05)
