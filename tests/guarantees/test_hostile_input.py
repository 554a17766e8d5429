"""Whatever stands in the topics is kept byte for byte in email-dead-letters, and its neighbours get their verdicts."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaError, Message, Producer

from sidestep.schemas.codec import ContractError
from sidestep.schemas.reading import read_intent, read_sender
from sidestep.streams.commands.quarantine import quarantine
from sidestep.streams.redrive.letter import DeadLetter, read_letter
from sidestep.streams.runtime.cut_record import KEPT_OCTETS
from sidestep.streams.runtime.dead_letters import PART_MAX
from sidestep.topics.catalog import BOUNCES, DEAD_LETTERS, ENGAGEMENT, EVIDENCE, INTENTS
from sidestep.topics.connection import Connection
from sidestep.topics.replay_codec import StoredRecord
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.odd import produce_odd
from tests.guarantees.harness.records import Input, read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import wait_for
from tests.leaks import MARK

pytestmark = pytest.mark.timeout(120)


def intent(**fields: Any) -> bytes:
    """An intent that would be sound but for `fields`."""
    return json.dumps({"id": "x", "to": f"{MARK}@d0.example", "service": "shop"} | fields).encode()


UNREADABLE_INTENTS: dict[str, tuple[str, bytes | None]] = {
    "no value": ("no-value", None),
    "empty": ("not-json", b""),
    "text": ("not-json", b"hello"),
    "half": ("not-json", intent()[:20]),
    "two documents": ("not-json", intent() + intent()),
    "not UTF-8": ("not-json", b'{"id": "\xff\xfe", "to": "a@d0.example", "service": "s"}'),
    "a surrogate in UTF-8": ("not-json", b'{"id": "\xed\xa0\x80", "to": "a@d0.example", "service": "s"}'),
    "a lone surrogate": ("not-json", b'{"id": "\\ud800", "to": "a@d0.example", "service": "s"}'),
    "NUL": ("not-json", intent().replace(b'"x"', b'"x\x00"')),
    "escaped NUL in the id": ("control-character", intent(id="x\0")),
    "escaped NUL in the address": ("control-character", intent(to="a\0@d0.example")),
    "line break in the service": ("control-character", intent(service="a\nb")),
    "Avro behind a registry's prefix": ("not-json", b"\0\0\0\0\x07\x02x\x1aa@d0.example\x08shop"),
    "a CloudEvent without an intent": ("wrong-shape", b'{"specversion":"1.0","type":"t","source":"s","data":[]}'),
    "an array": ("wrong-shape", b"[]"),
    "a number": ("wrong-shape", b"17"),
    "null": ("wrong-shape", b"null"),
    "number for id": ("wrong-shape", intent(id=17)),
    "list for to": ("wrong-shape", intent(to=["a@d0.example"])),
    "text for test": ("wrong-shape", intent(test="yes")),
    "no id": ("wrong-shape", b'{"to": "a@d0.example", "service": "shop"}'),
    "empty id": ("wrong-shape", intent(id="")),
    "long id": ("wrong-shape", intent(id="x" * 201)),
    "long address": ("wrong-shape", intent(to="x" * 1001)),
    "attempt 0": ("wrong-shape", intent(attempt=0)),
    "attempt 10^30": ("wrong-shape", intent(attempt=10**30)),
    "time 0": ("absurd-time", intent(created_at=0)),
    "negative time": ("absurd-time", intent(created_at=-1.5e9)),
    "milliseconds": ("absurd-time", intent(created_at=1.7e12)),
    "year 9999": ("absurd-time", intent(consent_at="9999-12-31T23:59:59Z")),
    "year 1": ("absurd-time", intent(consent_at="0001-01-01T00:00:00+14:00")),
    "time in words": ("absurd-time", intent(created_at="yesterday")),
    "time 1e308": ("absurd-time", intent(created_at=1e308)),
    "long metadata": ("too-large", intent(metadata={"x": "y" * 17_000})),
    "deep metadata": ("too-deep", intent(metadata={"x": json.loads("[" * 60 + "]" * 60)})),
    "very deep": ("wrong-shape", b"[" * 30_000 + b"]" * 30_000),
    "very deep metadata": ("too-deep", intent(metadata={}).replace(b"{}}", b'{"x":' * 5_000 + b"1" + b"}" * 5_001)),
    "70 kB": ("too-large", intent(campaign="x" * 70_000)),
    "1 MB": ("too-large", intent(campaign="x" * 1_000_000)),
    "as much as fits": ("too-large", random.Random(1).randbytes(1_048_400)),
    "5 MB that compress well": ("too-large", intent(campaign="x" * 5_000_000)),
}
UNREADABLE_FEEDBACK: list[tuple[str, str, bytes | None]] = [
    (BOUNCES.name, "not-json", b"\x00\x01"),
    (BOUNCES.name, "no-value", None),
    (BOUNCES.name, "wrong-shape", b'\0\0\0\0\x07{"recipient": "a@d0.example", "status": "9.9"}'),
    (ENGAGEMENT.name, "not-json", b"\0\0\0\0\x07\x02a@d0.example"),
    (BOUNCES.name, "no-recipient", b'{"recipient": "nobody"}'),
    (BOUNCES.name, "wrong-shape", b'{"recipient": "a@d0.example", "status": "9.9"}'),
    (BOUNCES.name, "absurd-time", b'{"recipient": "a@d0.example", "occurred_at": 99999999999}'),
    (BOUNCES.name, "unknown-provider", b'{"recipient": "a@d0.example", "event": "bounced"}'),
    (
        BOUNCES.name,
        "too-many-events",
        json.dumps([{"event": "open", "sg_event_id": str(i)} for i in range(101)]).encode(),
    ),
    (BOUNCES.name, "no-recipient", b"From: MAILER-DAEMON@d0.example\nSubject: Undelivered Mail\n\n550 user unknown"),
    (ENGAGEMENT.name, "wrong-shape", b'{"recipient": "a@d0.example", "kind": "read"}'),
    (ENGAGEMENT.name, "not-json", b'{"recipient": "\\udfff@d0.example", "kind": "opened"}'),
]

Letter = tuple[bytes | None, bytes | None, str]
"""Key, value, reason."""


class Hostile:
    """Publishes to partition 0 and remembers by origin what must become a dead letter."""

    def __init__(self, connection: Connection, compression: str = "lz4"):
        self.letters: dict[str, Letter] = {}
        self._producer = Producer(
            connection.librdkafka(
                **{"message.max.bytes": 10_000_000, "compression.type": compression, "log_level": 0},
            )
        )

    def send(self, topic: str, reason: str, value: bytes | None, key: bytes | None = None) -> None:
        """One unreadable record."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            kept = value if len(value or b"") <= PART_MAX else (value or b"")[:KEPT_OCTETS]
            self.letters[f"{topic}/0/{message.offset()}"] = (key, kept, reason)

        headers: list[tuple[str, str | bytes | None]] = [("reason", b"mine"), ("", b""), ("x", None)]
        self._producer.produce(topic, value, key, partition=0, headers=headers, on_delivery=delivered)

    def good(self, records: list[Input]) -> None:
        """Neighbours in the same partition."""
        for topic, key, value in records:
            self._producer.produce(topic, value, key, partition=0)

    def scatter(self, records: list[Input], partitions: int) -> None:
        """Each in every partition: as producers do that hash keys differently (CRC32 here, murmur2 there)."""
        for topic, key, value in records:
            for partition in range(partitions):
                self._producer.produce(topic, value, key, partition=partition)

    def flush(self) -> None:
        """Kafka has taken all of it."""
        assert self._producer.flush(30) == 0


def dead_letters(connection: Connection) -> dict[str, Letter]:
    """By origin, as it is put together from the headers."""
    found: dict[str, Letter] = {}
    for message in read(connection, DEAD_LETTERS.name):
        headers = {name: (value or b"").decode() for name, value in message.headers() or ()}
        origin = f"{headers['topic']}/{headers['partition']}/{headers['offset']}"
        assert origin not in found and headers["text"]
        assert int(headers.get("value-octets", PART_MAX + 1)) > PART_MAX
        assert "value-octets" not in headers or len(message.value() or b"") == KEPT_OCTETS
        found[origin] = (message.key(), message.value(), headers["reason"])
    return found


def differences(wanted: dict[str, Letter], found: dict[str, Letter]) -> list[str]:
    """Readable, since a letter may be large."""

    def show(letter: Letter | None) -> object:
        return letter and (letter[2], letter[0], (letter[1] or b"")[:60], len(letter[1] or b""))

    places = sorted(wanted.keys() | found.keys())
    return [f"{p}: {show(wanted.get(p))} {show(found.get(p))}" for p in places if wanted.get(p) != found.get(p)]


def test_unreadable_records_are_kept_and_hold_up_nobody(system: System) -> None:
    """Each unreadable record is one dead letter, octet for octet; each neighbour in its batch has its verdict, and each
    service that can be told is told what is wrong, once."""
    traffic = Traffic(seed=6)
    workers = [system.start(role, dead_letter_share=1).await_ready() for role in ("screen", "decide")]
    hostile = Hostile(system.connection)
    for name, (reason, value) in UNREADABLE_INTENTS.items():
        hostile.good(traffic.plain(1, name))
        hostile.send(INTENTS.name, reason, value, key=None if value else b"\xff\x00")
    for topic, reason, value in UNREADABLE_FEEDBACK:
        hostile.send(topic, reason, value)
    hostile.good(traffic.plain(1, "last"))
    hostile.flush()
    system.verdicts.await_all(traffic.expected, 30, lambda: [w.ready() for w in workers])
    wait_for(lambda: len(dead_letters(system.connection)) >= len(hostile.letters), 20, "dead letters", every=0.2)
    assert differences(hostile.letters, dead_letters(system.connection)) == []
    told = sorted(told_of(value) for _, value in UNREADABLE_INTENTS.values() if read_sender(value) is not None)
    wait_for(lambda: system.verdicts.poll() is not None and len(system.verdicts.unreadable) >= len(told), 20, "told")
    assert told == sorted(verdict.rules[0].text for verdict in system.verdicts.unreadable) and len(told) >= 15
    assert {("shop", "x", "")} == {(v.service, v.id, v.to) for v in system.verdicts.unreadable}
    assert [w.leave() for w in workers] == [0, 0]
    assert_guarantees(system.connection, traffic.expected, [], [workers[1].data])


def told_of(value: bytes | None) -> str:
    """What a service is told of an intent that breaks the contract."""
    with pytest.raises(ContractError) as raised:
        read_intent(value, time.time())
    return f"This intent breaks the contract: {raised.value}. Mended, it may come again under this id."


def test_odd_kafka_records_are_read_like_any_other(system: System) -> None:
    """Header names that are not UTF-8, no key, a CreateTime before the epoch, the same intent in every partition: their
    values are sound, so they count, once. A record that zstd has made a thousandth of is a dead letter."""
    traffic = Traffic(seed=7)
    workers = [system.start(role).await_ready() for role in ("screen", "decide")]
    values = [value for _, _, value in traffic.plain(5, "odd")]
    oddities: list[dict[str, Any]] = [
        {"headers": [(b"\xff\xfe\x00", b"x"), (b"", b"")]},
        {"headers": [(b"Faust-Ag-ReplyTo", b"email-approved"), (b"Faust-Ag-CorrelationId", b"1")]},
        {"timestamp": 0},
        {"timestamp": -(10**15)},
        {"headers": [(b"h%d" % number, b"") for number in range(2000)]},
    ]
    records = [{"key": None, "value": v, "timestamp": 1} | odd for v, odd in zip(values, oddities, strict=True)]
    junk = {"key": b"\xff", "value": b"\xff", "headers": [(b"\xc3\x28", b"\xff")]}
    offset = asyncio.run(produce_odd(system.connection, INTENTS.name, 0, [*records, junk]))
    hostile = Hostile(system.connection)
    hostile.good(traffic.plain(20, "after"))
    hostile.scatter(traffic.plain(20, "scattered"), INTENTS.partitions)
    hostile.flush()
    bomb = Hostile(system.connection, "zstd")
    bomb.send(INTENTS.name, "too-large", intent(campaign="x" * 9_000_000))
    bomb.flush()
    system.verdicts.await_all(traffic.expected, 30, lambda: [w.ready() for w in workers])
    wanted: dict[str, Letter] = {f"{INTENTS.name}/0/{offset + len(records)}": (b"\xff", b"\xff", "not-json")}
    wanted |= bomb.letters
    wait_for(lambda: len(dead_letters(system.connection)) >= len(wanted), 20, "dead letters", every=0.2)
    assert differences(wanted, dead_letters(system.connection)) == []
    assert system.verdicts.repeated() == []
    assert [w.leave() for w in workers] == [0, 0]


def test_records_that_are_large_only_when_unpacked_take_no_memory(system: System) -> None:
    """Eight of 40 MB, 40 KB each on the wire, and 160 with twelve thousand headers: beside them an intent has its
    verdict, and the worker has grown by less than a few of them."""
    traffic = Traffic(seed=9)
    screen, decide = [system.start(role).await_ready() for role in ("screen", "decide")]
    before = screen.most_memory()
    bombs = Producer(
        system.connection.librdkafka(**{"message.max.bytes": 50_000_000, "compression.type": "gzip", "linger.ms": 0})
    )
    for _ in range(8):
        bombs.produce(INTENTS.name, b" " * 40_000_000, partition=0)
        assert bombs.flush(60) == 0
    for _ in range(160):
        bombs.produce(INTENTS.name, b" ", headers=[("a", None)] * 12_000, partition=0)
    assert bombs.flush(60) == 0
    beside = Hostile(system.connection)
    beside.good(traffic.plain(5))
    beside.flush()
    system.verdicts.await_all(traffic.expected, 60, lambda: [screen.ready(), decide.ready()])
    wait_for(lambda: len(dead_letters(system.connection)) >= 168, 30, "dead letters", every=0.2)
    assert screen.most_memory() - before < 200_000_000
    budgets = ("records", "producers", "caches", "recent-ids", "domains", "feedback")
    labels = {f'{{role="screen",what="{what}"}}' for what in budgets}
    assert labels == screen.metric("sidestep_memory_budget_octets").keys()
    assert 0 == screen.metric("sidestep_memory_octets")['{role="screen",what="producers"}']
    letters = [dict(letter.headers() or ()) for letter in read(system.connection, DEAD_LETTERS.name)]
    assert {b"too-large"} == {letter["reason"] for letter in letters}
    assert Counter({b"12000": 160, b"40000000": 8}) == Counter(
        letter.get("value-octets") or letter["headers-octets"] for letter in letters
    )
    assert [screen.leave(), decide.leave()] == [0, 0]


def test_what_is_not_evidence_is_dead_lettered_by_decide(system: System) -> None:
    """Only Screen may write to email-evidence; if something else stands there, it stops nobody and is kept."""
    traffic = Traffic(seed=8)
    workers = [system.start(role).await_ready() for role in ("screen", "decide")]
    hostile = Hostile(system.connection)
    deep = b'{"kind": "hold", "x": ' + b"[" * 30_000
    odd = (b"junk", b"", None, b"{}", b'{"kind": "wish"}', b'{"kind": "intent", "id": 1}', deep, b"\xff" * 500_000)
    for value in odd:
        hostile.send(EVIDENCE.name, "not-evidence", value, key=b"d0.example")
    hostile.send(EVIDENCE.name, "not-evidence", b'{"kind":"tick","at":1%s}' % (b"0" * 30), key=b"d0.example")
    huge = b'{"kind":"hold","service":"shop","until":1,"at":1,"reason":"%s"}' % (b"x" * 900_000)
    hostile.send(EVIDENCE.name, "not-foldable", huge, key=b"d0.example")
    hostile.flush()
    system.feed.send(traffic.plain(100))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 30, lambda: [w.ready() for w in workers])
    wait_for(lambda: len(dead_letters(system.connection)) >= len(hostile.letters), 20, "dead letters", every=0.2)
    assert differences(hostile.letters, dead_letters(system.connection)) == []
    assert [w.leave() for w in workers] == [0, 0]
    assert_guarantees(system.connection, traffic.expected, [], [workers[1].data])


@pytest.mark.timeout(240)
def test_a_flood_of_unreadable_records_stops_nobody(system: System) -> None:
    """Five thousand octets, one a record, honest intents in between and behind, and the worker is killed in the middle:
    each has a dead letter or is named by one, their producer is in quarantine also after the worker was started anew,
    all others are served meanwhile, and it ends when an operator says so."""
    traffic, hostile = Traffic(seed=10), Hostile(system.connection)
    for number in range(5_000):
        hostile.send(INTENTS.name, "not-json", b"?")
        if number % 500 == 250:
            hostile.good(traffic.plain(1, f"beside-{number}"))
    hostile.good(traffic.plain(20, "behind"))
    hostile.flush()
    slow: dict[str, Any] = {"quarantine_rate": 10, "batch_max": 500}
    decide = system.start("decide").await_ready()
    dying = system.start("screen", failpoint="screen-after-publish:5", **slow)
    assert dying.ended(60) == -signal.SIGKILL
    screen = system.start("screen", **slow).await_ready()
    system.verdicts.await_all(traffic.expected, 60, lambda: [screen.ready(), decide.ready()])
    wait_for(lambda: hostile.letters.keys() <= named(system.connection), 60, "dead letters", every=0.5)
    assert hostile.letters.keys() == named(system.connection), "and of nothing else"
    letters = stored_letters(system.connection)
    assert 5_000 > len(letters), "most are named by one that names many"
    for letter in letters:
        assert letter.reason == "not-json" and letter.value == (None if letter.ranges else b"?")
    assert screen.leave() == 0
    again = system.start("screen").await_ready()
    told = "In quarantine: email-intents/0."
    wait_for(lambda: told in again.notes(), 40, "who is in quarantine is known again", every=0.2)
    assert {'{topic="email-intents"}': 1} == again.metric("sidestep_quarantined_producers")
    where = ["--broker", str(system.connection)]
    (line,) = invoked("list", "--json", *where)
    assert ("email-intents/0", "email-intents") == (json.loads(line)["producer"], json.loads(line)["topic"])
    assert ["email-intents/0 is released"] == invoked("release", "email-intents/0", *where)
    assert ["nobody is in quarantine"] == invoked("list", *where)
    wait_for(lambda: told not in again.notes(), 40, "it is released", every=0.2)
    assert [again.leave(), decide.leave()] == [0, 0]
    assert_guarantees(system.connection, traffic.expected, [], [decide.data])


def stored_letters(connection: Connection) -> list[DeadLetter]:
    """As an operator's commands read them."""
    found = []
    for message in read(connection, DEAD_LETTERS.name):
        place = DEAD_LETTERS.name, message.partition() or 0, message.offset() or 0
        found.append(
            read_letter(StoredRecord(*place, 0, message.key(), message.value(), tuple(message.headers() or ())))
        )
    return [letter for letter in found if letter is not None]


def named(connection: Connection) -> set[str]:
    """Origins of all records that dead letters stand for."""
    return {str(origin) for letter in stored_letters(connection) for origin in letter.origins()}


def invoked(*arguments: str) -> list[str]:
    """Lines of `sidestep dead-letters quarantine …`."""
    done = CliRunner().invoke(quarantine, arguments)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def test_a_flood_of_unreadable_records_stops_the_worker_where_that_is_wanted(system: System) -> None:
    """A broken producer must not turn a topic into dead letters: exit 3, and on request they are taken all the same."""
    hostile = Hostile(system.connection)
    for number in range(300):
        hostile.send(INTENTS.name, "not-json", b"junk %d" % number)
    hostile.flush()
    screen = system.start("screen", dead_letter_window=100, dead_letter_exit=True)
    assert screen.ended(30) == 3
    assert "TooManyDeadLetters" in screen.said and "SIDESTEP_DEAD_LETTER_SHARE=1" in screen.said
    assert "of email-intents/0, because: " in screen.said, "whoever mends the producer has to find its records"
    assert dead_letters(system.connection) == {}
    willing = system.start("screen", dead_letter_share=1, dead_letter_exit=True).await_ready()
    wait_for(lambda: len(dead_letters(system.connection)) >= 300, 20, "dead letters", every=0.2)
    assert differences(hostile.letters, dead_letters(system.connection)) == []
    assert willing.leave() == 0
    assert Counter(reason for _, _, reason in hostile.letters.values()) == {"not-json": 300}
