"""The model: the evidence log, read by a plain consumer and folded with plain dictionaries that hold everything.

What the workers have published and what they keep on disk must be equal to it: verdict by verdict, key by key.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from rocksdict import Cache

from sidestep.schemas import FeedbackEvidence, IntentEvidence, PolicyRecord, Tally, Verdict
from sidestep.schemas.codec import decode, decode_evidence, encode
from sidestep.streams.chain import STORED as CHAINED
from sidestep.streams.decide.batch import decide
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import TABLES
from sidestep.streams.decide.tally import OpenTallies
from sidestep.streams.decide.tally_places import concerns_all
from sidestep.streams.grow.split import COPIED
from sidestep.streams.partition_note import PartitionNote, noted
from sidestep.streams.record_sizes import check_sizes
from sidestep.streams.runtime.ledger import CLUSTER
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.recovery import POSITION
from sidestep.streams.runtime.store import Store
from sidestep.streams.runtime.tables import unpack_pairs
from sidestep.streams.screen.control import read_notes
from sidestep.topics.catalog import APPROVED, CATALOG, EVIDENCE, IDS_CHANGELOG, LEDGER_CHANGELOG, REJECTED, TALLIES
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import Key, is_unreadable, read
from tests.leaks import in_rows

KEPT_FOR_LONG = [topic.name for topic in CATALOG if not topic.addresses]
"""Topics in which no address stands in plain form."""

Rows = dict[str, dict[bytes, Any]]
"""By table, by key."""

_tables = {(table.windowed, table.prefix): table for table in TABLES}


class Model:
    """One partition's evidence, folded in one go."""

    def __init__(self) -> None:
        self.state = State(Controls({}, {}, 0))
        self.state.long = True  # it holds everything
        self.verdicts: list[Verdict] = []
        self.tallies: list[Tally] = []
        self.origins: set[str] = set()
        self.end = -1

    def take(self, message: Record) -> None:
        """One record of the log; what is not evidence is passed over, as it must be."""
        self.end = message.offset()
        try:
            record = decode_evidence(message.value())
            check_sizes([message.value()])
        except (msgspec.MsgspecError, TypeError, RecursionError, OverflowError):
            return
        if isinstance(record, IntentEvidence | FeedbackEvidence):
            self.origins.add(record.origin)
        decided = decide([(message.offset(), record)], self.state, EVIDENCE.name, message.partition())
        self.verdicts += decided.verdicts
        self.tallies += decided.tallies

    def begin_here(self) -> None:
        """Another partition's log goes on from here: what is counted, and by whom it was folded, was that one's."""
        self.state.controls.open_tallies = {}
        self.state.controls.engine = ""
        self.state.tallies = OpenTallies(self.state.controls.open_tallies)
        self.state.written_engines.clear()
        self.verdicts, self.tallies = [], []

    def rows(self) -> Rows:
        """The ledger as it must be."""
        written = self.state.writes().items()
        kept = {table.name: {key: row for key, row in rows.items() if row is not None} for table, rows in written}
        return {name: rows for name, rows in kept.items() if rows}


def models(connection: Connection) -> dict[int, Model]:
    """The evidence log folded, by partition."""
    folded: dict[int, Model] = {}
    for message in read(connection, EVIDENCE.name):
        folded.setdefault(message.partition(), Model()).take(message)
    return folded


def grown_models(connection: Connection, before: int) -> dict[int, Model]:
    """The same of a log that has grown: a new partition goes on from where the old one that it comes from was cut."""
    log: dict[int, list[Record]] = {}
    for message in read(connection, EVIDENCE.name):
        log.setdefault(message.partition(), []).append(message)
    note = noted(read_notes(connection))
    assert note is not None and not note.growing and note.before[-1] == before
    folded: dict[int, Model] = {}
    for partition, messages in log.items():
        model = folded[partition] = Model()
        if partition >= before:
            parent = log[partition % before]
            cut = max(number for number, message in enumerate(parent) if _is_cut(message, note))
            for message in parent[: cut + 1]:
                model.take(message)
            model.begin_here()
        for message in messages:
            model.take(message)
    return folded


def _is_cut(message: Record, note: PartitionNote) -> bool:
    record = decode_evidence(message.value())
    return isinstance(record, PolicyRecord) and record.partitions == note.log and record.at <= note.at


def assert_guarantees(
    connection: Connection,
    expected: set[Key],
    origins: Iterable[str],
    folders: Iterable[Path],
    folded: dict[int, Model] | None = None,
) -> None:
    """Exactly one verdict each; all input in the evidence; verdicts, ledgers and changelogs equal to the model's."""
    folded = models(connection) if folded is None else folded
    assert set(origins) - set().union(*(model.origins for model in folded.values())) == set()
    judged = published(connection)
    for partition, model in folded.items():
        assert_same_verdicts(partition, model.verdicts, judged.get(partition, []))
    assert_same_tallies([tally for model in folded.values() for tally in model.tallies], connection)
    verdicts = [v for of_partition in judged.values() for v in of_partition if not is_unreadable(v)]
    keys = [(v.service, v.id, v.attempt, v.to) for v in verdicts]
    assert len(keys) == len(set(keys))
    assert set(keys) == expected
    for partition, rows in changelog_rows(connection).items():
        assert_same_rows(f"changelog of {partition}", folded[partition].rows(), rows)
    held = [partition for folder in folders for partition in assert_ledgers(folder, folded)]
    assert sorted(held) == sorted(folded)


def assert_ledgers(folder: Path, folded: dict[int, Model]) -> list[int]:
    """The ledgers in a stopped worker's data folder that stand at the log's end are the model's; their numbers."""
    held = []
    for path in sorted((folder / "ledger" / "decide").iterdir()):
        model = folded[int(path.name)]
        marker, rows = ledger_rows(path)
        if marker == model.end:
            assert_same_rows(f"ledger of {path.name}", model.rows(), rows)
            held.append(int(path.name))
    return held


def assert_same_verdicts(partition: int, model: list[Verdict], judged: list[Verdict]) -> None:
    """Every verdict that the fold gives, and no other; compared field by field."""
    by_offset = {verdict.evidence.offset: verdict for verdict in judged}
    assert len(by_offset) == len(judged), f"partition {partition}: evidence judged more than once"
    for verdict in model:
        assert verdict == by_offset.pop(verdict.evidence.offset, None)
    assert by_offset == {}


def is_watchs(tally: Tally) -> bool:
    """Whether it is no count: a policy for Watch to know, or a tick of Watch's own."""
    return concerns_all(tally) or tally == Tally(service="", partition=0, second=tally.second)


def assert_same_tallies(model: list[Tally], connection: Connection) -> None:
    """Each service's second once, with the counts that the fold gives, in the partition that its service says."""
    messages = read(connection, TALLIES.name)
    assert_same_policies(model, messages)
    model = [tally for tally in model if not concerns_all(tally)]
    messages = [message for message in messages if not is_watchs(decode(Tally, message.value()))]
    found = [decode(Tally, message.value()) for message in messages]
    by_second = {(tally.partition, tally.second, tally.service): tally for tally in found}
    assert len(by_second) == len(found), "a tally came twice"
    assert {(tally.partition, tally.second, tally.service): tally for tally in model} == by_second
    services = {tally.service: message.partition() for tally, message in zip(found, messages, strict=True)}
    assert all(partition_of(name, TALLIES.partitions) == partition for name, partition in services.items())


def assert_same_policies(model: list[Tally], messages: list[Record]) -> None:
    """Each that took force in a partition of the evidence is told to all partitions of the tallies, once."""
    told = Counter((message.partition(), encode(tally)) for message in messages if (tally := _policy_of(message)))
    policies = [encode(tally) for tally in model if concerns_all(tally)]
    assert told == Counter((partition, policy) for partition in range(TALLIES.partitions) for policy in policies)


def _policy_of(message: Record) -> Tally | None:
    tally = decode(Tally, message.value())
    return tally if concerns_all(tally) else None


def assert_same_rows(where: str, model: Rows, found: Rows) -> None:
    """Table by table, key by key; says what differs first."""
    assert model.keys() == found.keys(), where
    for table, rows in model.items():
        differing = {k for k in rows.keys() | found[table].keys() if rows.get(k) != found[table].get(k)}
        example = [(k, rows.get(k), found[table].get(k)) for k in sorted(differing)[:3]]
        assert differing == set(), f"{where}, {table}: {len(differing)} of {len(rows)} rows differ: {example}"


def published(connection: Connection) -> dict[int, list[Verdict]]:
    """All verdicts by partition."""
    verdicts: dict[int, list[Verdict]] = {}
    for message in read(connection, APPROVED.name, REJECTED.name):
        verdict = decode(Verdict, message.value())
        assert verdict.evidence.partition == message.partition()
        verdicts.setdefault(message.partition(), []).append(verdict)
    return verdicts


def ledger_rows(path: Path) -> tuple[int, Rows]:
    """Marker and rows of one partition's ledger on disk. Its worker must have ended."""
    cache = Cache(8 * 1024 * 1024)
    rows: Rows = {}
    marker = -1
    for name, windowed in (("rows", False), ("window", True)):
        store = Store(path / name, cache, DEDUPLICATION_SECONDS + 86_400 if windowed else None)
        assert in_rows(str(path), store.items(b"")) == [], "addresses in plain form"
        for key, value in store.items(b""):
            if key == MARKER:
                marker = int(value)
            elif key not in (POSITION, CLUSTER, CHAINED, COPIED):
                _put(rows, windowed, key, value)
        store.close()
    return marker, rows


def changelog_rows(connection: Connection) -> dict[int, Rows]:
    """The ledgers that the changelogs give, by partition."""
    partitions: dict[int, Rows] = {}
    assert_no_addresses(connection, *KEPT_FOR_LONG)
    for message in read(connection, LEDGER_CHANGELOG.name):
        key = message.key()
        if key is not None and key not in (MARKER, CHAINED, COPIED):
            _put(partitions.setdefault(message.partition(), {}), False, key, message.value())
    for message in read(connection, IDS_CHANGELOG.name):
        for key, value in unpack_pairs(message.value() or b""):
            _put(partitions.setdefault(message.partition(), {}), True, key, value)
    return {number: {table: kept for table, kept in rows.items() if kept} for number, rows in partitions.items()}


def assert_no_addresses(connection: Connection, *topics: str) -> None:
    """No record of these topics holds an address of the traffic."""
    for name in topics:
        found = in_rows(name, ((m.key() or b"", m.value()) for m in read(connection, name)))
        assert found == [], "addresses in plain form:\n" + "\n".join(found[:20])


def _put(rows: Rows, windowed: bool, key: bytes, value: bytes | None) -> None:
    table = _tables[windowed, key[:1]]
    kept = rows.setdefault(table.name, {})
    if value is None:
        kept.pop(key[1:], None)
    else:
        kept[key[1:]] = table.decode(value)
