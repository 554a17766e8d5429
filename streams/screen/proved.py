"""Records that are read only once it is known who says them: the signature, then what stands there, then whether its
service is the signer's. Pure."""

from collections.abc import Callable
from itertools import takewhile

from sidestep.schemas import EmailIntent
from sidestep.schemas.codec import MAX_RECORD, ContractError
from sidestep.schemas.reading import Feedback, read_intent
from sidestep.streams.runtime.cut_record import CutRecord
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.intake import ReadFeedback, read_forms, read_framed_intent
from sidestep.streams.screen.provenance import Provenance, complete, door_of, header_of, service_of
from sidestep.streams.screen.repeated import repeats_in_frame, repeats_member
from sidestep.streams.screen.signers import TopicSigners

Said = tuple[list[Feedback], Provenance] | Exception
"""What a record says and where it comes from, or why it can't be read."""


def read_proved_intent(record: Record, check: TopicSigners, now: float) -> tuple[EmailIntent, str]:
    """An intent, and the id of the key that proves its service; "" where nothing does. Raises ContractError."""
    proof = check.look(record, now)
    value = record.value()
    framed = False
    try:
        intent = read_intent(value, now)
    except ContractError as error:
        intent, framed = read_framed_intent(value, error, now), True
    proved = check.prove(proof, intent.service, intent.stream)
    if proved and value is not None and (repeats_in_frame(value) if framed else repeats_member(value, intent)):
        raise _repeated()
    return intent, proved


def read_proved_feedback(
    record: Record, kind: type[Feedback], check: TopicSigners | None, now: float
) -> tuple[list[Feedback], Provenance]:
    """What one record says, in one event or several, and where it comes from. Raises ContractError.

    An event without a service is the signer's own. What is too long for our schema is a provider's, whose members are
    not looked at.
    """
    value = record.value()
    if check is None:
        events, forms = _read(record, kind, now)
        return events, Provenance(door=door_of(record), forms=tuple(forms))
    proof = check.look(record, now)
    somebody = proof.key is not None or proof.owner is not None
    if somebody and value is not None and len(value) <= MAX_RECORD and repeats_in_frame(value):
        raise _repeated()
    events, forms = _read(record, kind, now)
    proofs = {check.prove(proof, event.service) for event in events}
    proved = proofs.pop() if len(proofs) == 1 else ""
    claimed = () if proved else (event.service for event in events if check.can_prove(event.service))
    return events, Provenance(proved, door_of(record), frozenset(claimed), tuple(forms))


def read_all_feedback(
    records: list[Record],
    kind: type[Feedback],
    now: float,
    check: TopicSigners | None,
    goes_on: Callable[[Record], bool] = lambda _: True,
) -> list[Said]:
    """What each Kafka record says, of the first at least. Runs in a thread; `goes_on` is asked before each is
    read, and ends it."""
    said: list[Said] = []
    for record in takewhile(lambda record: goes_on(record) or not said, records):
        try:
            if isinstance(record, CutRecord):
                raise ContractError("too-large", record.fault)
            said.append(read_proved_feedback(record, kind, check, now))
        except Exception as error:  # noqa: BLE001 - kept with the record
            said.append(error)
    return said


def _read(record: Record, kind: type[Feedback], now: float) -> ReadFeedback:
    read = read_forms(record.value(), kind, header_of(record, "content-type"), now, service_of(record))
    complete(record, read.events)
    return read


def _repeated() -> ContractError:
    return ContractError("repeated-member", "an object of the record names a member twice: a signature over it is void")
