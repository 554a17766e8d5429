"""Bounces, complaints and signs of life into the ledger, each once by its id. Pure."""

from sidestep.schemas import FeedbackEvidence
from sidestep.streams.decide import life
from sidestep.streams.decide.claims import is_of, told_name
from sidestep.streams.decide.counted import CameBack
from sidestep.streams.decide.erasure import OBJECTIONS, comes_late
from sidestep.streams.decide.hosts import mailbox_gone, person_seen
from sidestep.streams.decide.hygiene import never_was
from sidestep.streams.decide.id_rows import COUNTED, IdRow
from sidestep.streams.decide.outcomes import take_lesson, whose
from sidestep.streams.decide.slow_down import answered
from sidestep.streams.decide.sources import brought_by, came_back, came_back_badly, sender
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import DomainRow, ServiceRow
from sidestep.streams.decide.ties import STAND, is_consent, is_ours, recurrence, set_aside

ENGAGED = ("opened", "clicked", "replied")
PERSONS = (*ENGAGED, "unsubscribed", "subscribed", "complaint")
"""What only somebody does who is there."""


def count_feedback(state: State, feedback: FeedbackEvidence) -> None:
    """Take one event into the recipient's, the domain's and the service's rows; a known one is passed over, and one
    that is not of a message of ours marks nobody."""
    now = state.controls.clock_ms // 1000
    again, stray_again = recurrence(state, feedback.event_key, now)
    if again:
        return
    # a report may come late, but not from the future
    when = min(feedback.occurred_at // 1000, now) if feedback.occurred_at else now
    ours = feedback.event not in STAND or is_ours(state, feedback, when)
    if comes_late(state, feedback, now) and not (ours and feedback.event in OBJECTIONS):
        if not stray_again:
            state.remember(feedback.event_key, IdRow(now, action=COUNTED))
        return
    if not ours:
        set_aside(state, feedback, stray_again, when, now)
        return
    state.remember(feedback.event_key, IdRow(now, action=COUNTED))
    if feedback.event == "bounce":
        _bounce(state, feedback, when, now)
    elif feedback.event == "complaint":
        _complaint(state, feedback, when, now)
    elif feedback.event == "not-spam":
        _take_back(state, feedback, now)
    else:
        _sign_of_life(state, feedback, when, now)
    row = state.known(feedback.recipient_key, now)
    if row is not None and row.alone and feedback.service and not is_of(row.service, feedback.service):
        state.recipient(feedback.recipient_key, now).alone = 0  # others have to do with it, too
    bad = feedback.event == "bounce" and feedback.hard and feedback.scope == "recipient"
    # such an event has changed the row already: it counts as written
    lesson = take_lesson(state, row, bad) if bad or feedback.event in PERSONS else None
    name = told_name(feedback, row) if feedback.service else ""
    state.others.append(CameBack(feedback, whose(state, row, feedback.domain, name), lesson))


def _bounce(state: State, feedback: FeedbackEvidence, when: int, now: int) -> None:
    """Only a bounce that blames the recipient marks one: a block of ours says nothing about them."""
    if feedback.scope == "us":
        answered(state.domains.get(feedback.domain.encode()), feedback, state.controls.policy, when, now)
    if feedback.scope != "recipient":
        return
    if feedback.reason == "suspend":
        row = state.recipient(feedback.recipient_key, now)
        mailbox_gone(state, feedback, row, when, now)
        life.suspended(row, when)
    elif feedback.hard:
        row = state.recipient(feedback.recipient_key, now)
        mailbox_gone(state, feedback, row, when, now)
        life.bounced(row, when)
        for story in came_back_badly(state, row):
            story.hard_bounces += 1
        if never_was(row):
            for source in brought_by(state, row):
                source.unknown += 1
                # a ledger of an earlier engine has not counted all that were tried
                source.bounced += source.bounced < source.tried
    if feedback.hard:
        for counted in _rows(state, feedback, now):
            counted.hard_bounces += 1


def _complaint(state: State, feedback: FeedbackEvidence, when: int, now: int) -> None:
    row = state.recipient(feedback.recipient_key, now)
    person_seen(state, feedback, row, when, now)
    life.complained(row, when)
    for story in came_back_badly(state, row):
        story.complaints += 1
    for counted in _rows(state, feedback, now):
        counted.complaints += 1


def _take_back(state: State, feedback: FeedbackEvidence, now: int) -> None:
    row = state.known(feedback.recipient_key, now)
    if row is not None and row.complained_at:
        row.complained_at = 0
        state.long = True  # what it was kept for may be gone
        state.written_recipients[feedback.recipient_key] = row
        for counted in (*_rows(state, feedback, now), *came_back_badly(state, row)):
            counted.complaints = max(0, counted.complaints - 1)


def _sign_of_life(state: State, feedback: FeedbackEvidence, when: int, now: int) -> None:
    row = state.recipient(feedback.recipient_key, now)
    if feedback.event == "delivered":
        life.delivered(row, when)
        return
    person_seen(state, feedback, row, when, now)
    if feedback.event == "unsubscribed":
        life.unsubscribed(row, when)
    elif feedback.event == "subscribed":
        if is_consent(state, feedback):
            life.subscribed(row, when)
    elif feedback.event in ENGAGED:
        life.engaged(row, when)
        for story in came_back(state, row):
            story.engaged += 1
        if (service := sender(state, row, feedback)) is not None:
            service.engaged += 1


def _rows(state: State, feedback: FeedbackEvidence, now: int) -> list[DomainRow | ServiceRow]:
    name = feedback.domain.encode()
    rows: list[DomainRow | ServiceRow] = [state.domain(name, now)]
    if feedback.service:
        told = told_name(feedback, state.known(feedback.recipient_key, now))
        rows.append(state.service(told.encode() + b"@" + name, now, feedback.service))
    return rows
