"""Producers in quarantine: noted once, told of, and released by whoever mends them."""

import json
import time
from collections.abc import Collection, Iterator

from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas.codec import ContractError, encode
from sidestep.streams.redrive.letter import DeadLetter, read_letter
from sidestep.streams.runtime.batches import Batch, Lane, Partition
from sidestep.streams.runtime.cut_record import LARGEST_PART, CutRecord
from sidestep.streams.runtime.outgoing import Single
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.quarantine import QuarantineWard, outgoing_note
from sidestep.streams.screen.quarantine_notes import QuarantineNote, quarantined
from sidestep.streams.screen.screened import Screened
from sidestep.topics.replay_codec import StoredRecord
from tests.kafka_records import delivered
from tests.screen.test_screener import Desk, intent, run

TP = Partition("email-intents", 0)
LATER = int(time.time() * 1000) + 3_600_000


class Ward(QuarantineWard):
    """One that remembers what it told."""

    def __init__(self, rate: int = 1_000_000) -> None:
        self.told: list[list[str]] = []
        self.next, self.now = 0, 0.0
        super().__init__(0.5, 10, rate, self._hear, lambda: self.now)

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


def test_only_what_comes_from_them_is_gathered() -> None:
    """Beyond a second's share of letters; nobody else's."""
    ward = Ward(rate=5)
    batch, _ = ward.flood()
    unread = {record.offset(): record for record in batch.records}
    assert set() == ward.beyond_rate(batch, {})
    assert {5, 6, 7} == ward.beyond_rate(batch, unread), "the first ones may be looked at"
    strangers, _ = ward.flood(2, "crm")
    assert set() == ward.beyond_rate(strangers, {record.offset(): record for record in strangers.records})
    assert set(unread) == ward.beyond_rate(batch, unread)
    ward.now += 0.4
    assert {2, 3, 4, 5, 6, 7} == ward.beyond_rate(batch, unread)


def test_what_was_cut_has_a_letter_of_its_own() -> None:
    """It says how long the record was, and nothing of it could be sent back anyway."""
    ward = Ward(rate=1)
    batch, _ = ward.flood()
    unread = {record.offset(): record for record in batch.records}
    large = delivered(3, b" " * (LARGEST_PART + 1), tp=TP)
    assert set(unread) - {0, 3} == ward.beyond_rate(batch, unread | {3: CutRecord(large, 0)})


def test_nobody_waits_behind_a_flood() -> None:
    """What is honest in its batch goes on, and the next batch may come, however few letters a second there may be."""
    ward = Ward(rate=1)

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        for number in range(3):
            batch = at.batch(*[b"?"] * 20, intent(str(number)))
            screened = await at.screener.screen(batch)
            assert at.lanes[TP].busy is None and batch.end == batch.low
            assert 20 == screened.refused
        assert ["0", "1", "2"] == [evidence.id for evidence in at.press.evidence()]
        letters = [as_read(single) for single in at.press.dead()]
        assert 60 == sum(letter.records for letter in letters) and 1 + 3 == len(letters)

    run(scenario, share=1.0, ward=ward)


FLOODS = st.lists(st.sampled_from(["s", "c", "S" * 7, "SSSsSSS", "SCSC?", "????"]), max_size=12).map("".join)


@given(FLOODS, st.lists(st.integers(1, 20)), st.integers(1, 4))
def test_each_record_is_named_by_one_letter(sent: str, sizes: list[int], rate: int) -> None:
    """S, C and ?: of two services and of nobody, which can't be read. However the log is cut, and whoever is in
    quarantine: each of these is in one letter, by itself with its octets or by its offset, and no other record is."""
    values = {letter: json.dumps({"service": letter.lower()}).encode() for letter in "SsCc"} | {"?": b"?"}
    log = [delivered(offset, values[letter], tp=TP) for offset, letter in enumerate(sent)]
    ward, named = Ward(rate), list[int]()
    for records in cut_into(log, sizes):
        batch = Batch(Lane(TP, 100, 100, 0.0, lambda: 0.0), records)
        screened = Screened(batch)
        for record in records:
            if not sent[record.offset()].islower():
                screened.refuse(record, ContractError("not-json" if record.offset() % 3 else "wrong-shape", "why"))
        ward.judge(batch, screened.unread_records, screened.example)
        screened.gather(ward.beyond_rate(batch, screened.unread_records))
        for letter in map(as_read, screened.take().singles):
            offsets = [origin.offset for origin in letter.origins()]
            assert {letter.reason} == {"not-json" if offset % 3 else "wrong-shape" for offset in offsets}
            assert letter.ranges or letter.value == log[letter.origin.offset].value()
            named += offsets
        assert screened.refused == len(screened.unread_records), "the metric counts records"
    assert [offset for offset, letter in enumerate(sent) if not letter.islower()] == sorted(named)


def cut_into(log: list[Record], sizes: list[int]) -> Iterator[list[Record]]:
    """Batches of these sizes, and the rest."""
    for size in [*sizes, len(log)]:
        if log:
            yield log[:size]
            log = log[size:]


def as_read(single: Single) -> DeadLetter:
    """A letter that goes out, as it will be read."""
    key, headers = single.get("key"), single.get("headers", [])
    assert not isinstance(key, str)
    kept = tuple((name, said.encode() if isinstance(said, str) else said) for name, said in headers)
    letter = read_letter(StoredRecord("email-dead-letters", 0, 0, 0, key, single["value"], kept))
    assert letter is not None
    return letter
