"""sidestep forget and sidestep export on a real broker: what is written, what is found, what is handed over."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from sidestep.schemas import ErasureRecord, IntentEvidence
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.cli import main
from sidestep.streams.decide.tables import BOUNCE_HISTORY, RecipientRow
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.control import read_notes
from sidestep.topics.catalog import CONTROL, EVIDENCE, INTENTS, LEDGER_CHANGELOG
from sidestep.topics.connection import Connection
from tests.commands.test_dead_letters_command import stored
from tests.commands.test_marks_command import AT, KEY, ROW, SECRET
from tests.guarantees.harness.records import read

ADDRESS = "jane@example.com"
PLACE = partition_of("example.com", EVIDENCE.partitions)


def run(connection: Connection, *arguments: str, code: int = 0) -> Result:
    """A command, in this process."""
    done = CliRunner().invoke(main, [*arguments, "--broker", str(connection)], env={"SIDESTEP_HASH_KEY": SECRET})
    assert code == done.exit_code, done.output
    return done


def put(connection: Connection, topic: str, key: bytes, value: bytes | None) -> None:
    """One record, as somebody has written it."""
    producer = Producer(connection.librdkafka())
    producer.produce(topic, value, key, PLACE)
    assert 0 == producer.flush(10)


def _notes(connection: Connection) -> dict[str, bytes]:
    """Of email-control, once what was just committed stands there."""
    stored(connection, CONTROL.name)
    return read_notes(connection)


def some_traces(connection: Connection) -> None:
    """An intent, its evidence and the row."""
    put(connection, INTENTS.name, b"x", b'{"id":"1","to":"Jane@Example.com","service":"shop","cc":"tom@example.com"}')
    evidence = IntentEvidence("1", "shop", ADDRESS, AT * 1000, "example.com", b"i" * 16, b"c" * 16, KEY)
    put(connection, EVIDENCE.name, b"example.com", encode(evidence))
    put(connection, LEDGER_CHANGELOG.name, BOUNCE_HISTORY.prefix + KEY, BOUNCE_HISTORY.encode(ROW))


def test_a_person_is_forgotten_by_a_record_in_every_partition(clean_topics: Connection) -> None:
    """Without the address; its suppression stays as it is, unless it is to go; what still holds the address is said."""
    run(clean_topics, "suppress", "add", ADDRESS, "--reason", "asked for it", "--by", "ann")
    before = _notes(clean_topics)
    assert before
    done = run(clean_topics, "forget", ADDRESS, "--by", "ann", "--reason", "jane@example.com wrote")
    for words in ("what stops mail to it stays", "email-evidence", "snapshots: ", "files: ", "ids: "):
        assert words in done.stdout
    assert before == _notes(clean_topics)
    said = run(clean_topics, "forget", ADDRESS, "--by", "ann", "--drop-suppression").stdout
    assert "nothing is left that stops mail" in said
    assert {} == _notes(clean_topics)
    messages = read(clean_topics, EVIDENCE.name)
    found = [(it.partition(), decode_evidence(it.value())) for it in messages]
    records = [(partition, record) for partition, record in found if isinstance(record, ErasureRecord)]
    assert sorted([*range(EVIDENCE.partitions)] * 2) == sorted(partition for partition, _ in records)
    assert {("***@example.com wrote", False), ("", True)} == {(it.reason, it.drop_suppression) for _, it in records}
    assert not any(b"jane" in (message.value() or b"") for message in messages)


def test_what_is_left_is_found(clean_topics: Connection) -> None:
    """In which form, until when; a row is a fault until there is a tombstone."""
    nothing = run(clean_topics, "forget", ADDRESS, "--check").stdout
    assert "rows: none" in nothing
    some_traces(clean_topics)
    found = run(clean_topics, "forget", ADDRESS, "--check", code=1).stdout
    assert "LEFT" in found and "not forgotten" in found
    put(clean_topics, LEDGER_CHANGELOG.name, BOUNCE_HISTORY.prefix + KEY, None)
    told = json.loads(run(clean_topics, "forget", ADDRESS, "--check", "--json").stdout)
    assert {"email-intents": (1, 0), "email-evidence": (1, 0), "email-ledger-changelog": (0, 2)} == {
        name: (it["address"], it["hash"]) for name, it in told["topics"].items()
    }
    week = 7 * 86_400
    evidence = told["topics"]["email-evidence"]
    assert (30 * 86_400, week) == (evidence["until"] - evidence["newest"], evidence["latest"] - evidence["until"])
    assert "jane" not in found.lower()


def test_a_row_that_was_written_again_is_left(clean_topics: Connection) -> None:
    """The last record of a key counts."""
    for value in (None, BOUNCE_HISTORY.encode(RecipientRow(first_seen=AT, last_delivered=AT))):
        put(clean_topics, LEDGER_CHANGELOG.name, BOUNCE_HISTORY.prefix + KEY, value)
    run(clean_topics, "forget", ADDRESS, "--check", code=1)


def test_a_person_gets_what_is_known(clean_topics: Connection, tmp_path: Path) -> None:
    """In words, with every record; nobody else's address, and nobody else can read the file."""
    some_traces(clean_topics)
    run(clean_topics, "suppress", "add", ADDRESS, "--reason", "asked for it", "--by", "ann")
    path = tmp_path / "jane.txt"
    run(clean_topics, "export", ADDRESS, "--out", str(path))
    text = path.read_text("utf-8")
    for words in ("first mailed by   shop", "reason: asked for it", "Jane@Example.com", "***@example.com"):
        assert words in text
    assert "tom@" not in text
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert "File exists" in run(clean_topics, "export", ADDRESS, "--out", str(path), code=2).output
    kinds = [json.loads(line)["kind"] for line in run(clean_topics, "export", ADDRESS, "--json").stdout.splitlines()]
    assert ["about", "row", "said", *["record"] * 3] == kinds


@pytest.mark.parametrize("command", ["forget", "export"])
def test_a_domain_is_nobody(clean_topics: Connection, command: str) -> None:
    """Nor is it forgotten."""
    assert "is a domain" in run(clean_topics, command, "example.com", code=2).output
