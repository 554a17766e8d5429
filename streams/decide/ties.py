"""Whether what comes back is about a message of ours, as far as the policy wants to know: [feedback]. Pure.

What anybody can say about anybody is a stray report: it marks nobody, and the next intent to the mailbox tells of it.
"""

from typing import NamedTuple

from sidestep.schemas import FeedbackEvidence, TrapRecord
from sidestep.streams.decide.claims import is_of
from sidestep.streams.decide.counted import StrayTold
from sidestep.streams.decide.id_rows import COUNTED, DEDUPLICATION_SECONDS, STRAY, IdRow
from sidestep.streams.decide.mark_rows import StrayReport
from sidestep.streams.decide.policy import DAY, NEEDS, Believing
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import RecipientRow

HOUR = 3_600
"""By which a provider's clock may be behind."""
STAND = frozenset({"bounce", "complaint", "not-spam", "unsubscribed"})
"""Events that have to be of a message of ours: what counts against somebody, or takes that back."""
LASTING = {"complaint": "complaint", "unsubscribed": "opt-out"}

Report = FeedbackEvidence | TrapRecord


class Recurrence(NamedTuple):
    """What is known of a report before it is counted."""

    again: bool
    """It has been counted."""
    stray_again: bool
    """It has been taken for a stray one."""


def recurrence(state: State, event_key: bytes, now: int) -> Recurrence:
    """Whether a report has come before."""
    known = state.ids.get(event_key)
    if known is None or now - known.at > DEDUPLICATION_SECONDS:
        return Recurrence(again=False, stray_again=False)
    return Recurrence(known.action == COUNTED, known.action == STRAY)


def is_ours(state: State, said: Report, when: int) -> bool:
    """Whether a report is of a message of ours. `when`: of what it tells, seconds."""
    policy = state.controls.policy
    if policy is None:
        return True
    needs = _needs(policy.believing, said)
    if needs == "nothing":
        return True
    days = policy.believing.bounce_days if _is_bounce(said) else policy.believing.person_days
    if said.tied:
        # a token tells the day alone
        made = said.tied_at // 1000
        return said.tied == "token" and made - HOUR <= when <= made + (days + 1) * DAY
    if needs == "token" or (needs == "proof" and not said.proved):
        return False
    row = state.known(said.recipient_key, state.controls.clock_ms // 1000)
    return row is not None and _was_mailed(row, said.service, when, days * DAY)


def is_consent(state: State, said: FeedbackEvidence) -> bool:
    """Whether it is believed that a person wants mail, which an earlier opt-out stops: no message of ours has to be
    there, so it takes what proves who says so where reports need that."""
    policy = state.controls.policy
    if said.claimed or said.tied == "wrong-token" or policy is None:
        return False
    needs = _needs(policy.believing, said)
    return said.tied == "token" or needs in ("nothing", "approval") or (needs == "proof" and bool(said.proved))


def set_aside(state: State, said: Report, stray_again: bool, when: int, now: int) -> None:
    """Of a report that is not of a message of ours: once, and nothing that stops mail."""
    if stray_again:
        return
    if said.event_key:
        state.remember(said.event_key, IdRow(now, action=STRAY))
    what = _what(said)
    state.stray.append(what)
    state.others.append(StrayTold(_teller(said)))
    if what != "other":
        row = state.recipient(said.recipient_key, now)
        times = row.stray.times + 1 if row.stray is not None else 1
        row.stray = StrayReport(when, what, said.service, times)


def _needs(believing: Believing, said: Report) -> str:
    """The strictest of what is asked of those whom it names. Without a signature a name can make it stricter only."""
    names = said.service, f"door:{said.door}", f"key:{said.proved}"
    asked = [believing.of[name] for name in names if name in believing.of]
    if not said.proved:
        asked.append(believing.needs)
    return max(asked, key=NEEDS.index, default=believing.needs)


def _was_mailed(row: RecipientRow, service: str, when: int, window: int) -> bool:
    """Whether a message of the service, or of any where none is named, had gone out to it by then, not long before."""
    if not row.last_approved or when < row.first_seen - HOUR:
        return False
    return when - _last_mailed(row, service) <= window


def _last_mailed(row: RecipientRow, service: str) -> int:
    """When the service, or any where none is named, mailed it last, as far as that is known; 0: never."""
    if not service or is_of(row.last_service, service):
        return row.last_approved
    by_others = [mailed.at for mailed in row.mailed if is_of(mailed.service, service)]
    # of rows from before services were told apart the first one is known, too
    return max(by_others, default=row.last_approved if is_of(row.service, service) else 0)


def _teller(said: Report) -> str:
    """By which bursts are told apart; all but a key is a claim."""
    if said.proved:
        return f"key:{said.proved}"
    return f"door:{said.door}" if said.door else said.service or "nobody"


def _is_bounce(said: Report) -> bool:
    return isinstance(said, FeedbackEvidence) and said.event == "bounce"


def _what(said: Report) -> str:
    """What it would have marked the mailbox with; other: with nothing."""
    if isinstance(said, TrapRecord):
        return "trap"
    if said.event != "bounce":
        return LASTING.get(said.event, "other")
    if said.scope != "recipient":
        return "other"
    return "suspension" if said.reason == "suspend" else "hard-bounce" if said.hard else "other"
