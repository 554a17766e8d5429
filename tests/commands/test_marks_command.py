"""sidestep marks on a real broker: what the ledger's changelog says of a mailbox, and the record that takes marks
back."""

import json
from hashlib import sha256

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from sidestep.schemas import MarksRecord
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.cli import main
from sidestep.streams.decide.mark_rows import StrayReport, TakenBack
from sidestep.streams.decide.tables import BOUNCE_HISTORY, LastMessage, RecipientRow
from sidestep.streams.runtime.kafka import client
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.control import read_notes
from sidestep.streams.screen.keys import Keys
from sidestep.topics.catalog import EVIDENCE, LEDGER_CHANGELOG
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import read

SECRET = sha256(b"of the tests").hexdigest()
KEY = Keys(bytes.fromhex(SECRET)).recipient("jane@example.com")
JANE = f"hash:{KEY.hex()}@example.com"
AT = 1_790_812_800
ROW = RecipientRow(
    first_seen=AT, last_approved=AT, hard_bounces=1, hard_bounced_at=AT, hard_bounces_at=(AT,), service="shop",
    last=LastMessage("billing"), stray=StrayReport(AT, "complaint", "", 3), taken_back=TakenBack(AT, "ops", "x", ()),
)  # fmt: skip


def run(*arguments: str) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(main, ["marks", *arguments], env={"SIDESTEP_HASH_KEY": SECRET})


def put(connection: Connection, *rows: RecipientRow | None) -> None:
    """As Decide writes them, one after the other; None: the row is gone."""
    producer = Producer(client(connection, "decide"))
    for row in rows:
        value = None if row is None else BOUNCE_HISTORY.encode(row)
        place = partition_of("example.com", EVIDENCE.partitions)
        producer.produce(LEDGER_CHANGELOG.name, value, BOUNCE_HISTORY.prefix + KEY, place)
    producer.flush()


@pytest.mark.parametrize("mailbox", ["Jane@example.com", JANE])
def test_what_is_known_of_a_mailbox_is_shown(clean_topics: Connection, mailbox: str) -> None:
    """The last that was written; by its address or its hash, as lines or as JSON, and never the address."""
    nothing = run("show", mailbox, "--broker", str(clean_topics))
    assert (1, "nothing is known of this mailbox\n") == (nothing.exit_code, nothing.stdout)
    put(clean_topics, RecipientRow(service="old"), ROW)
    shown = run("show", mailbox, "--broker", str(clean_topics))
    assert shown.exit_code == 0, shown.output
    for words in ("hard bounced      2026-10-01T00:00:00Z", "last mailed by    billing", "complaint, 3 times", "ops"):
        assert words in shown.stdout
    assert "jane" not in shown.stdout.lower() and "old" not in shown.stdout
    (line,) = run("show", mailbox, "--json", "--broker", str(clean_topics)).stdout.splitlines()
    assert ("shop", 1) == ((found := json.loads(line))["first mailed by"], found["hard bounces"])
    put(clean_topics, None)
    assert 1 == run("show", mailbox, "--broker", str(clean_topics)).exit_code


def test_marks_are_taken_back_by_a_record_in_the_log(clean_topics: Connection) -> None:
    """In the mailbox's partition, with who and why; nothing else is kept of it."""
    given = ("--kind", "complaint", "--reason", "forged", "--by", "ann", "--broker", str(clean_topics))
    said = run("undo", "Jane@example.com", *given)
    assert (0, "marks of 1 mailbox taken back: complaint\n") == (said.exit_code, said.stdout), said.output
    messages = read(clean_topics, EVIDENCE.name)
    assert [partition_of("example.com", EVIDENCE.partitions)] == [message.partition() for message in messages]
    (record,) = [decode_evidence(message.value()) for message in messages]
    assert isinstance(record, MarksRecord)
    assert ("example.com", KEY, "forged", "ann", ("complaint",)) == (
        record.domain, record.recipient_key, record.reason, record.by, record.kinds,
    )  # fmt: skip
    assert {} == read_notes(clean_topics)


def test_marks_are_taken_back_where_the_mailbox_is_at_home(clean_topics: Connection) -> None:
    """By whichever of its domains somebody calls it: what is counted of a domain is taken back from that one."""
    assert 0 == run("undo", "Jane@googlemail.com", "--reason", "x", "--broker", str(clean_topics)).exit_code
    (message,) = read(clean_topics, EVIDENCE.name)
    record = decode_evidence(message.value())
    assert isinstance(record, MarksRecord)
    assert ("gmail.com", partition_of("gmail.com", EVIDENCE.partitions)) == (record.domain, message.partition())


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("undo", "example.com", "--reason", "x"), "is a domain"),
        (("undo", "jane@example.com", "--reason", " "), "empty"),
    ],
)
def test_what_makes_no_sense_is_refused(clean_topics: Connection, arguments: tuple[str, ...], fault: str) -> None:
    """A domain has no marks; a reason has to be given."""
    refused = run(*arguments, "--by", "ann", "--broker", str(clean_topics))
    assert 2 == refused.exit_code
    assert fault in refused.output
