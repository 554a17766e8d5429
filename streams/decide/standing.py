"""What it means that an intent's id has been seen before, or has not: a table of situations. Pure.

    its id            this content       its attempt     the last one         situation            what follows
    unknown           not answered       any             -                    FIRST                judged
    unknown           not answered       any             (Screen's hint)      TAKEN_ELSEWHERE      id-reused
    this content      -                  judged already  any                  REPEATED             passed over
    this content      -                  higher          deferred             OFFERED_AGAIN        judged
    this content      -                  higher          approved or dropped  OFFERED_THOUGH_FINAL already-decided
    other content     not answered       any             -                    TAKEN                id-reused
    unknown or other  answered already   judged already  any                  ANSWERED             passed over

README, "Deliveries", has the rows as users read them: a test compares. docs/decisions/004-known-ids.md says why.
"""

from enum import Enum
from typing import NamedTuple

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import DEDUPLICATION_SECONDS, DEFER, DROP, IdRow

RESERVED = b"reserved"
"""Content of an id that has been seen with a fault only: its rightful content may still wait for DNS."""


class Follows(Enum):
    """What becomes of an intent before any rule is asked."""

    JUDGED = "judged"
    PASSED_OVER = "passed over"
    ALREADY_DECIDED = "already-decided"
    ID_REUSED = "id-reused"


class Situation(NamedTuple):
    """A row of the table. `happens` and `gets` are the README's words for it."""

    follows: Follows
    happens: str
    gets: str


_REPEATED = (
    "it is published again, or a worker is killed, fenced, restarted, moved",
    "the same one verdict: a known id is passed over in silence, for 8 days",
)
_TAKEN = (
    "the same id with another recipient or stream",
    "its own verdict, rejected by `id-reused` (across domains: see Limits)",
)
FIRST = Situation(
    Follows.JUDGED,
    "an intent is published",
    "exactly one verdict for its service, id and attempt, for whoever reads committed records",
)
REPEATED = Situation(Follows.PASSED_OVER, *_REPEATED)
ANSWERED = Situation(Follows.PASSED_OVER, *_REPEATED)
OFFERED_AGAIN = Situation(Follows.JUDGED, "a deferred intent is offered again with the next `attempt`", "a new verdict")
OFFERED_THOUGH_FINAL = Situation(
    Follows.ALREADY_DECIDED,
    "an intent that was approved or dropped is offered again with a higher `attempt`",
    "rejected by `already-decided`: never sent twice",
)
TAKEN = Situation(Follows.ID_REUSED, *_TAKEN)
TAKEN_ELSEWHERE = Situation(Follows.ID_REUSED, *_TAKEN)

TABLE = (FIRST, REPEATED, OFFERED_AGAIN, OFFERED_THOUGH_FINAL, TAKEN, TAKEN_ELSEWHERE, ANSWERED)


def situation(state: State, evidence: IntentEvidence) -> Situation:
    """Which row of the table an intent meets. Looks only."""
    ids = state.ids
    if evidence.id_key not in ids and evidence.content_key not in ids:  # nearly every intent
        return TAKEN_ELSEWHERE if evidence.reused else FIRST
    now = state.controls.clock_ms // 1000
    known = _remembered(state, evidence.id_key, now)
    if known is not None and known.content == RESERVED:
        known = None
    if known is not None and known.content == evidence.content_key[:8]:
        if evidence.attempt <= known.attempt:
            return REPEATED
        return OFFERED_AGAIN if known.action == DEFER else OFFERED_THOUGH_FINAL
    answered = _remembered(state, evidence.content_key, now)
    if answered is not None and evidence.attempt <= answered.attempt:
        return ANSWERED
    if known is not None:
        return TAKEN
    return TAKEN_ELSEWHERE if evidence.reused else FIRST


def refuse(state: State, evidence: IntentEvidence, met: Situation) -> Finding:
    """A fault of the service: notes it, so that the same one is not answered twice, and says what is wrong."""
    now = state.controls.clock_ms // 1000
    content = evidence.content_key[:8]
    if met is OFFERED_THOUGH_FINAL:
        last = state.ids[evidence.id_key]
        state.remember(evidence.id_key, IdRow(now, content, evidence.attempt, last.action))
        text = (
            "An earlier attempt of this intent has had its final verdict. Only a deferred intent may be offered again."
        )
        return Finding(met.follows.value, text)
    state.remember(evidence.content_key, IdRow(now, content, evidence.attempt, DROP))
    if met is TAKEN_ELSEWHERE:
        # Screen's hint is gone after its restart: when this comes again without it, the id must lead to its content
        state.remember(evidence.id_key, IdRow(now, RESERVED, 0, DROP))
    text = (
        f"The service {evidence.service} has used this id before, for another recipient or stream. Ids must be unique."
    )
    return Finding(met.follows.value, text)


def _remembered(state: State, key: bytes, now: int) -> IdRow | None:
    row = state.ids.get(key)
    return row if row is not None and now - row.at <= DEDUPLICATION_SECONDS else None
