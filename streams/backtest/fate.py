"""What becomes of a message over all its attempts, by one policy. Pure."""

from msgspec import Struct

from sidestep.schemas import Verdict
from sidestep.schemas.verdicts import Action
from sidestep.streams.masking import without_local_parts

BESIDE = frozenset({"already-decided", "attempt-out-of-turn"})
"""Rules that refuse an attempt and say nothing of the message. Attempts in a log are those which the policy in force
then had asked for: another one that sends at once refuses the next attempt so."""
TEXT_MAX = 300


class MessageFate(Struct, array_like=True, frozen=True, gc=False):
    """Of a message, as far as the log goes."""

    action: Action
    rule: str
    """That stopped it; empty: it was sent."""
    text: str
    """Its sentence, without local parts of addresses."""
    risk: float
    at_ms: int
    """Log time of the verdict that says so."""
    retry_ms: int = 0
    """Deferred: until then at least."""


def next_fate(known: MessageFate | None, verdict: Verdict) -> MessageFate:
    """The fate after one more verdict on it. What was sent stays sent."""
    stop = verdict.rules[0] if verdict.action != "send" else None
    if known is not None and (known.action == "send" or (stop is not None and stop.id in BESIDE)):
        return known
    at_ms, retry_ms = round(verdict.decided_at * 1000), round((verdict.retry_at or 0) * 1000)
    if stop is None:
        return MessageFate("send", "", "", verdict.risk, at_ms)
    text = without_local_parts(stop.text)[:TEXT_MAX]
    return MessageFate(verdict.action, stop.id, text, verdict.risk, at_ms, retry_ms)
