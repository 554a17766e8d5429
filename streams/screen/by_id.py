"""Feedback that names nobody but the intent's id -> its record for every partition of the log. Pure.

Which partition knows the id nobody knows here: that is a matter of the recipient's domain. Decide finds it
(decide/by_id.py).
"""

from sidestep.schemas import Bounce, Engagement, FormerKeys, SoughtFeedback
from sidestep.schemas.evidence import TOKEN_END
from sidestep.streams.screen.evidence import event_key, feedback_said
from sidestep.streams.screen.feedback.reasons import Reasons
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.provenance import NOWHERE, Provenance
from sidestep.streams.screen.tokens import DIGITS, Tie

WAITS = (
    "it names no recipient but only the id of an intent. The ledger that knows the id finds the recipient, and this "
    "letter ends: as long as it stands here, none has known it"
)
"""Text of the dead letter."""


def sought_evidence(
    feedback: Bounce | Engagement, reasons: Reasons, keys: Keys, now: float, origin: str, way: Provenance = NOWHERE
) -> SoughtFeedback:
    """`feedback`: with a service and an id, without a recipient."""
    # an event with another token is another event: who guesses uses up nobody's
    tie = Tie(f"by-id {feedback.token}")
    said = feedback_said(feedback, "", b"", tie, reasons, keys, now, origin, way)
    said.tied = ""
    if keys.former is not None:
        said.former = (FormerKeys(b"", event_key(feedback, b"", keys.former, way, tie)),)
    return SoughtFeedback(said.at, _id_keys(feedback, keys), said, _end_of(feedback.token))


def _id_keys(feedback: Bounce | Engagement, keys: Keys) -> tuple[bytes, ...]:
    """Keys of what is proved go first: who only claims to be the service takes nothing from it."""
    secrets = [keys] if keys.former is None else [keys, keys.former]
    return tuple(
        secret.intent(feedback.service, feedback.intent_id, proved) for secret in secrets for proved in (True, False)
    )


def _end_of(token: str) -> bytes:
    """A token that is none of ours ends in what no ledger has."""
    try:
        octets = bytes.fromhex(token)
    except ValueError:
        octets = token.encode("utf-8", "surrogatepass")
    right = len(token) == DIGITS and len(octets) == DIGITS // 2
    return octets[-TOKEN_END:] if right else octets[:1]
