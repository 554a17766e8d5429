"""The announcer: which worker's policy is written when, and that all partitions end with the same one."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

import pytest

from sidestep.schemas import ListsRecord, PolicyRecord
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.errors import HashKeyMismatch, LogLayoutError
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.publisher import Publisher
from sidestep.streams.screen import announcer, control, holds, suppressions
from sidestep.streams.screen.announcer import Announcer, overtaken
from sidestep.streams.screen.control import Written, key_note, notes_since
from sidestep.streams.screen.formers import Formers
from sidestep.streams.screen.key_note import note_at_start
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.log_layout import AS_WRITTEN, LogLayout, by_mailbox, layout_of
from sidestep.streams.screen.policy_history import history
from sidestep.topics.catalog import CONTROL, EVIDENCE
from sidestep.topics.connection import Connection
from sidestep.topics.errors import PublishFailed
from tests.guarantees.harness.records import read

PARTITIONS = EVIDENCE.partitions
KEYS = Keys(sha256(b"first").digest())
LISTS = load_lists()
NEW = Keys(sha256(b"second").digest(), sha256(b"first").digest())


def book() -> DomainBook:
    """A worker's own, of which its announcer needs the layout of the log alone."""
    return DomainBook(LISTS, suggest, PARTITIONS)


class Hindered:
    """A publisher that does something else just before it writes to a place: a policy into the log, or a note of it."""

    def __init__(self, publisher: Publisher):
        self._publisher = publisher
        self.place = (EVIDENCE.name, 0)
        self.before: Callable[[Outgoing], Awaitable[None]] | None = None

    async def send(self, outgoing: Outgoing) -> None:
        """What stands in the way comes first, once."""
        if self.before is not None and self.place in outgoing.batches:
            before, self.before = self.before, None
            await before(outgoing)
        await self._publisher.send(outgoing)


class Workers:
    """Announcers of several Screen workers of one group, by their number."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self.publisher = Publisher(connection, "test-announcer")
        self.hindered = Hindered(self.publisher)
        self.announcers = [
            Announcer(connection, sender, book(), KEYS, Formers(KEYS)) for sender in (self.hindered, self.publisher)
        ]

    async def start(self, number: int, policy: str) -> None:
        """Worker `number` starts with a policy file, or its file has changed to it."""
        await self.announcers[number].put_in_force(policy, f"text of {policy}", {"feed": "1"})

    async def feed_changes(self, number: int, policy: str, version: str = "2") -> None:
        """A feed of worker `number`, whose policy file is this one, has another version."""
        await self.announcers[number].renew(policy, f"text of {policy}", {"feed": version})

    async def close(self) -> None:
        """End them."""
        await self.publisher.close()

    def log(self) -> tuple[dict[int, list[str]], set[int]]:
        """The policies that stand in the log, by partition; and how many records of lists each partition has."""
        records = [
            (message.partition(), decode_evidence(message.value())) for message in read(self._connection, EVIDENCE.name)
        ]
        policies: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
        for number, record in records:
            if isinstance(record, PolicyRecord):
                policies[number].append(record.version)
        lists = [number for number, record in records if isinstance(record, ListsRecord)]
        return policies, {lists.count(number) for number in policies}


def everywhere(*policies: str) -> dict[int, list[str]]:
    """The same in each partition."""
    return {number: list(policies) for number in range(PARTITIONS)}


def acted(connection: Connection, scenario: Callable[[Workers], Awaitable[None]]) -> Workers:
    """The workers after a scenario."""

    async def act() -> Workers:
        workers = Workers(connection)
        try:
            await scenario(workers)
        finally:
            await workers.close()
        return workers

    return asyncio.run(act())


@pytest.mark.broker
def test_a_policy_is_written_at_a_start_or_change_and_at_no_other_time(clean_topics: Connection) -> None:
    """Workers with different files do not write theirs in turns whenever a feed changes; whoever starts or has its file
    changed last decides, also with a policy that was in force before."""

    async def scenario(workers: Workers) -> None:
        await workers.start(0, "old")
        await workers.start(1, "old")
        await workers.start(1, "new")
        await workers.feed_changes(0, "old")
        await workers.feed_changes(1, "new", "3")
        await workers.feed_changes(0, "old", "4")
        await workers.start(0, "old")
        await workers.start(0, "old")

    policies, lists = acted(clean_topics, scenario).log()
    assert everywhere("old", "new", "old") == policies
    assert {5} == lists, "those of the feeds are written at each change"


@pytest.mark.broker
def test_a_writer_that_died_halfway_is_made_up_for_by_the_next_one(clean_topics: Connection) -> None:
    """Some partitions have its policy: whoever renews what is in force writes it to all, whatever file he has."""

    async def died(outgoing: Outgoing) -> None:
        first = {place: records for place, records in outgoing.batches.items() if place == (EVIDENCE.name, 0)}
        await workers_of[0].hindered.send(Outgoing(first))
        raise PublishFailed("the worker died")

    workers_of: list[Workers] = []

    async def scenario(workers: Workers) -> None:
        workers_of.append(workers)
        await workers.start(0, "old")
        workers.hindered.before = died
        with pytest.raises(PublishFailed):
            await workers.start(0, "new")
        assert everywhere("old") | {0: ["old", "new"]} == workers.log()[0]
        await workers.feed_changes(1, "old")
        assert everywhere("old", "new") | {0: ["old", "new", "new"]} == workers.log()[0]
        await workers.start(1, "old")

    policies, _ = acted(clean_topics, scenario).log()
    assert everywhere("old", "new", "old") | {0: ["old", "new", "new", "old"]} == policies


@pytest.mark.broker
def test_a_worker_that_starts_knows_that_its_policy_is_an_older_one(clean_topics: Connection) -> None:
    """Policies are ordered by when they were applied: one that was replaced is older until it is put in force anew."""

    async def newer(workers: Workers, version: str) -> str:
        found = await workers.announcers[1].newer(version)
        return found.version if found is not None else ""

    async def scenario(workers: Workers) -> None:
        assert "" == await newer(workers, "one"), "nothing is in force"
        await workers.start(0, "one")
        await workers.start(0, "two")
        assert ["two", "", ""] == [await newer(workers, version) for version in ("one", "two", "never seen")]
        await workers.start(0, "one")
        assert ["", "one"] == [await newer(workers, version) for version in ("one", "two")]

    acted(clean_topics, scenario)
    notes, _ = notes_since(clean_topics, 0)
    assert ["one", "two", "one"] == [each.version for each in history(notes)]
    assert {"text of one", "text of two"} == {each.text for each in history(notes)}


@pytest.mark.broker
def test_two_that_write_at_the_same_moment_leave_one_policy(
    clean_topics: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds that somebody wrote between its own notes writes once more."""
    monkeypatch.setattr(announcer, "PAUSE_SECONDS", 0.01)

    async def scenario(workers: Workers) -> None:
        async def other(outgoing: Outgoing) -> None:
            await workers.start(1, "another")

        workers.hindered.before = other
        await workers.start(0, "one")

    policies, _ = acted(clean_topics, scenario).log()
    assert everywhere("another", "one", "one") == policies


@pytest.mark.broker
def test_a_renewal_never_takes_a_change_back(clean_topics: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker's policy came into force after the notes had been read, and before this one's was."""
    monkeypatch.setattr(control, "WRITE_AGAIN_SECONDS", -1.0)

    async def scenario(workers: Workers) -> None:
        async def other(outgoing: Outgoing) -> None:
            await workers.start(1, "new")

        await workers.start(0, "old")
        await workers.feed_changes(0, "old")
        workers.hindered.place = (CONTROL.name, 0)
        workers.hindered.before = other
        await workers.feed_changes(0, "old", "3")
        await workers.feed_changes(0, "old", "4")

    policies, lists = acted(clean_topics, scenario).log()
    assert everywhere("old", "old", "new", "new") == policies, "the last one is a renewal by who has another file"
    assert {5} == lists


@pytest.mark.broker
def test_another_hash_key_writes_nothing(clean_topics: Connection) -> None:
    """The recipients' history would not be found."""

    async def scenario(workers: Workers) -> None:
        await workers.start(0, "one")
        with pytest.raises(HashKeyMismatch):
            another = Keys(sha256(b"another").digest())
            announcer = Announcer(clean_topics, workers.hindered, book(), another, Formers(another))
            await announcer.put_in_force("two", "", {})

    assert everywhere("one") == acted(clean_topics, scenario).log()[0]


@pytest.mark.broker
def test_a_new_secret_ends_the_workers_that_have_the_old_one_alone(clean_topics: Connection) -> None:
    """As soon as a worker has started that has both; they can't start again either. Notes of whom it meets move."""
    old_key, note = f"suppress/{_hash(KEYS)}", b'{"subject":"%s","reason":"r","by":"b","at":1}' % _hash(KEYS).encode()

    async def scenario(workers: Workers) -> None:
        await workers.start(0, "one")
        before = Announcer(clean_topics, workers.publisher, book(), KEYS, Formers(KEYS))
        await before.put_in_force("one", "text of one", {})
        await before.check_in_force()
        await workers.publisher.send(Outgoing({(CONTROL.name, 0): [{"key": old_key, "value": note}]}))
        formers = Formers(NEW)
        after = Announcer(clean_topics, workers.publisher, book(), NEW, formers)
        await after.put_in_force("one", "text of one", {})
        await after.check_in_force()
        for refused in (before.check_in_force, lambda: before.put_in_force("one", "text of one", {})):
            with pytest.raises(HashKeyMismatch, match="SIDESTEP_HASH_KEY_FORMER_FILE"):
                await refused()
        formers.notes.met(KEYS.recipient("jane@x.com"), NEW.recipient("jane@x.com"))
        await after.move_notes()

    acted(clean_topics, scenario)
    notes, _ = notes_since(clean_topics, 0)
    said = key_note(notes)
    assert said is not None and (NEW.fingerprint, KEYS.fingerprint, 0) == (said.version, said.former, said.keyed)
    assert old_key not in notes
    assert NEW.fingerprint.encode() in notes[f"suppress/{_hash(NEW)}"]


@pytest.mark.broker
def test_the_first_worker_notes_how_the_log_is_laid_out(clean_topics: Connection) -> None:
    """By the mailbox, and before its hash key: whoever finds that alone takes the log for one of before. Once the log
    is laid out otherwise, who has begun before leaves."""

    async def scenario(workers: Workers) -> None:
        await workers.start(0, "one")
        await workers.start(1, "one")
        keys = [record.key() for record in read(clean_topics, CONTROL.name)]
        assert [b"layout", b"hash-key"] == keys[:2]
        assert 1 == keys.count(b"layout")
        assert by_mailbox().mailboxes == layout_of(notes_since(clean_topics, 0)[0]).mailboxes
        await control.put_notes(workers.publisher, {"layout": LogLayout({"a.example": "b.example"})})
        later = book()
        newcomer = Announcer(clean_topics, workers.publisher, later, KEYS, Formers(KEYS))
        await newcomer.put_in_force("one", "text of one", {})
        await newcomer.check_in_force()
        assert later.facts("a.example").partition == later.facts("b.example").partition
        before = workers.announcers[0]
        for refused in (before.check_in_force, lambda: before.renew("one", "text of one", {})):
            with pytest.raises(LogLayoutError, match="Start it again"):
                await refused()

    acted(clean_topics, scenario)


@pytest.mark.broker
def test_a_log_of_before_stays_as_it_is(clean_topics: Connection, caplog: pytest.LogCaptureFixture) -> None:
    """Its histories lie by domains as they are written; that is noted, and people are told."""
    own = book()

    async def scenario(workers: Workers) -> None:
        written = note_at_start(None, KEYS.fingerprint, "", 1)
        await control.put_notes(workers.publisher, {"hash-key": written})
        at_work = Announcer(clean_topics, workers.publisher, own, KEYS, Formers(KEYS))
        await at_work.put_in_force("one", "text of one", {})
        await workers.publisher.send(Outgoing({(CONTROL.name, 0): [{"key": "layout", "value": None}]}))
        await at_work.renew("one", "text of one", {})  # somebody has taken the note away: it is written again

    acted(clean_topics, scenario)
    notes, _ = notes_since(clean_topics, 0)
    assert "layout" in notes and AS_WRITTEN.same(layout_of(notes))
    assert own.facts("gmail.com").partition != own.facts("googlemail.com").partition
    assert "googlemail.com" in caplog.text


def _hash(keys: Keys) -> str:
    return f"hash:{keys.recipient('jane@x.com').hex()}@x.com"


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ("mine mine", False),
        ("other other mine mine other", False),
        ("mine other mine", True),
        ("other mine other mine", True),
        ("mine same mine", False),
        ("mine other mine mine mine", False),
        ("mine", False),
        ("", False),
    ],
)
def test_only_what_stands_between_its_notes_overtakes(notes: str, expected: bool) -> None:
    """What ended before or began afterwards is in the same order in all partitions; the last attempt counts."""
    said = {"mine": Written("a", 0, 1), "same": Written("a", 0, 2), "other": Written("b", 0, 3)}
    policy = PolicyRecord(version="a", text="", at=1)
    assert expected is overtaken([said[word] for word in notes.split()], policy)


def test_a_note_that_cannot_be_read_keeps_nobody_from_starting(caplog: pytest.LogCaptureFixture) -> None:
    """It is passed over, and told of; email-control is compacted and would keep it for ever."""
    sound = b'{"version":"v","partitions":4,"at":1}'
    notes = {"policy": b"{", "lists": sound, "hash-key": b'{"version":7}', "hold/shop": b"\xff", "suppress/x": b"[]"}
    assert {"lists": Written("v", 4, 1)} == control.written_kinds(notes)
    assert [] == holds.in_force(notes, 0)
    assert [] == suppressions.in_force(notes, 0)
    assert "can't be read and are passed over: policy, hash-key" in caplog.text
