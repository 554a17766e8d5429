"""A batch through Screen: what goes out at once, what waits for DNS, where everything goes, and what may be committed.

The name server is a real one on loopback; in Kafka's place stands a list that can refuse.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import Any

import pytest

from sidestep.schemas.codec import decode_evidence
from sidestep.streams.errors import TooManyDeadLetters
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.runtime.batches import Batch, Lane, Partition
from sidestep.streams.runtime.dead_letters import DeadLetterLimit
from sidestep.streams.runtime.outgoing import Keyed, Outgoing, Single
from sidestep.streams.screen import turn
from sidestep.streams.screen.dns import canaries
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.feedback.reasons import load_reasons
from sidestep.streams.screen.feedback_readers import FeedbackReaders
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.quarantine import QuarantineWard
from sidestep.streams.screen.recent_ids import RecentIds
from sidestep.streams.screen.screener import Screener
from sidestep.streams.screen.signers import Signers
from sidestep.streams.screen.sources.inquiry import Inquiry
from sidestep.streams.screen.ticks import Ticks
from sidestep.topics.catalog import BOUNCES, CONTROL, DEAD_LETTERS, ENGAGEMENT, EVIDENCE, INTENTS
from sidestep.topics.errors import PublishFailed
from tests.kafka_records import delivered
from tests.waiting import until

Headers = Sequence[tuple[str, bytes | None]]

PARTITIONS = 4
LISTS = load_lists()
BOOK = DomainBook(LISTS, suggest, PARTITIONS)
BOTH = ("jane@fast.example", "j@slow.example")
ZONES = {name: [f"MX 10 mx.{name}"] for name in ("fast.example", "slow.example", "slower.example")}


class Press:
    """What Screen publishes, in the order in which it was handed in."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.refuse = False

    async def send(self, outgoing: Outgoing) -> None:
        """Takes it, or says that it can't."""
        if self.refuse:
            raise PublishFailed("no room")
        self.sent.append(outgoing)

    def evidence(self) -> list[Any]:
        """All evidence so far."""
        return [decode_evidence(record["value"]) for topic, _, record in self.records() if topic == EVIDENCE.name]

    def records(self) -> list[tuple[str, int, Keyed]]:
        """All batched records with their topic and partition."""
        return [(t, p, record) for out in self.sent for (t, p), records in out.batches.items() for record in records]

    def dead(self) -> list[Single]:
        """All dead letters so far."""
        return [single for outgoing in self.sent for single in outgoing.singles]


class Desk:
    """A screener, its name server, and lanes to feed it with."""

    def __init__(self, ns: NameServer, screener: Screener, press: Press, resolver: Resolver, reached: list[str]):
        self.ns, self.screener, self.press, self.resolver, self.reached = ns, screener, press, resolver, reached
        self.lanes: dict[Partition, Lane] = {}
        self.ends: dict[Partition, int] = {}

    def batch(
        self, *values: bytes | None, topic: str = INTENTS.name, partition: int = 0, headers: Iterable[Headers] = ()
    ) -> Batch:
        """The next batch of a partition, with these records, and their headers where they have some."""
        tp = Partition(topic, partition)
        lane = self.lanes.setdefault(tp, Lane(tp, 6_000, 20_000, 0.0, lambda: 0.0))
        first = self.ends.get(tp, 0)
        lane.feed(
            [
                delivered(first + number, value, tp=tp, key=b"key", headers=given)
                for number, (value, given) in enumerate(zip(values, chain(headers, repeat(())), strict=False))
            ]
        )
        self.ends[tp] = first + len(values)
        batch = lane.next_step().batch
        assert batch is not None, "the last batch has not been released"
        return batch

    async def knows(self, *domains: str) -> None:
        """Have these names in the cache."""
        await asyncio.gather(*map(self.resolver.find, domains))


@asynccontextmanager
async def desk(
    parked_max: int = 100,
    share: float = 0.5,
    window: int = 1000,
    canary: Sequence[str] = (),
    signers: Callable[[], Signers] | None = None,
    former: bytes | None = None,
    ward: QuarantineWard | None = None,
    reading: float = 60.0,
) -> AsyncIterator[Desk]:
    """All of it, until the block ends."""
    async with NameServer(ZONES) as ns:
        resolver, press = Resolver([ns.address], timeout=2.0, canaries=canary), Press()
        reached: list[str] = []
        screener = Screener(
            book=BOOK,
            inquiry=Inquiry(resolver),
            keys=Keys(bytes(32), former),
            reasons=load_reasons(),
            publisher=press,
            new_limit=lambda: DeadLetterLimit(share, window),
            recent=RecentIds,
            parked_max=parked_max,
            failpoint=reached.append,
            ticks=Ticks(),
            signers=signers,
            ward=ward,
            readers=FeedbackReaders(reading),
        )
        yield Desk(ns, screener, press, resolver, reached)
        await screener.close()
        await resolver.close()


def intent(id: str = "1", to: str = "jane@fast.example", **fields: Any) -> bytes:
    """The octets of one intent."""
    return json.dumps({"id": id, "to": to, "service": "shop"} | fields).encode()


def run(scenario: Any, **options: Any) -> None:
    """Run a scenario at a desk."""

    async def main() -> None:
        async with desk(**options) as it:
            await scenario(it)

    asyncio.run(main())


def test_evidence_goes_to_its_domains_partition() -> None:
    """By murmur2 of the A-label, as Kafka's Java clients have it; all about one domain in one order."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        bounce = b'{"recipient": "Jane@FAST.example"}'
        await at.screener.screen(at.batch(intent("1"), intent("2", "JOHN@Fast.Example")))
        await at.screener.screen(at.batch(bounce, topic=BOUNCES.name))
        await at.screener.screen(at.batch(b'{"recipient": "j@fast.example", "kind": "opened"}', topic=ENGAGEMENT.name))
        places = {(topic, partition, record["key"]) for topic, partition, record in at.press.records()}
        assert {(EVIDENCE.name, BOOK.partition("fast.example"), "fast.example")} == places
        assert ["intent", "intent", "feedback", "feedback"] == [_kind(record) for record in at.press.evidence()]

    run(scenario)


async def rounds(work: Coroutine[Any, Any, Any]) -> int:
    """How often others had a turn at the loop until it was done."""
    task, count = asyncio.ensure_future(work), 0
    while not task.done():
        await asyncio.sleep(0)
        count += 1
    await task
    return count


def test_others_have_turns_while_a_batch_is_dealt_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between records of feedback, and between intents that waited for the same answer; all of it is put out."""
    monkeypatch.setattr(turn, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(turn, "PORTION", 1)

    async def scenario(at: Desk) -> None:
        bounces = [b'{"recipient": "a%d@fast.example"}' % number for number in range(300)]
        assert await rounds(at.screener.screen(at.batch(*bounces, topic=BOUNCES.name))) >= 300
        intents = [intent(str(number), "jane@slow.example") for number in range(90)]
        await at.screener.screen(at.batch(*intents))
        assert [1] * 90 == [len(sent.batches) for sent in at.press.sent if sent.batches][1:]
        assert 390 == len(at.press.evidence())

    run(scenario)


def test_what_a_batch_has_no_time_for_is_the_next_one() -> None:
    """Feedback that takes long to read: what was read is finished and put out, the rest follows."""

    async def scenario(at: Desk) -> None:
        tp = Partition(BOUNCES.name, 0)
        batch = at.batch(*[b'{"recipient": "a%d@fast.example"}' % number for number in range(3)], topic=tp.topic)
        for number in range(1, 4):
            await at.screener.screen(batch)
            at.lanes[tp].finish(batch)
            assert number == len(at.press.evidence()) == at.lanes[tp].committable()
            batch = at.lanes[tp].next_step().batch or batch
        assert at.lanes[tp].idle

    run(scenario, reading=0.0)


def test_all_evidence_about_a_mailbox_is_in_one_partition() -> None:
    """However it is written to; what limits and domains' stories go by stays as written."""
    said = b'{"recipient": "janedoe@gmail.com", "kind": "complaint"}'

    async def scenario(at: Desk) -> None:
        await at.screener.screen(at.batch(said, topic=BOUNCES.name))
        await at.knows("googlemail.com")
        await at.screener.screen(at.batch(intent("1", "Jane.Doe+shop@googlemail.com")))
        assert {(BOOK.partition("gmail.com"), "gmail.com")} == {
            (place, record["key"]) for _, place, record in at.press.records()
        }
        assert ["gmail.com", "googlemail.com"] == [record.domain for record in at.press.evidence()]
        assert 1 == len({record.recipient_key for record in at.press.evidence()})

    run(scenario)


def _kind(record: Any) -> str:
    return str(record.__struct_config__.tag)


def test_a_partition_is_chosen_as_java_does() -> None:
    """Known values of Kafka's own murmur2: whoever changes the hash splits every domain's history."""
    book = DomainBook(LISTS, suggest, 1_000_000)
    known = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107}
    assert {key: (value & 0x7FFFFFFF) % 1_000_000 for key, value in known.items()} == {
        k: book.partition(k) for k in known
    }


def test_an_address_without_a_domain_goes_somewhere_and_always_there() -> None:
    """The same text to the same partition: otherwise its repetition would have a verdict of its own."""

    async def scenario(at: Desk) -> None:
        await at.screener.screen(at.batch(intent("1", "jane"), intent("1", "jane")))
        (first, second) = at.press.records()
        assert first[:2] == second[:2] == (EVIDENCE.name, BOOK.partition("jane"))
        assert {("no-at-sign", "")} == {(record.syntax, record.domain) for record in at.press.evidence()}
        assert 0 == at.ns.queries.total()

    run(scenario)


def test_a_slow_name_holds_up_nothing_but_its_own() -> None:
    """Its neighbours, and later batches of the partition, go out meanwhile; the commit waits below it."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        at.ns.fault("slow.example", "delay 0.4")
        first = at.batch(intent("1"), intent("2", "jane@slow.example"), intent("3"))
        screening = asyncio.create_task(at.screener.screen(first))
        await until(lambda: len(at.press.evidence()) == 2)
        await until(lambda: at.lanes[first.tp].busy is None)
        assert (1, 1) == (first.low, at.screener.parked[first.tp]), "1 and 3 are in the log, 2 is not"
        second = at.batch(intent("4"))
        await at.screener.screen(second)
        at.lanes[first.tp].finish(second)
        assert ["1", "3", "4"] == [record.id for record in at.press.evidence()]
        assert 1 == at.lanes[first.tp].committable()
        await screening
        at.lanes[first.tp].finish(first)
        assert ["1", "3", "4", "2"] == [record.id for record in at.press.evidence()]
        assert (4, 0) == (at.lanes[first.tp].committable(), at.screener.parked[first.tp])
        assert "yes" == at.press.evidence()[-1].mx.outcome

    run(scenario)


def test_what_may_be_committed_grows_name_by_name() -> None:
    """The lowest offset that is still parked, whichever name answers first."""

    async def scenario(at: Desk) -> None:
        at.ns.fault("slow.example", "delay 0.15")
        at.ns.fault("slower.example", "delay 0.4")
        batch = at.batch(
            intent("0", "j@slow.example"), intent("1"), intent("2", "j@slower.example"), intent("3", "j@slow.example")
        )
        lows = [batch.low]
        screening = asyncio.create_task(at.screener.screen(batch))
        while not screening.done():
            if batch.low != lows[-1]:
                lows.append(batch.low)
            await asyncio.sleep(0.001)
        await screening
        assert ([0, 2], 4) == (lows[:2], batch.low)
        assert {"0", "1", "2", "3"} == {record.id for record in at.press.evidence()}

    run(scenario)


def test_intents_for_one_unknown_name_share_a_question_and_keep_their_order() -> None:
    """A thousand intents to a new domain are one look-up."""

    async def scenario(at: Desk) -> None:
        await at.screener.screen(at.batch(*(intent(str(n)) for n in range(50))))
        assert [str(n) for n in range(50)] == [record.id for record in at.press.evidence()]
        assert 1 == at.ns.queries["fast.example/MX"]

    run(scenario)


def test_a_full_car_park_keeps_the_next_batch_back() -> None:
    """Memory is bounded: the partition pauses until one of its names has answered."""

    async def scenario(at: Desk) -> None:
        at.ns.fault("slow.example", "delay 0.3")
        batch = at.batch(intent("1", "j@slow.example"), intent("2", "k@slow.example"))
        lane = at.lanes[batch.tp]
        screening = asyncio.create_task(at.screener.screen(batch))
        await until(lambda: at.screener.parked.get(batch.tp) == 2 and "screen-after-publish" in at.reached)
        assert lane.busy is batch
        await screening
        assert lane.busy is None

    run(scenario, parked_max=2)


def test_no_answer_is_an_answer() -> None:
    """The look-up ends at its deadline; what is not known is said to be unknown, with the reason."""

    async def scenario(at: Desk) -> None:
        at.ns.fault("slow.example", "servfail")
        await at.screener.screen(at.batch(intent("1", "j@slow.example")))
        (record,) = at.press.evidence()
        assert ("unknown", "servfail") == (record.mx.outcome, record.mx.reason)

    run(scenario)


def test_what_cannot_be_read_becomes_a_dead_letter_and_its_neighbours_do_not() -> None:
    """Byte for byte, with the reason; counted for the metrics."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        screened = await at.screener.screen(at.batch(intent("1"), b"{", None, b'{"id": ""}', intent("2")))
        assert ["1", "2"] == [record.id for record in at.press.evidence()]
        assert [b"{", None, b'{"id": ""}'] == [letter["value"] for letter in at.press.dead()]
        assert {DEAD_LETTERS.name} == {letter["topic"] for letter in at.press.dead()}
        assert {"not-json": 1, "no-value": 1, "wrong-shape": 1} == screened.reasons
        assert {"intent": 2} == screened.kinds

    run(scenario)


def test_feedback_about_nobody_is_a_dead_letter() -> None:
    """Without an address it can't be counted for anyone."""

    async def scenario(at: Desk) -> None:
        screened = await at.screener.screen(at.batch(b'{"recipient": "jane"}', topic=BOUNCES.name))
        assert {"no-recipient": 1} == screened.reasons
        assert [] == at.press.evidence()

    run(scenario)


def test_a_trap_hit_becomes_a_control_record_and_a_note() -> None:
    """Where the mailbox lies; what is told of it counts once by its id. A note by another of its domains goes."""

    async def scenario(at: Desk) -> None:
        said = b'{"recipient": "%s", "kind": "trap-hit", "id": "t1", "service": "crm", "reply": "pristine\\n1"}'
        hits = [said % name for name in (b"jane@fast.example", b"J.Ane@googlemail.com")]
        screened = await at.screener.screen(at.batch(*hits, topic=BOUNCES.name))
        assert {"trap": 2, "feedback": 0} == screened.kinds
        jane, gmail = at.press.evidence()
        assert ("trap", "fast.example", "email-bounces/0/0", "pristine 1") == (
            _kind(jane),
            jane.domain,
            jane.by,
            jane.reason,
        )
        assert "googlemail.com" == gmail.domain
        assert jane.event_key != gmail.event_key
        domains = {"gmail.com", "fast.example"}
        places = {(topic, partition) for topic, partition, _ in at.press.records()}
        assert {*((EVIDENCE.name, BOOK.partition(name)) for name in domains), (CONTROL.name, 0)} == places
        notes = [record for topic, _, record in at.press.records() if topic == CONTROL.name]
        key = f"trap/hash:{gmail.recipient_key.hex()}"
        assert [
            (f"trap/hash:{jane.recipient_key.hex()}@fast.example", True),
            (f"{key}@googlemail.com", True),
            (f"{key}@gmail.com", False),
        ] == [(note["key"], note["value"] is not None) for note in notes]

    run(scenario)


def test_while_two_secrets_are_set_all_records_name_both_keys() -> None:
    """Of intents, feedback and traps; the note of a trap comes in place of the one under the former key."""
    former = Keys(b"f" * 32)
    key = former.recipient("jane@fast.example")

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        await at.screener.screen(at.batch(intent("1"), intent("2", to="nowhere")))
        said = b'{"recipient": "jane@fast.example", "kind": "%s", "id": "t1", "service": "crm"}'
        await at.screener.screen(at.batch(said % b"bounce", said % b"trap-hit", topic=BOUNCES.name))
        named = [(_kind(record), record.former) for record in at.press.evidence()]
        assert {"intent", "feedback", "trap"} == {kind for kind, _ in named}
        assert [(key, 16), (b"", 16), (key, 16), (key, 16)] == [
            (before.recipient_key, len(before.id_key)) for _, (before,) in named
        ]
        notes = {record["key"]: record["value"] for topic, _, record in at.press.records() if topic == CONTROL.name}
        assert notes.pop(f"trap/hash:{key.hex()}@fast.example") is None
        assert [True] == [Keys(bytes(32)).fingerprint.encode() in (value or b"") for value in notes.values()]

    run(scenario, former=b"f" * 32)


def test_an_error_of_ours_costs_one_record_and_not_the_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged with its stack, and kept with the reason internal-error."""

    def broken(text: str) -> Any:
        raise KeyError("gone")

    monkeypatch.setattr("sidestep.streams.screen.screener.parse", broken)

    async def scenario(at: Desk) -> None:
        screened = await at.screener.screen(at.batch(intent("1")))
        assert {"internal-error": 1} == screened.reasons
        assert "KeyError: 'gone'" == screened.example

    run(scenario)


def test_too_many_dead_letters_stop_the_worker_before_anything_is_written() -> None:
    """A broken producer, not a broken record."""

    async def scenario(at: Desk) -> None:
        with pytest.raises(TooManyDeadLetters):
            await at.screener.screen(at.batch(*[b"?"] * 6, *map(intent, "1234")))
        assert [] == at.press.sent

    run(scenario, window=10)


def test_who_mends_a_broken_producer_is_told_where_and_whose() -> None:
    """Topic, partition, offsets and the services that the records name, which no address can hide in; also where the
    batch that is one too many has none of them: those of a window long gone no longer outweigh them."""
    bad = json.dumps({"id": 1, "to": "jane@fast.example", "service": "bad"}).encode()
    odd = json.dumps({"service": "jane@fast.example\n"}).encode()

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example")
        await at.screener.screen(at.batch(*[intent(f"good-{number}") for number in range(10)]))
        await at.screener.screen(at.batch(odd, *[bad] * 5))
        with pytest.raises(TooManyDeadLetters) as stopped:
            await at.screener.screen(at.batch(*map(intent, "1234")))
        said = str(stopped.value)
        whose = "bad, ***@fast.example\N{REPLACEMENT CHARACTER}"
        assert f"at offsets 10 to 15 of email-intents/0, in the name of {whose}" in said
        assert said.startswith("6 of the last 10 records can't be read")

    run(scenario, window=10)


def test_a_refused_publication_is_an_error_and_releases_nothing() -> None:
    """Nothing of the batch may be acknowledged."""

    async def scenario(at: Desk) -> None:
        at.press.refuse = True
        batch = at.batch(intent("1", "jane"))
        with pytest.raises(PublishFailed):
            await at.screener.screen(batch)
        assert at.lanes[batch.tp].busy is batch
        assert ["screen-before-publish"] == at.reached

    run(scenario)


def test_a_publication_refused_later_leaves_what_is_parked_uncommitted() -> None:
    """The first part is in the log, the rest is read again by whoever takes over."""

    async def scenario(at: Desk) -> None:
        at.ns.fault("slow.example", "delay 0.1")
        await at.knows("fast.example")
        batch = at.batch(intent("1"), intent("2", "j@slow.example"))
        screening = asyncio.create_task(at.screener.screen(batch))
        await until(lambda: "screen-after-publish" in at.reached)
        at.press.refuse = True
        with pytest.raises(PublishFailed):
            await screening
        assert 1 == batch.low

    run(scenario)


def test_an_id_used_again_at_another_domain_is_noticed() -> None:
    """Within one partition of email-intents, where a producer that keys by id puts it."""

    async def scenario(at: Desk) -> None:
        await at.knows("fast.example", "slow.example")
        await at.screener.screen(at.batch(intent("1", BOTH[0]), intent("1", BOTH[1]), intent("1", BOTH[0])))
        assert {(BOTH[0], False), (BOTH[1], True)} == {(record.to, record.reused) for record in at.press.evidence()}
        await at.screener.screen(at.batch(intent("1", "j@slow.example"), partition=1))
        assert not at.press.evidence()[-1].reused, "another partition knows nothing of it"
        at.screener.forget({Partition(INTENTS.name, 1)})
        await at.screener.screen(at.batch(intent("1", "j@slow.example")))
        assert not at.press.evidence()[-1].reused, "nor does whoever gets the partition later"

    run(scenario)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [((), "resolver-denies-all"), (("A 198.105.244.11",), "resolver-answers-all")],
    ids=["denies", "answers"],
)
def test_what_rests_on_a_lie_goes_out_as_unknown(lie: tuple[str, ...], reason: str) -> None:
    """So that Decide defers it. What has an exchange goes on; after the mending the next attempt is found out anew."""

    async def scenario(at: Desk) -> None:
        at.ns.set("*", *lie)
        await at.screener.screen(at.batch(intent("1", "bob@gmail.test"), intent("2", "bob@fast.example")))
        first = {(record.domain, record.mx.outcome, record.mx.reason) for record in at.press.evidence()}
        assert {("gmail.test", "unknown", reason), ("fast.example", "yes", "mx")} == first
        at.ns.set("*")
        for name in ("gmail.test", "canary.test"):
            at.ns.set(name, "MX 10 mx.test")
        await at.resolver.refresh_trust()
        at.press.sent.clear()
        await at.screener.screen(at.batch(intent("1", "bob@gmail.test", attempt=2), intent("3", "bob@gone.test")))
        second = {(record.domain, record.mx.outcome, record.mx.reason) for record in at.press.evidence()}
        assert {("gmail.test", "yes", "mx"), ("gone.test", "no", "nxdomain")} == second

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canaries, "HASTY", 0.0)
        run(scenario, canary=["canary.test"])
