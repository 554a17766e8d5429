"""Records that are read only once it is known who says them: the signature, then what stands there, then whether its
service is the signer's. Pure."""

from sidestep.schemas import EmailIntent
from sidestep.schemas.codec import MAX_RECORD, ContractError
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.intake import Feedback, content_type, read_feedback, read_intent
from sidestep.streams.screen.repeated import repeats_member
from sidestep.streams.screen.signers import TopicSigners


def read_proved_intent(record: Record, check: TopicSigners, now: float) -> tuple[EmailIntent, str]:
    """An intent, and the id of the key that proves its service; "" where nothing does. Raises ContractError."""
    proof = check.look(record, now)
    value = record.value()
    intent = read_intent(value, now)
    proved = check.prove(proof, intent.service, intent.stream)
    if proved and value is not None and repeats_member(value, intent):
        raise _repeated()
    return intent, proved


def read_proved_feedback(
    record: Record, kind: type[Feedback], check: TopicSigners | None, now: float
) -> tuple[list[Feedback], str]:
    """What one record says, in one event or several, and the key that proves it. Raises ContractError.

    An event without a service is the signer's own. What is too long for our schema is a provider's, whose members are
    not looked at.
    """
    value = record.value()
    if check is None:
        return read_feedback(value, kind, content_type(record), now), ""
    proof = check.look(record, now)
    if proof.key is not None and value is not None and len(value) <= MAX_RECORD and repeats_member(value):
        raise _repeated()
    events = read_feedback(value, kind, content_type(record), now)
    proved = {check.prove(proof, event.service) for event in events}
    return events, proved.pop() if len(proved) == 1 else ""


def _repeated() -> ContractError:
    return ContractError("repeated-member", "an object of the record names a member twice: a signature over it is void")
