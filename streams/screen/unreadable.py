"""An intent that breaks the contract, and whose id and service can be read all the same -> evidence of it, so that its
service hears so. Pure.

Beside the dead letter, which nobody of the service may read. What is said of it is the fault alone: neither its address
nor anything else that stands in it. It takes no id: the intent may come again under it, mended.
"""

from sidestep.schemas import FormerKeys, IntentEvidence
from sidestep.schemas.codec import ContractError
from sidestep.schemas.reading import Sender, read_sender
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.repeated import repeats_in_frame
from sidestep.streams.screen.signers import REASONS, TopicSigners

UNREADABLE = "unreadable"
"""In place of what is wrong with the address, of which nothing is known: a fold that knows no such evidence drops it as
no address."""
TEXT_MAX = 300


def unreadable_evidence(
    record: Record, error: ContractError, keys: Keys, check: TopicSigners | None, now: float, origin: str
) -> IntentEvidence | None:
    """None: nobody can be told, or nothing proves that it is the service which has to prove itself."""
    value = record.value()
    sender = read_sender(value)
    if sender is None or value is None or error.code in REASONS:
        return None
    proved, claimed = "", False
    if check is not None:
        try:
            proved = check.prove(check.look(record, now), sender.service)
        except ContractError:
            return None
        if proved and repeats_in_frame(value):
            return None
        claimed = not proved and check.can_prove(sender.service)
    key = keys.unreadable(sender.service, sender.id, bool(proved), sender.test, value)
    return IntentEvidence(
        id=sender.id,
        service=sender.service,
        to="",
        at=int(now * 1000),
        domain="",
        id_key=key,
        content_key=key,
        recipient_key=b"",
        syntax=UNREADABLE,
        attempt=sender.attempt,
        test=sender.test,
        origin=origin,
        proved=proved,
        claimed=claimed,
        former=_former(sender, keys.former, bool(proved), value),
        unreadable=str(error)[:TEXT_MAX],
    )


def _former(sender: Sender, keys: Keys | None, proved: bool, value: bytes) -> tuple[FormerKeys, ...]:
    if keys is None:
        return ()
    key = keys.unreadable(sender.service, sender.id, proved, sender.test, value)
    return (FormerKeys(b"", key, key),)
