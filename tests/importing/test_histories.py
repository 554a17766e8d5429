"""sidestep import with the ledgers of a real Kafka: whom history stops, what of it is told to whom, and no trace."""

import csv
import json
import time
from collections.abc import Mapping
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.decide.life import PROVED
from sidestep.streams.decide.tables import (
    BOUNCE_HISTORY,
    DOMAIN_RATES,
    DomainRow,
    RecipientRow,
    Suppressed,
)
from sidestep.streams.runtime.kafka import client
from sidestep.streams.runtime.manifest import Place
from sidestep.streams.runtime.offsets import Offsets
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.key_note import KEY, KeyNote
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.log_layout import KEY as LAYOUT
from sidestep.streams.screen.log_layout import by_mailbox
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.topics.catalog import CATALOG, CONTROL, DEFAULT_PARTITIONS, EVIDENCE, IDS_CHANGELOG, LEDGER_CHANGELOG
from sidestep.topics.connection import Connection
from sidestep.topics.stretch import topic_of
from tests.snapshots.snapshot_world import POSITIONS, FoldedLedger, taken

SECRET = sha256(b"of the tests").hexdigest()
KEYS = Keys(bytes.fromhex(SECRET))
NOW = int(time.time())
DAY = 86_400
ROWS = {
    "jane@gmail.com": RecipientRow(service="shop", complained_at=NOW - DAY, last_approved=NOW - 2 * DAY, alone=PROVED),
    "joe@gmail.com": RecipientRow(service="crm", hard_bounces=1, hard_bounced_at=NOW - DAY),
    "ann@gmail.com": RecipientRow(service="crm", suppressed=Suppressed(NOW - DAY, 0, "asked by phone", "ops")),
}
LIST = "email\nbob@gmail.com\nJ.a.n.e@googlemail.com\njoe@gmail.com\nann@gmail.com\nsue@outlook.com\n"
PASSED = ("defer", "dns-unknown")
"""Nobody is asked about domains here: nothing but history stops anybody."""
OTHERS = {"bob@gmail.com": PASSED, "J.a.n.e@googlemail.com": PASSED, "joe@gmail.com": PASSED}
STOPPED = {"ann@gmail.com": ("drop", "suppressed"), "sue@outlook.com": ("drop", "suppressed")}
"""Whoever asks: operators have said so, of the mailbox and of the domain."""


@pytest.fixture
def ledgers(clean_topics: Connection) -> Connection:
    """With rows as Decide writes them; Jane's stood otherwise before, and Bob's is gone."""
    said = [("jane@gmail.com", RecipientRow()), ("bob@gmail.com", ROWS["joe@gmail.com"]), *ROWS.items()]
    producer = Producer(client(clean_topics, "decide"))
    for address, row in [*said, ("bob@gmail.com", None)]:
        put(producer, address, row)
    domain = DomainRow(suppressed=Suppressed(NOW - DAY, 0, "we are moving", "ops"))
    place = partition_of("outlook.com", DEFAULT_PARTITIONS)
    producer.produce(LEDGER_CHANGELOG.name, DOMAIN_RATES.encode(domain), DOMAIN_RATES.prefix + b"outlook.com", place)
    notes = {KEY: KeyNote(KEYS.fingerprint, at=1, keyed=0), LAYOUT: by_mailbox()}
    for key, note in notes.items():
        producer.produce(CONTROL.name, encode(note), key, 0)
    assert 0 == producer.flush(30)
    return clean_topics


def put(producer: Producer, address: str, row: RecipientRow | None) -> None:
    """Into the partition of the mailbox; None: it has ended."""
    place = partition_of(address.partition("@")[2], DEFAULT_PARTITIONS)
    value = None if row is None else BOUNCE_HISTORY.encode(row)
    producer.produce(LEDGER_CHANGELOG.name, value, BOUNCE_HISTORY.prefix + KEYS.recipient(address), place)


def check(folder: Path, text: str, *options: str, secret: str = SECRET, code: int | None = None) -> Result:
    """The command over a list, without DNS."""
    (folder / "list.csv").write_text(text, "utf-8")
    (folder / "list.checked.csv").unlink(missing_ok=True)
    environment = {"SIDESTEP_HASH_KEY": secret, "SIDESTEP_DATA_DIR": str(folder / "none")}
    command = ["import", str(folder / "list.csv"), "--offline", *options]
    done = CliRunner().invoke(main, command, env=environment)
    assert done.exit_code in ((0, 1) if code is None else (code,)), done.output
    return done


def answers(folder: Path) -> dict[str, tuple[str, str]]:
    """Verdict and reason by address, as it is written."""
    with (folder / "list.checked.csv").open(newline="") as file:
        return {row["email"]: (row["sidestep_verdict"], row["sidestep_reason"]) for row in csv.DictReader(file)}


def ends(connection: Connection) -> Mapping[Place, int]:
    """Of all partitions."""
    topics = AdminClient(connection.librdkafka()).list_topics(timeout=30).topics
    places = [Place(topic.name, number) for topic in CATALOG for number in topics[topic.name].partitions]
    return {place: end.stable for place, end in Offsets(connection).ends(places).items()}


def groups(connection: Connection) -> set[str]:
    """Of consumers, whatever became of them."""
    return {group.group_id for group in AdminClient(connection.librdkafka()).list_consumer_groups().result().valid}


def test_whoever_asks_learns_what_operators_have_said(ledgers: Connection, tmp_path: Path) -> None:
    """And a service its own past, as from test intents; no other's, which a list would find out."""
    told = check(tmp_path, LIST, "--broker", str(ledgers))
    assert OTHERS | STOPPED == answers(tmp_path)
    assert "asked by phone" in told.output and "nobody's past" in told.output
    check(tmp_path, LIST, "--broker", str(ledgers), "--service", "crm")
    assert OTHERS | STOPPED == answers(tmp_path)
    check(tmp_path, LIST, "--broker", str(ledgers), "--service", "shop")
    own = {"J.a.n.e@googlemail.com": ("drop", "recipient-complaint")}
    assert OTHERS | STOPPED | own == answers(tmp_path)


def test_everybodys_histories_are_told_where_they_are_asked_for(ledgers: Connection, tmp_path: Path) -> None:
    """In each form, by the row's number, with the rule and why; the page holds no address. Kafka is as it was."""
    before, others = ends(ledgers), groups(ledgers)
    page = tmp_path / "page.html"
    told = check(tmp_path, LIST, "--broker", str(ledgers), "--all-histories", "--html", str(page))
    jane, joe = ("drop", "recipient-complaint"), ("drop", "recipient-hard-bounce")
    assert OTHERS | STOPPED | {"J.a.n.e@googlemail.com": jane, "joe@gmail.com": joe} == answers(tmp_path)
    assert "row 2: recipient-complaint: " in told.output and "Histories as of 20" in told.output
    html = page.read_text("utf-8")
    assert "Stopped by history" in html and "recipient-hard-bounce" in html and "@gmail.com" not in html
    said = json.loads(check(tmp_path, LIST, "--broker", str(ledgers), "--all-histories", "--json").stdout)
    assert {"recipient-complaint": 1, "recipient-hard-bounce": 1, "suppressed": 2} == said["history"]["stopped"]
    assert [2, 3, 4, 5] == [each["row"] for each in said["history"]["first"]]
    assert before == ends(ledgers) and groups(ledgers) <= others


def test_without_history_nothing_of_it_counts(ledgers: Connection, tmp_path: Path) -> None:
    """And it is said; whose key is another one, or is missing, is told instead of finding nobody."""
    told = check(tmp_path, LIST, "--broker", str(ledgers), "--no-history")
    assert {PASSED} == set(answers(tmp_path).values()) and "History was not looked at" in told.output
    wrong = check(tmp_path, LIST, "--broker", str(ledgers), secret=sha256(b"another").hexdigest(), code=2)
    assert "nothing is found by it" in " ".join(wrong.output.split())
    none = check(tmp_path, LIST, "--broker", str(ledgers), secret="", code=2)
    assert "--no-history" in none.output
    assert "give --broker" in check(tmp_path, LIST, "--service", "shop", code=2).output
    assert not (tmp_path / "list.checked.csv").exists()


def test_a_snapshot_and_the_changelog_behind_it(clean_topics: Connection, tmp_path: Path) -> None:
    """What the snapshot has counts unless the changelog says otherwise since, also that a row has ended."""
    domain = next(name for name in (f"d{at}.example" for at in count()) if not partition_of(name, DEFAULT_PARTITIONS))
    kept, ended, changed, new = (f"{name}@{domain}" for name in ("kept", "ended", "changed", "new"))
    producer = Producer(client(clean_topics, "decide"))
    for _ in range(max(POSITIONS.values()) + 1):  # what the snapshot has, as it says
        for topic in (LEDGER_CHANGELOG, IDS_CHANGELOG):
            producer.produce(topic.name, b"-", b"x", 0)
    assert 0 == producer.flush(30)
    ledger = FoldedLedger(tmp_path / "ledger", cluster=topic_of(clean_topics, EVIDENCE.name).cluster)
    ledger.fold(40)
    rows = [(BOUNCE_HISTORY.prefix + KEYS.recipient(name), ROWS["joe@gmail.com"]) for name in (kept, ended, changed)]
    ledger.stores["rows"].put((key, BOUNCE_HISTORY.encode(row)) for key, row in rows)
    place = SnapshotPlace(str(tmp_path / "place"))
    taken(ledger, place, tmp_path / "held")
    ledger.close()
    for address, row in ((ended, None), (changed, ROWS["ann@gmail.com"]), (new, ROWS["jane@gmail.com"])):
        put(producer, address, row)
    producer.produce(IDS_CHANGELOG.name, b"-", b"x", 0)
    assert 0 == producer.flush(30)
    text = "".join(f"{line}\n" for line in ("email", kept, ended, changed, new))
    options = ("--broker", str(clean_topics), "--all-histories", "--offline")
    (tmp_path / "list.csv").write_text(text)
    environment = {"SIDESTEP_HASH_KEY": SECRET, "SIDESTEP_SNAPSHOTS": place.url}
    done = CliRunner().invoke(main, ["import", str(tmp_path / "list.csv"), *options], env=environment)
    assert done.exit_code in (0, 1), done.output
    reasons = {address: reason for address, (_, reason) in answers(tmp_path).items()}
    assert {
        kept: "recipient-hard-bounce", ended: "dns-unknown", changed: "suppressed", new: "recipient-complaint",
    } == reasons  # fmt: skip
