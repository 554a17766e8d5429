"""Readers that demand proof, on a real broker: they go on after restarts, and nothing that somebody has written among
the verdicts is handed out as one."""

import asyncio
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from sidestep.schemas import Verdict
from sidestep.schemas.codec import encode
from sidestep.topics.connection import Connection
from sidestep.topics.errors import UnreadableVerdict
from sidestep.topics.received import Unproved
from sidestep.topics.subscribe import Subscription
from sidestep.topics.verdict_keys import VerdictKeys
from sidestep.topics.verdict_proof import HEADER
from sidestep.topics.verdict_signer import VerdictSigner
from sidestep.topics.verdicts import Verdicts
from tests.guarantees.harness.odd import produce_odd
from tests.topics.proved import APPROVED, keys_file, signer
from tests.topics.test_subscribe import verdict

REJECTED = "email-rejected"
Pair = tuple[bytes, bytes | None]
"""Value and proof."""


def write(connection: Connection, topic: str, *pairs: Pair, partition: int = 0) -> None:
    """As anybody can who may write to the topic."""
    producer = Producer(connection.librdkafka())
    for value, proof in pairs:
        producer.produce(topic, value, b"key", partition, headers=[(HEADER, proof)] if proof is not None else [])
    assert producer.flush(10) == 0


def proved(decide: VerdictSigner, topic: str, *numbers: int) -> list[Pair]:
    """As Decide writes them."""
    values = [encode(verdict(number)) for number in numbers]
    return list(zip(values, decide.proofs(topic, 0, values), strict=True))


def taken(records: Subscription, count: int) -> list[str]:
    """Of the next `count` records: the id of a verdict, or the reason's code."""
    found: list[str] = []
    while len(found) < count and (record := records.poll(10)) is not None:
        one = record.value
        assert isinstance(one, Verdict | Unproved)
        found.append(one.id if isinstance(one, Verdict) else one.code)
    return found


@pytest.fixture
def decide(tmp_path: Path) -> VerdictSigner:
    """Decide's key."""
    return signer(tmp_path)


@pytest.fixture
def keys(tmp_path: Path, decide: VerdictSigner) -> VerdictKeys:
    """Its other half."""
    return VerdictKeys(keys_file(tmp_path / "verdict-keys.toml", decide))


def test_forgeries_among_verdicts_are_told_from_them(
    clean_topics: Connection, decide: VerdictSigner, keys: VerdictKeys
) -> None:
    """Unsigned, with a proof that stands beside another verdict, a rejection that was moved, an old one once more, in
    another partition; without keys a reader takes all of it."""
    first, second, third = proved(decide, APPROVED, 1, 2, 3)
    moved = proved(decide, REJECTED, 4)[0]
    forged = encode(verdict(9))
    write(clean_topics, APPROVED, first, (forged, None), (forged, first[1]), moved, second, first, third)
    write(clean_topics, APPROVED, third, partition=1)
    with Subscription(clean_topics, [APPROVED], start="earliest", verify=keys) as verdicts:
        found = taken(verdicts, 8)
        assert {"proof-missing": 1, "proof-wrong": 3, "proof-repeated": 1} == verdicts.refused
    assert ["order-1", "order-2", "order-3"] == [each for each in found if each.startswith("order")]
    with Subscription(clean_topics, [APPROVED], start="earliest") as verdicts:
        assert all(each.startswith("order") for each in taken(verdicts, 8)) and not verdicts.refused


def test_a_group_knows_after_a_restart_what_it_has_read(
    clean_topics: Connection, decide: VerdictSigner, keys: VerdictKeys
) -> None:
    """An old verdict that was written once more while nobody read; and what was not handled comes again as a verdict,
    though the reader before had it in hand."""
    first, second, third = proved(decide, APPROVED, 1, 2, 3)
    write(clean_topics, APPROVED, (first[0], None))
    with Subscription(clean_topics, [APPROVED], "mailer", verify=keys) as verdicts:
        assert ["proof-missing"] == taken(verdicts, 1)
    write(clean_topics, APPROVED, first, second)
    with pytest.raises(KeyError), Subscription(clean_topics, [APPROVED], "mailer", verify=keys) as verdicts:
        assert ["order-1", "order-2"] == taken(verdicts, 2)
        raise KeyError("sending the second failed")
    write(clean_topics, APPROVED, first, second, third)
    with Subscription(clean_topics, [APPROVED], "mailer", verify=keys) as verdicts:
        assert ["order-2", "proof-repeated", "proof-repeated", "order-3"] == taken(verdicts, 4)


@pytest.mark.parametrize("group", [None, "mailer"])
def test_a_reader_that_begins_at_the_end_takes_no_old_verdict_for_new(
    clean_topics: Connection, decide: VerdictSigner, keys: VerdictKeys, group: str | None
) -> None:
    """It has handed out none of those before, which stand among forgeries and other repetitions, and knows the last one
    all the same."""
    pairs = proved(decide, APPROVED, *range(1, 7))
    forged = (encode(verdict(9)), pairs[0][1])
    write(clean_topics, APPROVED, *pairs[:4], forged, (pairs[5][0], None), pairs[1])
    with Subscription(clean_topics, [APPROVED], group, "latest", keys) as verdicts:
        deadline = time.monotonic() + 20
        while not verdicts._consumer.assignment():
            assert verdicts.poll(0.05) is None and time.monotonic() < deadline
        write(clean_topics, APPROVED, pairs[2], pairs[3], *pairs[4:])
        assert ["proof-repeated", "proof-repeated", "order-5", "order-6"] == taken(verdicts, 4)


def test_a_reader_stops_where_its_file_is_gone_and_loses_nothing(
    clean_topics: Connection, decide: VerdictSigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It raises instead of passing over what it can't check."""
    from sidestep.topics import verdict_keys
    from sidestep.topics.errors import CredentialsError

    monkeypatch.setattr(verdict_keys, "LOOK_SECONDS", 0.0)
    file = keys_file(tmp_path / "verdict-keys.toml", decide)
    first, second = proved(decide, APPROVED, 1, 2)
    write(clean_topics, APPROVED, first)
    with Subscription(clean_topics, [APPROVED], "mailer", verify=VerdictKeys(file)) as verdicts:
        assert ["order-1"] == taken(verdicts, 1)
        file.unlink()
        with pytest.raises(CredentialsError, match="no verdict is taken"):
            for _ in range(3):
                verdicts.poll(0)
        write(clean_topics, APPROVED, second)
        keys_file(file, decide)
        with pytest.raises(CredentialsError):
            verdicts.poll(0)
        assert ["order-2"] == taken(verdicts, 1)


def test_a_header_that_is_no_text_stops_nobody(clean_topics: Connection, keys: VerdictKeys) -> None:
    """Confluent's client raises when it is asked for the headers. Without keys the record counts as one that has none,
    with keys as a forgery; reading goes on."""
    odd = {"key": b"key", "value": encode(verdict(1)), "headers": [(b"\xff\xfe", b"x")]}
    asyncio.run(produce_odd(clean_topics, APPROVED, 0, [odd]))
    write(clean_topics, APPROVED, (encode(verdict(2)), None))
    with Subscription(clean_topics, [APPROVED], start="earliest") as records:
        first, second = records.poll(10), records.poll(10)
    assert first is not None and second is not None and first.headers == {}
    assert [verdict(1), verdict(2)] == [first.value, second.value]
    with Subscription(clean_topics, [APPROVED], start="earliest", verify=keys) as verdicts:
        assert ["proof-unreadable", "proof-missing"] == taken(verdicts, 2)


def test_proofs_are_for_verdicts(keys: VerdictKeys) -> None:
    """Nothing else has any: that is said before Kafka is asked."""
    with pytest.raises(ValueError, match="email-bounces is not"):
        Subscription("127.0.0.1:1", ["email-bounces"], verify=keys)


def test_a_mailers_reader_passes_over_what_nothing_proves(
    clean_topics: Connection, decide: VerdictSigner, keys: VerdictKeys
) -> None:
    """It hands out Decide's verdicts alone, and counts the others; told to stop at one, it stops before it."""
    first, second = proved(decide, APPROVED, 1, 2)
    write(clean_topics, APPROVED, first, (encode(verdict(9)), None), second)
    with Verdicts(clean_topics, topics=[APPROVED], start="earliest", verify=keys) as verdicts:
        found = [verdicts.poll(10), verdicts.poll(10)]
        assert {"proof-missing": 1} == verdicts.refused == verdicts.skipped
    assert [verdict(1), verdict(2)] == found
    with Verdicts(clean_topics, None, [APPROVED], "earliest", keys, unreadable="raise") as verdicts:
        assert [verdict(1)] == verdicts.batch(10, 10)
        with pytest.raises(UnreadableVerdict, match="email-approved/0/1 is no verdict: proof-missing"):
            verdicts.poll(10)
