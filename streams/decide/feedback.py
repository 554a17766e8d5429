"""Bounces, complaints, signs of life and trap hits into the ledger, each once by its id. Pure."""

from sidestep.schemas import FeedbackEvidence, TrapRecord
from sidestep.streams.decide import life
from sidestep.streams.decide.counted import CameBack, Lesson, TrapHit, Whose
from sidestep.streams.decide.sources import came_back, last_message
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import COUNTED, DEDUPLICATION_SECONDS, DomainRow, IdRow, RecipientRow, ServiceRow

ENGAGED = ("opened", "clicked", "replied")
PERSONS = (*ENGAGED, "unsubscribed", "complaint")
"""What only somebody does who is there."""


def count_feedback(state: State, feedback: FeedbackEvidence) -> None:
    """Take one event into the recipient's, the domain's and the service's rows; a known one is passed over."""
    now = state.controls.clock_ms // 1000
    known = state.ids.get(feedback.event_key)
    if known is not None and now - known.at <= DEDUPLICATION_SECONDS:
        return
    state.remember(feedback.event_key, IdRow(now, action=COUNTED))
    # a report may come late, but not from the future
    when = min(feedback.occurred_at // 1000, now) if feedback.occurred_at else now
    if feedback.event == "bounce":
        _bounce(state, feedback, when, now)
    elif feedback.event == "complaint":
        _complaint(state, feedback, when, now)
    elif feedback.event == "not-spam":
        _take_back(state, feedback, now)
    else:
        _sign_of_life(state, feedback, when, now)
    row = state.known(feedback.recipient_key, now)
    origin = _origin(state, row, feedback.domain, feedback.service)
    state.others.append(CameBack(feedback, origin, _outcome(row, feedback)))


def count_trap(state: State, record: TrapRecord) -> None:
    """Take the report of a trap as the outcome of the last message to it; a message has one outcome."""
    row = state.known(record.recipient_key, state.controls.clock_ms // 1000) if record.recipient_key else None
    if row is not None and row.awaiting and not record.lifted:
        outcome = Lesson(row.awaiting, bad=True)
        row.awaiting = 0
        state.written_recipients[record.recipient_key] = row
        state.others.append(TrapHit(_origin(state, row, record.domain, ""), outcome))


def _outcome(row: RecipientRow | None, feedback: FeedbackEvidence) -> Lesson | None:
    """The outcome that an event is of the last message. Such an event has changed the row already: it is written."""
    bad = feedback.event == "bounce" and feedback.hard and feedback.scope == "recipient"
    if row is None or not row.awaiting or not (bad or feedback.event in PERSONS):
        return None
    outcome = Lesson(row.awaiting, bad)
    row.awaiting = 0
    return outcome


def _origin(state: State, row: RecipientRow | None, domain: str, service: str) -> Whose:
    """Of the last message, if that was the service's own; a report that names no service is about whoever it was."""
    at = state.domains.get(domain.encode())
    provider = at.provider if at is not None else ""
    if row is None:
        return Whose(service, provider=provider)
    last = last_message(row)
    if service not in ("", last.service):
        return Whose(service, provider=provider)
    return Whose(last.service, last.source, last.campaign, provider)


def _bounce(state: State, feedback: FeedbackEvidence, when: int, now: int) -> None:
    """Only a bounce that blames the recipient marks one: a block of ours says nothing about them."""
    if feedback.scope != "recipient":
        return
    if feedback.reason == "suspend":
        life.suspended(state.recipient(feedback.recipient_key, now), when)
    elif feedback.hard:
        row = state.recipient(feedback.recipient_key, now)
        life.bounced(row, when)
        for story in came_back(state, row):
            story.hard_bounces += 1
    if feedback.hard:
        for counted in _rows(state, feedback, now):
            counted.hard_bounces += 1


def _complaint(state: State, feedback: FeedbackEvidence, when: int, now: int) -> None:
    row = state.recipient(feedback.recipient_key, now)
    life.complained(row, when)
    for story in came_back(state, row):
        story.complaints += 1
    for counted in _rows(state, feedback, now):
        counted.complaints += 1


def _take_back(state: State, feedback: FeedbackEvidence, now: int) -> None:
    row = state.known(feedback.recipient_key, now)
    if row is not None and row.complained_at:
        row.complained_at = 0
        state.written_recipients[feedback.recipient_key] = row
        for counted in (*_rows(state, feedback, now), *came_back(state, row)):
            counted.complaints = max(0, counted.complaints - 1)


def _sign_of_life(state: State, feedback: FeedbackEvidence, when: int, now: int) -> None:
    row = state.recipient(feedback.recipient_key, now)
    if feedback.event == "delivered":
        life.delivered(row, when)
    elif feedback.event == "unsubscribed":
        life.unsubscribed(row, when)
    elif feedback.event in ENGAGED:
        life.engaged(row, when)
        for story in came_back(state, row):
            story.engaged += 1


def _rows(state: State, feedback: FeedbackEvidence, now: int) -> list[DomainRow | ServiceRow]:
    name = feedback.domain.encode()
    rows: list[DomainRow | ServiceRow] = [state.domain(name, now)]
    if feedback.service:
        rows.append(state.service(feedback.service.encode() + b"@" + name, now))
    return rows
