"""What is compared when a soak has ended: ledgers, changelogs and verdicts with the model, or with each other."""

from collections.abc import Iterable
from pathlib import Path

from rocksdict import Cache

from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS
from sidestep.streams.runtime.ledger import CLUSTER
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.recovery import POSITION
from sidestep.streams.runtime.store import Store
from sidestep.streams.runtime.tables import unpack_pairs
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT, IDS_CHANGELOG, INTENTS, LEDGER_CHANGELOG
from sidestep.topics.connection import Connection
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Key, TopicReader, read
from tests.soak.load import read_name

OURS = (MARKER, POSITION, CLUSTER)

Pairs = dict[bytes, bytes]


def compare_with_model(connection: Connection, folder: Path) -> str:
    """Everything: each record that came in, each verdict, tally and row. Empty, or what differs first."""
    expected: set[Key] = set()
    origins = []
    for record in read(connection, INTENTS.name, BOUNCES.name, ENGAGEMENT.name):
        origins.append(f"{record.topic()}/{record.partition()}/{record.offset()}")
        if record.topic() == INTENTS.name:
            intent = read_name(record.value() or b"")
            expected.add((intent.service, intent.id, intent.attempt, intent.to))
    try:
        assert_guarantees(connection, expected, origins, [folder])
    except AssertionError as error:
        return f"not as the model has it: {str(error)[:2000]}"
    return ""


def compare_with_changelogs(connection: Connection, folder: Path) -> str:
    """A worker's ledgers with what the changelogs give, octet by octet. Empty, or what differs first."""
    for path in sorted((folder / "ledger" / "decide").iterdir()):
        number = int(path.name)
        for name, topic in (("rows", LEDGER_CHANGELOG.name), ("window", IDS_CHANGELOG.name)):
            kept = _store(path / name, windowed=name == "window")
            given = _changelog(connection, topic, number)
            if differing := [key for key in kept.keys() | given.keys() if kept.get(key) != given.get(key)]:
                return f"ledger {number}, {name}: {len(differing)} of {len(given)} rows are not those of the changelog"
    return ""


def _store(path: Path, windowed: bool) -> Pairs:
    store = Store(path, Cache(8 * 1024 * 1024), DEDUPLICATION_SECONDS + 86_400 if windowed else None)
    try:
        return {key: value for key, value in store.items(b"") if key not in OURS}
    finally:
        store.close()


def _changelog(connection: Connection, topic: str, partition: int) -> Pairs:
    rows: Pairs = {}
    reader = TopicReader(connection, topic, partition=partition)
    while not reader.ended:
        for record in reader.take(0.1):
            for key, value in _pairs(topic, record.key(), record.value()):
                if value is None:
                    rows.pop(key, None)
                else:
                    rows[key] = value
    reader.close()
    return {key: value for key, value in rows.items() if key not in OURS}


def _pairs(topic: str, key: bytes | None, value: bytes | None) -> Iterable[tuple[bytes, bytes | None]]:
    if topic == IDS_CHANGELOG.name:
        return unpack_pairs(value or b"\x90")
    assert key is not None
    return [(key, value)]
