"""Complaints (ARF, RFC 5965): who complained, and of what kind the complaint is. Pure."""

import re
from typing import NamedTuple

from sidestep.streams.screen.feedback.mime import Headers
from sidestep.streams.screen.feedback.outcome import Event

_FIELD = re.compile(r"^([A-Za-z][A-Za-z-]{2,40})[ \t]{0,4}:[ \t]*(.*)$")
_ADDRESS = re.compile(r"[^\s<>;,:\"'()\[\]]{1,200}@[^\s<>;,:\"'()\[\]]{1,255}")
RECIPIENT_FIELDS = ("original-rcpt-to", "removal-recipient", "redacted-address")
RECIPIENTS_MAX = 100
SENDERS = ("staff@hotmail.com", "staff@outlook.com", "complaints@")


class Complaint(NamedTuple):
    """A feedback report. `type` as written there: abuse, fraud, virus, other, not-spam, opt-out, auth-failure, …"""

    type: str
    recipients: list[str]
    user_agent: str
    sender: str = ""
    """Return path of the message that was complained about, a VERP address of ours perhaps."""


def is_complaint(headers: Headers) -> bool:
    """Whether a message is a complaint by its header alone: some have mistyped parts, Microsoft's have no fields."""
    if "feedback-report" in headers.get("content-type").lower():
        return True
    sender, subject = headers.get("from")[:300].lower(), headers.get("subject")[:100].lower()
    return subject.startswith("complaint about message from ") and any(name in sender for name in SENDERS)


def is_trap_hit(headers: Headers) -> bool:
    """Whether a message reports a spam trap that was hit: who runs many, such as abusix, says so in the subject."""
    return headers.get("subject")[:100].lower().startswith("spamtraphit ")


def parse(text: str) -> Complaint:
    """The complaint in a message/feedback-report body. Without a type it is abuse, as everybody means it then."""
    fields: list[tuple[str, str]] = []
    for line in text.split("\n")[:2000]:
        match = _FIELD.match(line[:2000])
        if match:
            fields.append((match[1].lower(), match[2].strip()))
    first = dict(reversed(fields))
    return Complaint(
        (first.get("feedback-type") or "abuse").lower(),
        _recipients(fields),
        first.get("user-agent", ""),
        first.get("original-mail-from", ""),
    )


def _recipients(fields: list[tuple[str, str]]) -> list[str]:
    """Named in the fields of the report, each once. A redacted one has no domain and is left out."""
    for wanted in RECIPIENT_FIELDS:
        found = [_ADDRESS.search(value) for name, value in fields if name == wanted]
        addresses = dict.fromkeys(match[0] for match in found if match)
        if addresses:
            return list(addresses)[:RECIPIENTS_MAX]
    return []


def event_of(feedback_type: str) -> Event:
    """The event of our schema: complaint, not-spam (takes one back), unsubscribed, or "" for what is no complaint."""
    if feedback_type in ("not-spam", "miscategorized"):
        return "not-spam"
    if feedback_type in ("opt-out", "opt-out-list"):
        return "unsubscribed"
    return "" if feedback_type in ("auth-failure", "dmarc") else "complaint"
