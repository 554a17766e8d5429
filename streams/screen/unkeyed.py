"""The keys of intents and events as 0.1.0 made them, without the secret. Pure.

Ledgers know the ids of the last 8 days by these, when Sidestep is upgraded: so long Screen names them beside its own.
"""

import hashlib

from sidestep.schemas import Bounce, EmailIntent, Engagement

_JOIN = "\x1f"


def unkeyed_intent(intent: EmailIntent) -> tuple[bytes, bytes]:
    """Of its id, and of what it says."""
    id_key = _digest(b"id", f"{intent.service}{_JOIN}{intent.id}".encode())
    said = _JOIN.join((intent.stream, intent.to, "test") if intent.test else (intent.stream, intent.to))
    return id_key, _digest(b"content", id_key + said.encode("utf-8", "surrogatepass"))


def unkeyed_event(feedback: Bounce | Engagement) -> bytes:
    """By its id within its service, or by what it says."""
    family = "bounce" if isinstance(feedback, Bounce) else "engagement"
    parts: tuple[str, ...] = (family, feedback.service, feedback.id)
    if not feedback.id:
        at = str(feedback.occurred_at)
        parts = f"{family}-content", feedback.service, feedback.intent_id, feedback.recipient, feedback.kind, at
        if isinstance(feedback, Bounce):
            parts += (feedback.status, feedback.reason, feedback.reply)
    return _digest(b"event", _JOIN.join(parts).encode("utf-8", "surrogatepass"))


def _digest(person: bytes, octets: bytes) -> bytes:
    return hashlib.blake2b(octets, digest_size=16, person=person).digest()
