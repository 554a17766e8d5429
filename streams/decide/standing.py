"""What it means that an intent's id has been seen before, or has not: a table of situations. Pure.

    its id            this content       its attempt     the last one         situation            what follows
    unknown           not answered       any             -                    FIRST                judged
    unknown           not answered       any             (Screen's hint)      TAKEN_ELSEWHERE      id-reused
    this content      -                  judged already  any                  REPEATED             passed over
    this content      not answered       below the first deferred or dropped  BEGUN_ANEW           judged
    this content      not answered       below the first approved             SENT_BEFORE_ITS_TURN already-decided
    this content      not the same one   the next one    deferred             OFFERED_AGAIN        judged
    this content      not answered       a later one     deferred             OUT_OF_TURN          attempt-out-of-turn
    this content      not answered       a later one     approved or dropped  OFFERED_THOUGH_FINAL already-decided
    other content     not answered       any             -                    TAKEN                id-reused
    any               answered already   judged already  any                  ANSWERED             passed over

README, "Deliveries", has the rows as users read them: a test compares. docs/decisions/004-known-ids.md says why,
047-what-an-id-stands-for.md why an attempt takes its turn.
"""

from enum import Enum
from typing import NamedTuple

from msgspec.structs import replace

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.by_id import sent_to_of
from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS, DEFER, DROP, SEND, IdRow
from sidestep.streams.decide.keys import attempt_key
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.state import State

RESERVED = b"reserved"
"""Content of an id that has been seen with a fault only: its rightful content may still wait for DNS."""
PLACES_MOST = 32
"""Partitions of which the row of an attempt remembers a record: as many as one that hashes keys in all ways ever meets.
Of more, the one that was noted first is forgotten."""


PARTS = ("recipient", "stream", "campaign", "source", "metadata")
"""What each octet of the evidence's `parts` is of."""


class Follows(Enum):
    """What becomes of an intent before any rule is asked."""

    JUDGED = "judged"
    PASSED_OVER = "passed over"
    ALREADY_DECIDED = "already-decided"
    OUT_OF_TURN = "attempt-out-of-turn"
    ID_REUSED = "id-reused"


JUDGED = Follows.JUDGED
"""By a name of its own: Python 3.11 takes ten times as long to look at a member of an Enum."""


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
    "the same id with anything else that a verdict tells the mailer: recipient, stream, campaign, source, metadata",
    "its own verdict, rejected by `id-reused` (across domains: see Limits)",
)
_PUBLISHED = (
    "an intent is published",
    "exactly one verdict for its service, id and attempt, for whoever reads committed records",
)
FIRST = Situation(Follows.JUDGED, *_PUBLISHED)
BEGUN_ANEW = Situation(Follows.JUDGED, *_PUBLISHED)
REPEATED = Situation(Follows.PASSED_OVER, *_REPEATED)
ANSWERED = Situation(Follows.PASSED_OVER, *_REPEATED)
OFFERED_AGAIN = Situation(Follows.JUDGED, "a deferred intent is offered again with the next `attempt`", "a new verdict")
OUT_OF_TURN = Situation(
    Follows.OUT_OF_TURN,
    "a deferred intent is offered again with an `attempt` beyond the next",
    "rejected by `attempt-out-of-turn`; the next one is judged all the same",
)
OFFERED_THOUGH_FINAL = Situation(
    Follows.ALREADY_DECIDED,
    "an intent that was approved or dropped is offered again with another `attempt`",
    "rejected by `already-decided`: never sent twice",
)
SENT_BEFORE_ITS_TURN = Situation(*OFFERED_THOUGH_FINAL)
TAKEN = Situation(Follows.ID_REUSED, *_TAKEN)
TAKEN_ELSEWHERE = Situation(Follows.ID_REUSED, *_TAKEN)

TABLE = (
    FIRST, BEGUN_ANEW, REPEATED, OFFERED_AGAIN, OUT_OF_TURN, OFFERED_THOUGH_FINAL, SENT_BEFORE_ITS_TURN, TAKEN,
    TAKEN_ELSEWHERE, ANSWERED,
)  # fmt: skip


def situation(state: State, evidence: IntentEvidence) -> Situation:
    """Which row of the table an intent meets. Looks only."""
    ids = state.ids
    if evidence.id_key not in ids and evidence.content_key not in ids:  # nearly every intent
        if evidence.attempt == 1 or _answered(state, evidence) is None:
            return TAKEN_ELSEWHERE if evidence.reused else FIRST
        return ANSWERED
    now = state.controls.clock_ms // 1000
    known = _remembered(state, evidence.id_key, now)
    if known is not None and known.content == RESERVED:
        known = None
    if known is not None and known.content[:8] == evidence.content_key[:8]:
        return _of_this_content(state, evidence, known)
    if _answered(state, evidence) is not None:
        return ANSWERED
    if known is not None:
        return TAKEN
    return TAKEN_ELSEWHERE if evidence.reused else FIRST


def judged(state: State, evidence: IntentEvidence, action: int) -> None:
    """Notes what became of an intent that was judged."""
    now, content = state.controls.clock_ms // 1000, evidence.content_key[:8] + evidence.parts
    sent_to = sent_to_of(evidence) if action == SEND else None
    if evidence.attempt == 1:
        state.remember(evidence.id_key, IdRow(now, content, 1, action, 1, sent_to))
        return
    known = _remembered(state, evidence.id_key, now)
    follows = known is not None and known.content[:8] == content[:8] and evidence.attempt == known.attempt + 1
    began = known.began if known is not None and follows else evidence.attempt
    state.remember(evidence.id_key, IdRow(now, content, evidence.attempt, action, began, sent_to))
    if began > 1:  # a lower one may begin anew, and makes this one a later one
        _note_answered(state, evidence, now)


def refuse(state: State, evidence: IntentEvidence, met: Situation) -> Finding:
    """A fault of the service: notes it, so that the same one is not answered twice, and says what is wrong."""
    now = state.controls.clock_ms // 1000
    _note_answered(state, evidence, now)
    if met is OUT_OF_TURN:
        last = state.ids[evidence.id_key].attempt
        text = (
            f"This is attempt {evidence.attempt} of an intent whose last one was attempt {last}: only attempt "
            f"{last + 1} can follow. Nothing else has changed."
        )
    elif met.follows is Follows.ALREADY_DECIDED:
        last_row = state.ids[evidence.id_key]
        # known for as long as somebody still offers it, with the attempt that was judged
        state.remember(evidence.id_key, replace(last_row, at=now))
        text = "Another attempt of this intent has had its final verdict. Only a deferred intent may be offered again."
    else:
        before = evidence.reused_parts if met is TAKEN_ELSEWHERE else state.ids[evidence.id_key].content[8:]
        if met is TAKEN_ELSEWHERE:
            # Screen's hint is gone after its restart: when this comes again without it, the id must lead to its content
            state.remember(evidence.id_key, IdRow(now, RESERVED, 0, DROP))
        text = (
            f"The service {evidence.service} has used this id before, {_other(before, evidence.parts)}. Ids must be "
            "unique."
        )
    return Finding(met.follows.value, text)


def _other(before: bytes, parts: bytes) -> str:
    """What another intent of the same id says otherwise, as far as the ledger can tell."""
    known = len(before) == len(parts) == len(PARTS)
    differ = [name for name, one, other in zip(PARTS, before, parts, strict=True) if one != other] if known else []
    if not differ:
        return "for another recipient, stream, campaign, source or other metadata"
    listed = differ[0] if len(differ) == 1 else f"{', '.join(differ[:-1])} and {differ[-1]}"
    return f"with other {listed}" if differ == ["metadata"] else f"with another {listed}"


def unreadable(evidence: IntentEvidence) -> Finding:
    """A fault of the service as well, that is told once; its id is not used by it."""
    text = f"This intent breaks the contract: {evidence.unreadable}. Mended, it may come again under this id."
    return Finding("unreadable", text)


def pass_over(state: State, evidence: IntentEvidence) -> None:
    """Of an attempt whose turn may come yet, notes which record has repeated it: that one may be read again by then."""
    if evidence.attempt == 1:
        return
    now, key = state.controls.clock_ms // 1000, attempt_key(evidence.content_key, evidence.attempt)
    row = _remembered(state, key, now)
    if row is not None and not _was_for(row, evidence):
        state.remember(key, replace(row, at=now, content=_and_for(row, evidence)))


def _of_this_content(state: State, evidence: IntentEvidence, known: IdRow) -> Situation:
    attempt = evidence.attempt
    if known.began <= attempt <= known.attempt:
        return REPEATED
    answered = _answered(state, evidence)
    turn = attempt == known.attempt + 1 and known.action == DEFER
    # what came too early may come again in its turn; only the records that came before it may not
    if answered is not None and not (turn and not _was_for(answered, evidence)):
        return ANSWERED
    if attempt < known.began:
        return SENT_BEFORE_ITS_TURN if known.action == SEND else BEGUN_ANEW
    if known.action != DEFER:
        return OFFERED_THOUGH_FINAL
    return OFFERED_AGAIN if turn else OUT_OF_TURN


def _note_answered(state: State, evidence: IntentEvidence, now: int) -> None:
    """An attempt of this content has had its verdict, whatever stands under the id."""
    if evidence.attempt == 1:
        state.remember(evidence.content_key, IdRow(now, evidence.content_key[:8], 1, DROP))
    else:
        key = attempt_key(evidence.content_key, evidence.attempt)
        content = _and_for(_remembered(state, key, now), evidence)
        state.remember(key, IdRow(now, content, evidence.attempt, DROP))


def _was_for(answered: IdRow, evidence: IntentEvidence) -> bool:
    """Whether the record, or a later one of its partition, is one of those that the attempt's row is about."""
    place, offset = _place(evidence.origin.encode())
    return any(known == place and offset <= last for known, last in map(_place, answered.content.split(b" ")))


def _and_for(answered: IdRow | None, evidence: IntentEvidence) -> bytes:
    """The records that the attempt's row is about, and this one: the last one of each partition."""
    origin = evidence.origin.encode()
    if answered is None:
        return origin
    if _was_for(answered, evidence):
        return answered.content
    others = [other for other in answered.content.split(b" ") if _place(other)[0] != _place(origin)[0]]
    return b" ".join([*others[1 - PLACES_MOST :], origin])


def _place(origin: bytes) -> tuple[bytes, int]:
    """`TOPIC/PARTITION/OFFSET` -> its partition and offset; anything else is a place of its own."""
    partition, _, offset = origin.rpartition(b"/")
    return (partition, int(offset)) if offset.isdigit() and len(offset) < 20 else (origin, 0)


def _answered(state: State, evidence: IntentEvidence) -> IdRow | None:
    now = state.controls.clock_ms // 1000
    row = _remembered(state, evidence.content_key, now)
    if row is not None and evidence.attempt <= row.attempt:
        return row
    return (
        _remembered(state, attempt_key(evidence.content_key, evidence.attempt), now) if evidence.attempt > 1 else None
    )


def _remembered(state: State, key: bytes, now: int) -> IdRow | None:
    row = state.ids.get(key)
    return row if row is not None and now - row.at <= DEDUPLICATION_SECONDS else None
