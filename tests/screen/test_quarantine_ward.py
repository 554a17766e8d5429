"""Producers in quarantine: noted once, told of, and released by whoever mends them."""

import asyncio
import json
import time
from collections.abc import Collection

from sidestep.schemas.codec import encode
from sidestep.streams.runtime.batches import Batch, Lane, Partition
from sidestep.streams.screen.quarantine import QuarantineWard, outgoing_note
from sidestep.streams.screen.quarantine_notes import QuarantineNote, quarantined
from tests.kafka_records import delivered

TP = Partition("email-intents", 0)
LATER = int(time.time() * 1000) + 3_600_000


class Ward(QuarantineWard):
    """One that remembers what it told."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.next = 0
        super().__init__(0.5, 10, 1_000_000, self._hear)

    def _hear(self, notes: Collection[QuarantineNote]) -> None:
        self.told.append(sorted(str(note.producer) for note in notes))

    def flood(self, records: int = 8, service: str = "shop") -> tuple[Batch, list[QuarantineNote]]:
        """A batch of what can't be read, and who is in quarantine for it."""
        value = json.dumps({"service": service}).encode()
        some = [delivered(self.next + number, value, tp=TP) for number in range(records)]
        self.next += records
        lane = Lane(TP, 100, 100, 0.0, lambda: 0.0)
        lane.feed(some)
        batch = lane.next_step().batch
        assert batch is not None
        return batch, self.judge(batch, {each.offset(): each for each in some}, "no id of jane@example.com's")


def test_a_producer_is_noted_once() -> None:
    """With the place where somebody can look, and no address."""
    ward = Ward()
    _, (note,) = ward.flood()
    assert ("email-intents", "shop", "email-intents/0/5") == (note.topic, note.service, note.place)
    assert "jane" not in note.text
    assert [] == ward.flood()[1]
    assert [["email-intents/shop"]] == ward.told


def test_what_others_and_operators_say_counts() -> None:
    """Whoever is in, is in for all workers; who is released is counted anew."""
    ward, other = Ward(), Ward()
    _, (note,) = ward.flood()
    key, kept = outgoing_note(note)
    other.take_over(list(quarantined({key: encode(kept), "quarantine/x": b"{", "hold/shop": b"{}"})), LATER)
    assert [["email-intents/shop"]] == other.told
    assert [] == other.flood()[1], "it is in quarantine already"
    other.take_over([], LATER)
    assert [] == other.flood(4)[1], "its bucket was emptied"
    assert 1 == len(other.flood(4)[1])
    ward.take_over([], note.since)
    assert [["email-intents/shop"]] == ward.told, "its note is on its way still"


def test_only_what_comes_from_them_is_slowed_down() -> None:
    """And it ends: a rebalance waits for it."""

    async def scenario() -> None:
        ward = Ward()
        batch, _ = ward.flood()
        ward._rate = 1
        unread = {record.offset(): record for record in batch.records}
        began = asyncio.get_running_loop().time()
        await ward.rest(batch, {})
        strangers, _ = ward.flood(2, "crm")
        await ward.rest(strangers, {record.offset(): record for record in strangers.records})
        resting = asyncio.create_task(ward.rest(batch, unread))
        await asyncio.wait({resting}, timeout=0.2)
        assert not resting.done()
        async with asyncio.timeout(30):
            await resting
        assert asyncio.get_running_loop().time() - began >= 2.0

    asyncio.run(scenario())
