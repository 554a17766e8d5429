"""What came back of messages, and what else is no intent, into the rows of the second that lasts. Pure."""

from base64 import b64encode
from collections.abc import Callable

from sidestep.schemas import FeedbackEvidence
from sidestep.streams.decide.counted import Bombed, CameBack, Lesson, RefusedRecords, StrayTold, TrapHit, Whose
from sidestep.streams.decide.risk import names_of
from sidestep.streams.decide.tally_counts import OTHER, add_samples, count, counts_of, has_room
from sidestep.streams.decide.tally_rows import SAMPLED, TallyRow

DELIVERED, HARD_BOUNCES, SOFT_BOUNCES, BLOCKS, SLOW_DOWNS, COMPLAINTS, ENGAGED, TRAPS, REFUSALS = range(9)
"""Columns of counts, in the order of schemas.Returns."""
BAD, GOOD, LEARNT_TRAPS, EXPECTED = range(4)
"""Columns of counts, in the order of schemas.Learnt."""
TOO_FAST = frozenset({"speeding", "toomanyconn", "ratelimited"})
"""Reasons of bounces, as Screen's vocabulary has them, that say that we send too fast."""
UNUSUAL_RATE = "7.28"
"""Google's status code for the same, whatever its class."""
REFUSED = frozenset({"blocked", "badreputation"})
"""Reasons that say that nothing of ours is taken."""
_COLUMNS = {
    "delivered": DELIVERED,
    "complaint": COMPLAINTS,
    "opened": ENGAGED,
    "clicked": ENGAGED,
    "replied": ENGAGED,
}
_SAMPLED = {HARD_BOUNCES: "hard-bounce", COMPLAINTS: "complaint", BLOCKS: "block"}

RowOf = Callable[[str], TallyRow]
"""The row of a service in the second that lasts."""


def add_other(row_of: RowOf, other: CameBack | TrapHit | Bombed | RefusedRecords | StrayTold) -> None:
    """Count something that is no intent. What is learnt, what was refused and what is of no message of ours goes into
    the row of all services, whose name is empty."""
    if isinstance(other, RefusedRecords):
        _add_refused(row_of(""), other)
    elif isinstance(other, StrayTold):
        row = row_of("")
        count(row.stray, (other.by if has_room(row.stray, other.by) else OTHER,))
    elif isinstance(other, Bombed):
        _add_bombed(row_of(other.service), other)
    elif isinstance(other, TrapHit):
        _add_returns(row_of(other.origin.service), other.origin, [TRAPS])
    else:
        _add_feedback(row_of(other.origin.service if other.feedback.service else ""), other.feedback)
        _add_came_back(row_of(other.origin.service), other)
    if isinstance(other, CameBack | TrapHit) and other.lesson is not None:
        _learn(row_of(""), other.lesson, trap=isinstance(other, TrapHit))


def _add_feedback(row: TallyRow, feedback: FeedbackEvidence) -> None:
    count(row.events, (feedback.event,))
    if feedback.event == "bounce":
        row.hard_bounces += feedback.hard
        count(row.scopes, (feedback.scope,))
        if feedback.reason:
            # whoever reports a bounce may name any reason
            count(row.reasons, (feedback.reason if has_room(row.reasons, feedback.reason) else OTHER,))


def _add_came_back(row: TallyRow, came: CameBack) -> None:
    columns = _columns(came.feedback)
    _add_returns(row, came.origin, columns)
    for column in columns:
        if column in _SAMPLED and came.feedback.intent_id:
            _show(row, _SAMPLED[column], came.feedback.intent_id)


def _show(row: TallyRow, kind: str, id: str) -> None:
    add_samples([row.samples[SAMPLED.index(kind)]], id)


def _columns(feedback: FeedbackEvidence) -> list[int]:
    if feedback.event != "bounce":
        return [_COLUMNS[feedback.event]] if feedback.event in _COLUMNS else []
    columns = [HARD_BOUNCES if feedback.hard else SOFT_BOUNCES]
    if feedback.scope == "us":
        columns.append(BLOCKS)
    subject = feedback.status.partition(".")[2]
    if subject.startswith("2."):  # RFC 3463: of the mailbox, which may get too much by itself
        return columns
    if feedback.reason in TOO_FAST or subject == UNUSUAL_RATE:
        columns.append(SLOW_DOWNS)
    elif feedback.scope == "us" and feedback.reason in REFUSED:
        columns.append(REFUSALS)
    return columns


def _add_returns(row: TallyRow, origin: Whose, columns: list[int]) -> None:
    for column in columns:
        row.returns[column] += 1
        for breakdown, name in (
            (row.returns_by_source, origin.source),
            (row.returns_by_campaign, origin.campaign),
            (row.returns_by_provider, origin.provider),
        ):
            if name:
                counts_of(breakdown, name)[column] += 1


def _learn(row: TallyRow, lesson: Lesson, trap: bool) -> None:
    name = "+".join(names_of(lesson.signals))
    if has_room(row.learnt, name):
        counts = row.learnt.setdefault(name, [0, 0, 0, 0])
        counts[BAD if lesson.bad else GOOD] += 1
        counts[LEARNT_TRAPS] += trap
        counts[EXPECTED] += lesson.expected


def _add_refused(row: TallyRow, refused: RefusedRecords) -> None:
    for who, times in refused.records.items():
        # of whom nobody knows: the reason alone
        name = who if has_room(row.refused, who) else "/" + who.partition("/")[2]
        count(row.refused, (name,), times)


def _add_bombed(row: TallyRow, bombed: Bombed) -> None:
    key = b64encode(bombed.recipient_key).decode()
    if has_room(row.bombed, key):
        row.bombed[key] = bombed.messages
        _show(row, "bombed", bombed.id)
