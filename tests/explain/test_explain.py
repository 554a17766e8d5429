"""sidestep explain over a real Kafka that holds the golden log and all that Decide has made of it."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from sidestep.schemas import EmailIntent, IntentEvidence, SuppressRecord, Verdict
from sidestep.schemas.codec import decode, decode_evidence, encode
from sidestep.streams.cli import main
from sidestep.streams.errors import HashKeyMismatch
from sidestep.streams.explain.events import LifeSubject
from sidestep.streams.explain.find import Wanted
from sidestep.streams.explain.life import life_of
from sidestep.streams.explain.run import VerdictQuestion, silent
from sidestep.streams.explain.run import explain as run
from sidestep.streams.explain.story import VerdictStory, as_json
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.key_note import KEY, KeyNote
from sidestep.streams.screen.keys import Keys
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import ref_of
from sidestep.topics.catalog import (
    APPROVED,
    CONTROL,
    DEAD_LETTERS,
    DEFAULT_PARTITIONS,
    EVIDENCE,
    IDS_CHANGELOG,
    INTENTS,
    LEDGER_CHANGELOG,
    REJECTED,
)
from sidestep.topics.connection import Connection
from sidestep.topics.stretch import topic_of
from tests.audit.world_log import Copy, audited_world, copy_of, judge_in_batches
from tests.decide.world import KEYS, START, feedback, intent, policy
from tests.explain.test_witness import ODD
from tests.runtime.damages import garble_table
from tests.snapshots.snapshot_world import POSITIONS as SNAPSHOT_POSITIONS
from tests.snapshots.snapshot_world import FoldedLedger, taken

pytestmark = pytest.mark.timeout(120)
WAITS, PUBLISHED, DEAD = "waits", "published", "dead"
Header = tuple[str, bytes]


@pytest.fixture
def told_log(clean_topics: Connection, judged_log: Copy) -> tuple[Connection, list[Verdict]]:
    """The log in Kafka, with one intent at each stage on its way; all verdicts."""
    producer = Producer(clean_topics.librdkafka())
    for topic in (EVIDENCE, APPROVED, REJECTED, IDS_CHANGELOG):
        for record in judged_log.topics[topic.name]:
            producer.produce(topic.name, key=record.key, value=record.value, partition=0)
    letter: Sequence[Header] = [
        ("topic", b"email-intents"), ("partition", b"0"), ("offset", b"7"), ("reason", b"wrong-shape"),
        ("text", b"Expected `str`"),
    ]  # fmt: skip
    published = EmailIntent(id=PUBLISHED, to="jane@example.com", service="shop")
    producer.produce(EVIDENCE.name, value=encode(intent(WAITS)), partition=0)
    producer.produce(INTENTS.name, value=encode(published), partition=1)
    producer.produce(DEAD_LETTERS.name, value=b'{"id":"dead","to":1}', partition=2, headers=list(letter))
    assert producer.flush(30) == 0
    values = [record.value for name in (APPROVED, REJECTED) for record in judged_log.topics[name.name]]
    return clean_topics, [decode(Verdict, value) for value in values]


def explain(connection: Connection, *arguments: str) -> Result:
    """The command, without a hash key: the golden log's is one that the settings refuse."""
    environment = {"SIDESTEP_DATA_DIR": "/nonexistent"}
    return CliRunner().invoke(main, ["explain", *arguments, "--broker", str(connection)], env=environment)


def test_every_way_leads_to_the_verdict(told_log: tuple[Connection, list[Verdict]]) -> None:
    """By the row of its id, near its time, and by reading everything: the same story, proved. The rules that applied
    are those of the verdict."""
    connection, verdicts = told_log
    for verdict in verdicts[:: len(verdicts) // 4]:
        question = VerdictQuestion(Wanted(verdict.service, verdict.id), verdict.attempt)
        by_row = run(connection, question, KEYS)
        assert isinstance(by_row, VerdictStory)
        assert by_row.proved
        story = as_json(by_row)
        assert told_rules(story) == {rule.id for rule in by_row.verdict.rules} - ODD
        arguments = [verdict.service, verdict.id, "--attempt", str(verdict.attempt), "--json"]
        by_time = explain(connection, *arguments, "--near", rfc3339(round(verdict.decided_at * 1000)))
        everywhere = explain(connection, *arguments)
        assert (0, 0) == (by_time.exit_code, everywhere.exit_code), everywhere.output
        assert [story["verdict"]] * 2 == [json.loads(each.output)["verdict"] for each in (by_time, everywhere)]


def only_verdicts(judged_log: Copy) -> tuple[Verdict, Verdict]:
    """One well before the snapshot, one behind it: of ids that are used but once, or the last one would be told."""
    verdicts = [
        decode(Verdict, one.value or b"") for topic in (APPROVED, REJECTED) for one in judged_log.topics[topic.name]
    ]
    times = Counter((each.service, each.id) for each in verdicts)
    once = [each for each in verdicts if times[each.service, each.id] == 1]
    early = next(each for each in once if each.evidence.offset < 20)
    return early, next(each for each in once if each.evidence.offset > 45)


def test_with_a_snapshot_neither_ids_nor_log_are_read_from_their_beginning(
    clean_topics: Connection, judged_log: Copy, tmp_path: Path
) -> None:
    """Its row leads to the verdict although the changelog says it no more; the fold begins there. Where its tables turn
    out damaged it is passed over."""
    ids, kept = judged_log.topics[IDS_CHANGELOG.name], SNAPSHOT_POSITIONS["window"] + 1
    producer = Producer(clean_topics.librdkafka())
    for topic in (EVIDENCE, APPROVED, REJECTED, IDS_CHANGELOG):
        for number, record in enumerate(judged_log.topics[topic.name]):
            gone = topic is IDS_CHANGELOG and number < kept
            producer.produce(topic.name, key=record.key, value=b"-" if gone else record.value, partition=0)
    assert producer.flush(30) == 0
    assert len(ids) > kept
    ledger = FoldedLedger(tmp_path / "ledger", cluster=topic_of(clean_topics, EVIDENCE.name).cluster)
    ledger.fold(40)
    place = SnapshotPlace(str(tmp_path / "place"))
    manifest = taken(ledger, place, tmp_path / "held")
    ledger.close()
    early, late = only_verdicts(judged_log)

    def told(verdict: Verdict) -> tuple[VerdictStory, list[str]]:
        done = list[str]()

        def progress(doing: str, _total: int) -> AbstractContextManager[Callable[[int, int], None]]:
            done.append(doing)
            return silent(doing, 0)

        asked = VerdictQuestion(Wanted(verdict.service, verdict.id), verdict.attempt)
        story = run(clean_topics, asked, KEYS, place.url, progress)
        assert isinstance(story, VerdictStory)
        return story, done

    story, done = told(early)
    assert (story.proved, story.began) == (True, 0)
    assert "reading verdicts" not in done
    story, done = told(late)
    assert (story.proved, story.began) == (True, 40)
    assert "reading verdicts" not in done
    garble_table(tmp_path / "place" / ref_of(manifest).path / "rows")
    story, _ = told(late)
    assert (story.proved, story.began) == (True, 0)


def test_a_wrong_hash_key_is_noticed(clean_topics: Connection, judged_log: Copy) -> None:
    """By who finds nothing with it: nothing would ever be found."""
    producer = Producer(clean_topics.librdkafka())
    producer.produce(CONTROL.name, key=KEY, value=encode(KeyNote(KEYS.fingerprint, at=1, keyed=0)), partition=0)
    for record in judged_log.topics[APPROVED.name]:
        producer.produce(APPROVED.name, key=record.key, value=record.value, partition=0)
    assert producer.flush(30) == 0
    verdict = decode(Verdict, judged_log.topics[APPROVED.name][0].value or b"")
    asked = VerdictQuestion(Wanted(verdict.service, verdict.id))
    with pytest.raises(HashKeyMismatch, match="nothing is found by it"):
        run(clean_topics, asked, Keys(bytes(range(32))))
    assert isinstance(run(clean_topics, asked, KEYS), VerdictStory)
    assert isinstance(run(clean_topics, asked, Keys(bytes(range(32)), bytes(32))), VerdictStory)


def told_rules(story: dict[str, Any]) -> set[str]:
    """The rules that applied."""
    return {step["rule"] for step in story["rules"] if step["outcome"] in ("stops", "flags")}


def test_it_fits_a_terminal(told_log: tuple[Connection, list[Verdict]]) -> None:
    """All sections, none of them wider than 100 columns."""
    connection, verdicts = told_log
    verdict = max(verdicts, key=lambda each: len(each.rules))
    shown = explain(connection, verdict.service, verdict.id)
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    titles = ("Why", "The message", "The address, just before", "Every rule, in order", "Where it all stands", "Proof")
    assert set(titles) <= set(lines)
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("id", "says"),
    [
        (WAITS, "Decide has not judged it yet: email-evidence/0/"),
        (PUBLISHED, "Screen has written no evidence of it: email-intents/1/0"),
        (DEAD, "became a dead letter (wrong-shape: Expected `str`): email-dead-letters/2/0"),
        ("nobody's", "Nothing with this id is there"),
    ],
)
def test_an_id_without_a_verdict_gets_an_answer(told_log: tuple[Connection, list[Verdict]], id: str, says: str) -> None:
    """Where it is on its way, or that it isn't."""
    shown = explain(told_log[0], "shop", id)
    assert shown.exit_code == 1
    assert says in " ".join(shown.output.split())


def test_a_changed_verdict_is_told_apart(clean_topics: Connection, judged_log: Copy) -> None:
    """What stands in Kafka is not what the log says: so it is said, and the exit code is 1."""
    changed = judged_log.topics[REJECTED.name][0].value
    assert changed is not None
    verdict = decode(Verdict, changed)
    assert isinstance(decode_evidence(judged_log.topics[EVIDENCE.name][verdict.evidence.offset].value), IntentEvidence)
    verdict.risk = 0.5
    producer = Producer(clean_topics.librdkafka())
    for record in judged_log.topics[EVIDENCE.name]:
        producer.produce(EVIDENCE.name, value=record.value, partition=0)
    producer.produce(REJECTED.name, key=verdict.id, value=encode(verdict), partition=0)
    assert producer.flush(30) == 0
    shown = explain(clean_topics, verdict.service, verdict.id, "--short")
    assert shown.exit_code == 1
    assert "NOT WHAT FOLLOWS FROM THE LOG: risk is 0.5" in shown.output


def test_an_address_and_a_domain_have_a_story(clean_topics: Connection) -> None:
    """What the ledger knows, what became of its messages, what came back; a stranger has none."""
    world = audited_world()
    judge_in_batches(world, [policy(), *(intent(str(n), at=START + n) for n in range(3))], 2)
    bounce = feedback("bounce", at=START + 5_000, hard=True, scope="recipient", reason="userunknown", service="shop")
    stopped = SuppressRecord("example.com", "a trap", "ops", START + 6_000)
    judge_in_batches(world, [bounce, intent("3", at=START + 5_500), stopped, intent("4", "joe@example.com")], 2)
    kept = copy_of(world).topics
    producer = Producer(clean_topics.librdkafka())
    place = partition_of("example.com", DEFAULT_PARTITIONS)
    for topic in (EVIDENCE, APPROVED, REJECTED, LEDGER_CHANGELOG):
        for record in kept[topic.name]:
            producer.produce(topic.name, key=record.key, value=record.value, partition=place)
    assert producer.flush(30) == 0
    jane = LifeSubject("example.com", (KEYS.recipient("jane@example.com"),))
    life = life_of(clean_topics, jane, place, 0.0, silent)
    assert life.recipient is not None
    assert life.recipient.hard_bounces == 1
    assert [(event.what, event.verdict) for event in life.events] == [
        *((f"shop {number}", "send") for number in range(3)),
        ("bounce (hard, userunknown) about shop", ""),
        ("shop 3", "drop (recipient-hard-bounce)"),
    ]
    domain = explain(clean_topics, "--domain", "example.com", "--since", "2020-01-01")
    assert domain.exit_code == 0, domain.output
    assert "mail stopped by ops: a trap" in domain.output
    assert "The address, now" not in domain.output
    assert 1 == explain(clean_topics, "--domain", "nowhere.example").exit_code
    assert "hash key" in explain(clean_topics, "--recipient", "jane@example.com").output
