"""Verdicts -> which intents wait, and until when. Pure: who calls it reads and writes rows.

Verdicts of a partition come in the order in which they were made, so whatever comes later on an intent ends its
waiting: it is deferred once more, or dropped. That it was approved Release does not read: docs/decisions/070.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from sidestep.schemas import Verdict
from sidestep.schemas.intents import ATTEMPT_MAX
from sidestep.streams.release.tables import DUE, WAITING, DueRow, WaitingRow, due_key, intent_key
from sidestep.streams.runtime.tables import Writes

LATEST = 2**62
"""Milliseconds: a later time, which only a stranger can have written, is taken for this one."""


class Offering(Protocol):
    """Whose intents are offered again, as the policy in force says."""

    def names(self, service: str) -> bool:
        """Whether this service's are."""


@dataclass
class Folded:
    """What a batch of verdicts came to."""

    writes: Writes = field(default_factory=Writes)
    change: Counter[str] = field(default_factory=Counter)
    """Intents that wait more than before, by service; fewer: below 0."""
    taken: Counter[str] = field(default_factory=Counter)
    """Deferrals that wait from now on, by service."""
    ended: int = 0
    """Of those that waited, those that have had another verdict."""
    left: Counter[str] = field(default_factory=Counter)
    """Deferrals of services that the policy names and that are not offered again all the same, by the reason."""


def fold(
    verdicts: Iterable[tuple[int, Verdict]], known: Mapping[bytes, WaitingRow], offering: Offering, signs: bool
) -> Folded:
    """`verdicts`: with their offsets, in order; `known`: the rows of their intents, by key. `signs`: what a service has
    proved can be said in its name once more."""
    folded = Folded()
    rows: dict[bytes, WaitingRow | None] = dict(known)
    for offset, verdict in verdicts:
        if verdict.test or verdict.refuses_another:
            continue
        key = intent_key(verdict)
        before = rows.get(key)
        if before is not None:
            rows[key] = None
            _end(folded, key, before)
            folded.ended += 1
        if verdict.action == "defer" and offering.names(verdict.service):
            why = _obstacle(verdict, signs)
            if why:
                folded.left[why] += 1
            else:
                rows[key] = row = WaitingRow(_due(verdict), offset, verdict.service, _ms(verdict.decided_at))
                _begin(folded, key, row)
    return folded


def _obstacle(verdict: Verdict, signs: bool) -> str:
    if verdict.attempt >= ATTEMPT_MAX:
        return "last-attempt"
    return "no-key" if verdict.proved and not signs else ""


def _due(verdict: Verdict) -> int:
    return _ms(verdict.decided_at if verdict.retry_at is None else verdict.retry_at)


def _ms(second: float) -> int:
    """Milliseconds that a row can keep, not one too early."""
    return max(0, math.ceil(min(second * 1000, LATEST)))


def _begin(folded: Folded, key: bytes, row: WaitingRow) -> None:
    folded.writes.of(WAITING)[key] = row
    folded.writes.of(DUE)[due_key(row.due, row.offset)] = DueRow(key, row.service)
    folded.taken[row.service] += 1
    folded.change[row.service] += 1


def _end(folded: Folded, key: bytes, row: WaitingRow) -> None:
    folded.writes.of(WAITING)[key] = None
    folded.writes.of(DUE)[due_key(row.due, row.offset)] = None
    folded.change[row.service] -= 1
