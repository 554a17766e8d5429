"""When what a hold keeps back may come again. Pure."""

from sidestep.schemas import IntentEvidence


def after_hold(until_ms: int, spread: int, evidence: IntentEvidence, now: int) -> int:
    """When an intent that a hold keeps back may be offered again, microseconds. Each has a time of its own in the
    `spread` seconds after the end, by its id, or else all that waits would come at once; nobody waits twice as long for
    that, and nobody past the time when it expires. `now`: seconds."""
    room_ms = min(spread * 1000, until_ms - now * 1000)
    if evidence.expires_at:
        room_ms = min(room_ms, evidence.expires_at - until_ms - 1000)
    share_ms = int.from_bytes(evidence.id_key[:4], "big") * room_ms >> 32 if room_ms > 0 else 0
    return (until_ms + share_ms) * 1000
