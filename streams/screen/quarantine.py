"""Producers in quarantine, as one Screen worker knows them: who is, since when, and how fast their rubbish goes on.

What can't be read becomes a dead letter all the same: nothing is thrown away. But a partition with such a producer
writes no more than so many dead letters a second, so that a flood of them takes nothing from other partitions, and
somebody is told. It lasts until an operator releases the producer, whatever comes meanwhile.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping

from sidestep.streams.masking import without_local_parts
from sidestep.streams.runtime.batches import Batch, Partition
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.quarantine_notes import QuarantineNote, key_of
from sidestep.streams.screen.rubbish import Buckets, Producer
from sidestep.streams.terminal import printable

PAUSE_MOST = 2.0
"""Seconds for which a batch rests: a rebalance waits for it."""

log = logging.getLogger(__name__)


class QuarantineWard:
    """All partitions of a worker. `share` and `window`: see Buckets; `rate`: dead letters a second."""

    def __init__(self, share: float, window: int, rate: int, changed: Callable[[Collection[QuarantineNote]], None]):
        """`changed` hears who is in quarantine, whenever that is others than before."""
        self._share, self._window, self._rate = share, window, rate
        self._changed = changed
        self._buckets: dict[Partition, Buckets] = {}
        self._notes: dict[Producer, QuarantineNote] = {}

    def forget(self, assigned: set[Partition]) -> None:
        """Drop what is counted of partitions that went elsewhere: their next owner counts anew."""
        for tp in set(self._buckets) - assigned:
            del self._buckets[tp]

    def judge(self, batch: Batch, unread: Mapping[int, Record], text: str) -> list[QuarantineNote]:
        """Count a batch, of which these could not be read, by offset. Who is in quarantine from now on."""
        tp = batch.tp
        if (buckets := self._buckets.get(tp)) is None:
            buckets = self._buckets[tp] = Buckets(tp, self._share, self._window)
        fresh = []
        for producer, offset in buckets.note(batch.records, unread):
            if producer not in self._notes:
                place = f"{tp.topic}/{tp.partition}/{offset}"
                note = QuarantineNote(*producer, int(time.time() * 1000), place, without_local_parts(text)[:200])
                self._notes[producer] = note
                fresh.append(note)
                log.error("%s is in quarantine: most of it can't be read, see %s", _named(producer), place)
        if fresh:
            self._changed(list(self._notes.values()))
        return fresh

    def take_over(self, notes: Collection[QuarantineNote], asked_ms: int) -> None:
        """What email-control said then: others may have put somebody in, operators released somebody. Whom this worker
        has put in since is not there yet."""
        known = {producer: note for producer, note in self._notes.items() if note.since >= asked_ms}
        known |= {note.producer: note for note in notes}
        if known == self._notes:
            return
        for released in self._notes.keys() - known.keys():
            log.info("%s is released from quarantine", _named(released))
            for buckets in self._buckets.values():
                buckets.forget(released)
        self._notes = known
        self._changed(list(known.values()))

    async def rest(self, batch: Batch, unread: Mapping[int, Record]) -> None:
        """Returns when the partition may go on."""
        if self._notes and unread and (buckets := self._buckets.get(batch.tp)) is not None:
            theirs = sum(buckets.of(record) in self._notes for record in unread.values())
            await asyncio.sleep(min(theirs / self._rate, PAUSE_MOST))


def _named(producer: Producer) -> str:
    """For the log: a name is whatever somebody wrote."""
    return printable(without_local_parts(str(producer)))


def outgoing_note(note: QuarantineNote) -> tuple[str, QuarantineNote]:
    """Key and note, for email-control."""
    return key_of(note.producer), note
