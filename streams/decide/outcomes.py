"""What came of a message that was sent: whose it was, and what is to be learnt from that. Pure.

Of all messages to a mailbox the last one is known. What comes back is taken for its outcome, and a message has one.
"""

from sidestep.streams.decide.counted import Lesson, Whose
from sidestep.streams.decide.sources import last_message
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import RecipientRow


def whose(state: State, row: RecipientRow | None, domain: str, service: str) -> Whose:
    """The origin of the last message, if that was the service's own; what names no service is about whoever it was.
    `service`: by the name of its history."""
    at = state.domains.get(domain.encode())
    provider = at.provider if at is not None else ""
    last = last_message(row) if row is not None else None
    if last is None or service not in ("", last.service):
        return Whose(service, provider=provider)
    return Whose(last.service, last.source, last.campaign, provider)


def take_lesson(state: State, row: RecipientRow | None, bad: bool) -> Lesson | None:
    """The lesson of the last message's outcome; None: it had one before. The caller has the row written."""
    scales = state.controls.scales
    if row is None or not row.awaiting or scales is None:
        return None
    lesson = Lesson(row.awaiting, bad, scales.expected(row.awaiting))
    row.awaiting = 0
    return lesson
