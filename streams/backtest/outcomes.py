"""What is known of a message since, from what came back in the log. Pure.

Only what was sent has an outcome. Of several the gravest counts.
"""

from typing import Literal

from sidestep.schemas import FeedbackEvidence
from sidestep.streams.decide.feedback import ENGAGED

OutcomeName = Literal["trap", "hard-bounce", "complaint", "engaged", "opted-out", "delivered", "unknown", "not-sent"]

TOLD: tuple[OutcomeName, ...] = ("trap", "hard-bounce", "complaint", "engaged", "opted-out", "delivered")
"""What can be told, the gravest first."""
OUTCOMES: tuple[OutcomeName, ...] = (*TOLD, "unknown", "not-sent")
ABOUT: dict[OutcomeName, str] = {
    "trap": "its mailbox or domain is known as a spam trap at the end of the log",
    "hard-bounce": "it bounced for good, or the account is suspended",
    "complaint": "the recipient called it spam, and did not take that back",
    "engaged": "somebody opened, clicked or answered it",
    "opted-out": "the recipient opted out",
    "delivered": "the server took it, and nothing else is known",
    "unknown": "sent, and nothing came back in this log",
    "not-sent": "never sent as it was, so nothing can be known of it",
}
_BIT = {name: 1 << number for number, name in enumerate(TOLD)}


def with_feedback(outcomes: int, feedback: FeedbackEvidence) -> int:
    """The outcomes of a message, by bit, after what has come back of it. What carries another message's token tells
    nothing."""
    if feedback.tied == "wrong-token":
        return outcomes
    if feedback.event == "not-spam":
        return outcomes & ~_BIT["complaint"]
    told = _told(feedback)
    return outcomes | _BIT[told] if told is not None else outcomes


def gravest(outcomes: int, sent: bool, trapped: bool) -> OutcomeName:
    """The outcome of a message. `sent`: as it was; `trapped`: it goes to a known trap, whoever has found that out."""
    if trapped:
        return "trap"
    if not sent:
        return "not-sent"
    return next((name for name in TOLD if outcomes & _BIT[name]), "unknown")


def _told(feedback: FeedbackEvidence) -> OutcomeName | None:
    if feedback.event == "bounce":  # only one that blames the recipient
        final = feedback.hard or feedback.reason == "suspend"
        return "hard-bounce" if feedback.scope == "recipient" and final else None
    if feedback.event == "complaint":
        return "complaint"
    if feedback.event == "unsubscribed":
        return "opted-out"
    return "engaged" if feedback.event in ENGAGED else "delivered"
