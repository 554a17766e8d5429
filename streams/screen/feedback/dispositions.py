"""Message disposition notifications (MDN, RFC 8098): what a recipient's mail program did with a message. Pure."""

from typing import NamedTuple

from sidestep.streams.screen.feedback import report
from sidestep.streams.screen.feedback.mime import Message
from sidestep.streams.screen.feedback.outcome import Event, OutcomeKind

PART = "message/disposition-notification"
MEANINGS: dict[str, tuple[OutcomeKind, Event]] = {
    "displayed": ("engagement", "opened"),
    "deleted": ("delivered", "delivered"),  # unread, perhaps by a rule: the mailbox lives
    "dispatched": ("delivered", "delivered"),
    "processed": ("delivered", "delivered"),
}
"""By the disposition type (RFC 8098 3.2.6.2). All others (`denied` and `failed` of RFC 2298) say nothing."""


class Disposition(NamedTuple):
    """A disposition notification. `type` in lower case: displayed, deleted, dispatched, processed, …"""

    type: str
    recipient: str
    """The address that was mailed, as its notification names it; "" where it does not."""
    message_id: str

    @property
    def meaning(self) -> tuple[OutcomeKind, Event]:
        """Kind and event of the outcome."""
        return MEANINGS.get(self.type, ("none", ""))


def disposition_of(message: Message) -> Disposition | None:
    """The disposition that a message notifies of; None for any other message, a bounce in parts of that name too."""
    if "reject" in message.headers.get("subject").lower():
        return None  # Sieve's reject and Dovecot's delivery agent say `deleted` when they bounce (RFC 5429 2.1.2)
    text = next((part.text for part in message.parts if part.type == PART), "")
    fields = dict(reversed(list(report.fields(text))))
    said = fields.get("disposition", "")
    if not said:
        return None
    group = {name: fields[name] for name in ("original-recipient", "final-recipient") if name in fields}
    names = [report.recipient_of({"final-recipient": value}) for value in group.values()]
    return Disposition(
        said.rpartition(";")[2].partition("/")[0].partition(",")[0].strip().lower(),
        next((name for name in names if "@" in name), ""),
        fields.get("original-message-id", "").strip("<> ")[:300],
    )
