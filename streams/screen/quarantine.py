"""Producers in quarantine, as one Screen worker knows them: who is, since when, and how fast their rubbish goes on.

What can't be read becomes a dead letter all the same: nothing is thrown away. But of such producers a partition writes
no more than so many dead letters a second; what is beyond stays in its topic, and one letter says at which offsets. So
a flood keeps nobody waiting, and somebody is told. It lasts until an operator releases the producer, whatever comes
meanwhile.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping

from sidestep.streams.masking import without_local_parts
from sidestep.streams.runtime.batches import Batch, Clock, Partition
from sidestep.streams.runtime.cut_record import CutRecord
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.letter_allowance import LetterAllowance
from sidestep.streams.screen.quarantine_notes import QuarantineNote, key_of
from sidestep.streams.screen.rubbish import Buckets, Producer
from sidestep.streams.terminal import printable

log = logging.getLogger(__name__)


class QuarantineWard:
    """All partitions of a worker. `share` and `window`: see Buckets; `rate`: see LetterAllowance."""

    def __init__(
        self,
        share: float,
        window: int,
        rate: int,
        changed: Callable[[Collection[QuarantineNote]], None],
        clock: Clock = time.monotonic,
    ):
        """`changed` hears who is in quarantine, whenever that is others than before."""
        self._share, self._window, self._rate = share, window, rate
        self._changed = changed
        self._clock = clock
        self._allowances: dict[Partition, LetterAllowance] = {}
        self._buckets: dict[Partition, Buckets] = {}
        self._notes: dict[Producer, QuarantineNote] = {}

    def forget(self, assigned: set[Partition]) -> None:
        """Drop what is counted of partitions that went elsewhere: their next owner counts anew."""
        for tp in set(self._buckets) - assigned:
            del self._buckets[tp]
            self._allowances.pop(tp, None)

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

    def beyond_rate(self, batch: Batch, unread: Mapping[int, Record]) -> set[int]:
        """To be asked once a batch, behind `judge`: the offsets of those records of producers in quarantine that get no
        dead letter of their own. What was cut as it arrived always has one, as nothing of it can be sent back."""
        if not self._notes or not unread or (buckets := self._buckets.get(batch.tp)) is None:
            return set()
        theirs = [offset for offset, record in unread.items() if buckets.of(record) in self._notes]
        if (allowance := self._allowances.get(batch.tp)) is None:
            allowance = self._allowances[batch.tp] = LetterAllowance(self._rate, self._clock())
        own = allowance.take(len(theirs), self._clock())
        return {offset for offset in theirs[own:] if not isinstance(unread[offset], CutRecord)}


def _named(producer: Producer) -> str:
    """For the log: a name is whatever somebody wrote."""
    return printable(without_local_parts(str(producer)))


def outgoing_note(note: QuarantineNote) -> tuple[str, QuarantineNote]:
    """Key and note, for email-control."""
    return key_of(note.producer), note
