"""What Screen writes into the log besides evidence: the policy and the lists' versions, to every partition; ticks.

email-control keeps what was written last. A record is written again when it differs, when there are more partitions
than it reached, or when it is so old that the log's retention might drop it. Writing it twice does no harm: the fold
passes over what is in force already. Of the policy there is a note before it is written, too: whoever starts after a
writer that died halfway writes it again, whatever file it was given. When a policy is written says announcer.py.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping

import msgspec

from sidestep.schemas import ListsRecord, PolicyRecord, TickRecord
from sidestep.schemas.codec import encode
from sidestep.streams.partition_note import PartitionNote
from sidestep.streams.runtime.outgoing import Keyed, Outgoing, Sender
from sidestep.streams.runtime.to_the_end import read_to_end
from sidestep.streams.screen.key_note import KEY as HASH_KEY
from sidestep.streams.screen.key_note import KeyNote
from sidestep.streams.screen.log_layout import LogLayout
from sidestep.streams.screen.notes import read_note
from sidestep.streams.screen.ticks import Ticks
from sidestep.topics.catalog import CONTROL, EVIDENCE
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError

WRITE_AGAIN_SECONDS = 7 * 86400
KINDS = ("policy", "lists", "hash-key")
TICK_DELAY = 0.05
"""Seconds after the full second: evidence that was stamped in the one before is on its way by then."""
REFUSED_PARTITION = 0
"""Of the log: there stands what was refused, which is of no recipient."""

log = logging.getLogger(__name__)


class Written(msgspec.Struct, frozen=True):
    """What email-control says of one kind of control record."""

    version: str
    partitions: int
    """That it has reached; 0 while it is being written."""
    at: int


def read_notes(connection: Connection) -> dict[str, bytes]:
    """The last record of each key in email-control; what was deleted is left out. Blocks. Raises BrokerUnreachable."""
    return notes_since(connection, 0)[0]


def notes_since(connection: Connection, offset: int) -> tuple[dict[str, bytes], int]:
    """The last record of each key from an offset of email-control on, but what was deleted, and where to go on. Blocks.
    Raises BrokerUnreachable."""
    found: dict[str, bytes] = {}
    for record in read_to_end(connection, CONTROL.name, (0,), "sidestep-control", offset):
        found[(record.key() or b"").decode("utf-8", "replace")] = record.value() or b""
        offset = (record.offset() or 0) + 1
    return {key: value for key, value in found.items() if value}, offset


def policy_notes(connection: Connection) -> list[Written]:
    """All that email-control has of policies, in its order; what it has compacted is gone. Blocks.

    Raises BrokerUnreachable.
    """
    values = [value for key, value in _records(connection) if key == "policy" and value]
    found = [read_note(value, Written) for value in values]
    return [written for written in found if written is not None]


def _records(connection: Connection) -> Iterator[tuple[str, bytes]]:
    """Key and value of each record in email-control, to its end."""
    for record in read_to_end(connection, CONTROL.name, (0,), "sidestep-control"):
        yield (record.key() or b"").decode("utf-8", "replace"), record.value() or b""


def written_kinds(notes: Mapping[str, bytes]) -> dict[str, Written]:
    """What the notes say of the kinds that Screen writes; there are notes of others, such as holds."""
    found = {kind: read_note(notes[kind], Written) for kind in KINDS if kind in notes}
    if spoilt := [kind for kind, written in found.items() if written is None]:
        log.error("notes in email-control can't be read and are passed over: %s", ", ".join(spoilt))
    return {kind: written for kind, written in found.items() if written is not None}


def key_note(notes: Mapping[str, bytes]) -> KeyNote | None:
    """What the notes say of the secret in force."""
    value = notes.get(HASH_KEY)
    return read_note(value, KeyNote) if value else None


def is_due(written: Written | None, version: str, partitions: int, now_ms: int) -> bool:
    """Whether a kind has to be written, as the note of it says."""
    if written is None or written.version != version or written.partitions < partitions:
        return True
    return now_ms - written.at > WRITE_AGAIN_SECONDS * 1000


async def put(publisher: Sender, records: Mapping[str, PolicyRecord | ListsRecord], partitions: int) -> None:
    """Write records, by kind, to every partition of the log; then the note of each. Raises SidestepError."""
    batch: list[Keyed] = [{"key": kind, "value": encode(record)} for kind, record in records.items()]
    await publisher.send(Outgoing({(EVIDENCE.name, p): batch for p in range(partitions)}))
    await put_notes(publisher, {kind: Written(it.version, partitions, it.at) for kind, it in records.items()})


async def put_notes(publisher: Sender, notes: Mapping[str, Written | KeyNote | PartitionNote | LogLayout]) -> None:
    """Write what email-control is to say, by kind. Raises SidestepError."""
    records: list[Keyed] = [{"key": kind, "value": encode(note)} for kind, note in notes.items()]
    await publisher.send(Outgoing({(CONTROL.name, 0): records}))


async def keep_time(publisher: Sender, ticks: Ticks) -> None:
    """Every second, for ever: a tick where the last second with evidence is over, and one with what was refused. Kafka
    out of reach: later."""
    while True:
        await asyncio.sleep(1.0 - time.time() % 1.0 + TICK_DELAY)
        now = time.time()
        due, refused = ticks.due(now), ticks.refused()
        batches: dict[tuple[str, int], list[Keyed]] = {(EVIDENCE.name, partition): [_tick(now)] for partition in due}
        if refused:
            batches[EVIDENCE.name, REFUSED_PARTITION] = [_tick(now, refused)]
        try:
            if batches:
                await publisher.send(Outgoing(batches))
        except SidestepError as error:
            log.warning("no tick: %s", error)
            ticks.refuse(refused)
            ticks.wrote(due, now)
        else:
            ticks.wrote([REFUSED_PARTITION] if refused else [], now)  # its second has to end as well


def _tick(now: float, refused: dict[str, int] | None = None) -> Keyed:
    return {"key": "tick", "value": encode(TickRecord(at=int(now * 1000), refused=refused or {}))}
