"""The big proof: everything that may happen to a log has happened, and all of it is proved; then somebody tampers."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from sidestep.schemas import PolicyRecord
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.audit.audit_partition import PartitionAuditor, Span
from sidestep.streams.audit.findings import KINDS, AuditFinding
from sidestep.streams.audit.kept import Kept, KeptLog
from sidestep.streams.audit.read_chain import open_chained
from sidestep.streams.audit.reading import read_extents
from sidestep.streams.audit.run import audit
from sidestep.streams.decide.policy_text import version_of
from sidestep.streams.decide.tables import SERVICES
from sidestep.streams.errors import SnapshotNeeded
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection
from tests.guarantees.harness.lived import POLICIES, Lived
from tests.guarantees.harness.system import System
from tests.guarantees.test_audit import assert_proved, copied
from tests.guarantees.test_snapshots import newest, snapshot_now, spoil

pytestmark = [pytest.mark.slow]

SOME = 8_000
MANY = int(os.environ.get("SIDESTEP_PROOF_EVENTS", "200000"))
"""Of the long one."""


@pytest.mark.timeout(300)
def test_whatever_has_happened_to_a_log_it_is_proved(system: System) -> None:
    """Bounces, all kinds of control records, models, holds, both workers killed, a policy changed twice."""
    prove(system, Lived(system, SOME))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_long_log_is_proved(system: System, tmp_path: Path) -> None:
    """The same with 200,000 events; and once more from snapshots, after the first half of the log has been deleted."""
    place = tmp_path / "snapshots"
    lived = Lived(system, MANY, between=lambda: snapshot_now(system, place), snapshots=place)
    prove(system, lived)
    prove_from_snapshots(system, len(lived.traffic.expected), place)


def prove_from_snapshots(system: System, verdicts: int, place: Path) -> None:
    """What follows them is proved, and nothing once one of them is damaged, which is named."""
    taken = newest(place, system.connection)
    client = AdminClient(system.connection.librdkafka(log_level=0))
    upto = [TopicPartition(EVIDENCE.name, number, of.marker + 1) for number, of in taken.items()]
    for future in client.delete_records(upto).values():
        future.result(30)
    began = time.monotonic()
    report = audit(system.connection, snapshots=str(place))
    assert_proved(report)
    assert {number: of.marker + 1 for number, of in taken.items()} == {p.partition: p.begins for p in report.partitions}
    counts = [each.counts["verdict"] for each in report.partitions]
    assert verdicts == sum(each["proved"] + each["not-kept"] for each in counts)
    print(f"from snapshots: {report.line()} in {time.monotonic() - began:.0f} s")
    spoil(place, taken[1])
    with pytest.raises(SnapshotNeeded, match=r"the file rows/.*\.sst is damaged"):
        audit(system.connection, [1], snapshots=str(place))


def prove(system: System, lived: Lived) -> None:
    """Live, audit, tamper."""
    began = time.monotonic()
    lived.live()
    lived.leave()
    lasted = time.monotonic() - began
    assert_it_was_worth_it(system)
    began = time.monotonic()
    report = audit(system.connection)
    assert_proved(report)
    verdicts = len(lived.traffic.expected)
    assert f"proved={verdicts}/{verdicts}" == report.line()
    proved = {kind: sum(each.counts[kind]["proved"] for each in report.partitions) for kind in KINDS}
    assert all(proved[kind] for kind in KINDS if kind != "anomaly"), proved  # there may be none in half a minute
    records = sum(each.records for each in report.partitions)
    print(f"\n{proved}")
    print(
        f"{len(system.feed.origins):,} events in {lasted:.0f} s; {records:,} records, {verdicts:,} verdicts"
        f" audited in {time.monotonic() - began:.0f} s"
    )
    log = copied_with_chain(system.connection)
    for tampering in TAMPERINGS:
        assert_found(log, tampering)


def assert_it_was_worth_it(system: System) -> None:
    """The log has what it is to have."""
    verdicts = system.verdicts.verdicts.values()
    assert 3 == len({verdict.versions.policy for verdict in verdicts})
    assert {"", "model-1", "model-2"} <= {verdict.versions.model for verdict in verdicts}
    fired = {rule.id for verdict in verdicts for rule in verdict.rules}
    assert {"service-on-hold", "suppressed", "known-trap", "recipient-hard-bounce", "domain-limit"} <= fired


class Wanted(NamedTuple):
    """A finding that names what was tampered with. `place` and `evidence` as AuditFinding has them; empty: any.
    `since`: of the log, offset of the record that is another: no verdict before it is accused."""

    kind: str
    outcome: str
    place: str = ""
    evidence: str = ""
    since: int = 0

    def fits(self, finding: AuditFinding) -> bool:
        """Whether this is it."""
        exact = ((self.place, finding.place), (self.evidence, finding.evidence))
        return (self.kind, self.outcome) == finding[:2] and all(mine in ("", its) for mine, its in exact)


Spoilt = tuple[KeptLog, Wanted]
Tampering = Callable[[KeptLog], Spoilt]


def assert_found(log: KeptLog, tampering: Tampering) -> None:
    """An audit of the spoilt log says what was done to it, and blames nothing that came before."""
    spoilt, wanted = tampering(log)
    began = time.monotonic()
    found = PartitionAuditor(spoilt, Span()).audit()
    print(f"{tampering.__name__}: {found.faults} faults, {time.monotonic() - began:.1f} s")
    assert found.faults and found.findings, tampering.__name__
    assert any(wanted.fits(finding) for finding in found.findings), (tampering.__name__, wanted, found.findings[:5])
    assert wanted.kind == "row" or any(finding.kind == "link" for finding in found.findings), tampering.__name__
    named = [int(finding.evidence.rpartition("/")[2]) for finding in found.findings if finding.evidence]
    assert all(offset >= wanted.since for offset in named), (tampering.__name__, wanted, min(named))


def fullest(connection: Connection) -> int:
    """The partition of the log with the most records."""
    extents = read_extents(connection)
    return max(extents.partitions(EVIDENCE.name), key=extents.records)


def copied_with_chain(connection: Connection) -> KeptLog:
    """All that Kafka keeps of the partition with the most records, in memory."""
    extents, partition = read_extents(connection), fullest(connection)
    chained = open_chained(connection, extents, partition)
    log = replace(copied(connection, partition), chained=chained)
    for topic in chained._fields:
        log = changed(log, topic, list(getattr(chained, topic).records))
    return log


def changed(log: KeptLog, topic: str, kept: list[Kept]) -> KeptLog:
    """One topic of it is another, also where the chain looks at it."""
    assert log.chained is not None
    partition = replace(getattr(log, topic), records=kept)
    chained = log.chained._replace(**{topic: partition}) if topic in log.chained._fields else log.chained
    return replace(log, chained=chained, **{topic: partition})


def values_of(log: KeptLog, topic: str) -> list[Kept]:
    """A topic's records."""
    return list(getattr(log, topic).records)


def judged(log: KeptLog) -> list[int]:
    """Where intents stand in the log that have a verdict, as indices into it."""
    verdicts = [*log.approved.records, *log.rejected.records]
    offsets = {msgspec.json.decode(kept.value or b"")["evidence"]["offset"] for kept in verdicts}
    return [index for index, kept in enumerate(log.evidence.records) if kept.offset in offsets]


def policies(log: KeptLog) -> list[int]:
    """Where policies stand in the log that were not in force already."""
    found: dict[str, int] = {}
    for index, kept in enumerate(log.evidence.records):
        if b'"kind":"policy"' in (kept.value or b""):
            found.setdefault(policy_of(kept).version, index)
    return list(found.values())


def policy_of(kept: Kept) -> PolicyRecord:
    """A policy in the log."""
    record = decode_evidence(kept.value)
    assert isinstance(record, PolicyRecord)
    return record


def a_verdict_is_changed(log: KeptLog) -> Spoilt:
    """A mailer would send it."""
    kept = values_of(log, "rejected")
    at = len(kept) // 2
    kept[at] = kept[at]._replace(value=(kept[at].value or b"").replace(b'"rejected"', b'"approved"'))
    evidence = log.evidence.place(msgspec.json.decode(kept[at].value or b"")["evidence"]["offset"])
    return changed(log, "rejected", kept), Wanted("verdict", "differs", log.rejected.place(kept[at].offset), evidence)


def a_verdict_is_dropped(log: KeptLog) -> Spoilt:
    """Nobody hears of it."""
    kept = values_of(log, "approved")
    gone = kept.pop(len(kept) // 3)
    evidence = log.evidence.place(msgspec.json.decode(gone.value or b"")["evidence"]["offset"])
    return changed(log, "approved", kept), Wanted("verdict", "missing", "", evidence)


def an_evidence_record_is_changed(log: KeptLog) -> Spoilt:
    """It was another service."""
    kept, at = values_of(log, "evidence"), judged(log)[len(judged(log)) // 2]
    fields = msgspec.json.decode(kept[at].value or b"")
    kept[at] = kept[at]._replace(value=msgspec.json.encode({**fields, "service": "other"}))
    offset = kept[at].offset
    return changed(log, "evidence", kept), Wanted("verdict", "differs", "", log.evidence.place(offset), offset)


def an_evidence_record_is_dropped(log: KeptLog) -> Spoilt:
    """Its verdict follows from nothing."""
    kept, at = values_of(log, "evidence"), judged(log)[len(judged(log)) // 2]
    gone = kept.pop(at)
    wanted = Wanted("verdict", "extra", "", log.evidence.place(gone.offset), gone.offset)
    return changed(log, "evidence", kept), wanted


def a_record_without_a_verdict_is_dropped(log: KeptLog) -> Spoilt:
    """A repetition, which was passed over: whatever follows from it, the chain tells that it was read."""
    kept, said = values_of(log, "evidence"), set(judged(log))
    passed_over = [index for index, each in enumerate(kept) if index not in said and b'"intent"' in (each.value or b"")]
    gone = kept.pop(passed_over[len(passed_over) // 2])
    return changed(log, "evidence", kept), Wanted("link", "missing", log.evidence.place(gone.offset))


def a_pair_is_reordered(log: KeptLog) -> Spoilt:
    """Both have changed places."""
    kept, indices = values_of(log, "evidence"), judged(log)
    middle = indices[len(indices) // 2 :]
    at = next(index for index in middle if index + 1 in indices)
    one, other = kept[at], kept[at + 1]
    kept[at], kept[at + 1] = other._replace(offset=one.offset), one._replace(offset=other.offset)
    wanted = Wanted("verdict", "differs", "", log.evidence.place(one.offset), one.offset)
    return changed(log, "evidence", kept), wanted


def a_changelog_entry_is_changed(log: KeptLog) -> Spoilt:
    """Who recovers from it would believe it."""
    kept = values_of(log, "changelog")
    last = {each.key: index for index, each in enumerate(kept)}
    at = next(index for key, index in last.items() if (key or b"")[:1] == SERVICES.prefix and kept[index].value)
    row = SERVICES.decode(kept[at].value or b"")
    kept[at] = kept[at]._replace(value=SERVICES.encode(msgspec.structs.replace(row, sends=row.sends + 1)))
    return changed(log, "changelog", kept), Wanted("row", "differs", log.changelog.place(kept[at].offset))


def a_policy_is_swapped(log: KeptLog) -> Spoilt:
    """Another one is in force there: the first verdict behind it says that it was judged by one that is not."""
    kept, (_, second, third) = values_of(log, "evidence"), policies(log)
    kept[second] = kept[second]._replace(value=kept[third].value)
    first = next(index for index in judged(log) if index > second)
    place = log.evidence.place(kept[first].offset)
    return changed(log, "evidence", kept), Wanted("verdict", "differs", "", place, kept[second].offset)


def a_policy_is_swapped_under_its_name(log: KeptLog) -> Spoilt:
    """Its version is that of before, its text is another, which lets much less through."""
    kept, (_, second, _) = values_of(log, "evidence"), policies(log)
    record = policy_of(kept[second])
    text = record.text.replace(POLICIES[0], 'default = "1/day,max_burst=1"')
    assert version_of(text) != record.version == version_of(record.text)
    kept[second] = kept[second]._replace(value=encode(msgspec.structs.replace(record, text=text)))
    return changed(log, "evidence", kept), Wanted("verdict", "differs", since=kept[second].offset)


def a_control_record_is_dropped(log: KeptLog) -> Spoilt:
    """As if nobody had put the service on hold: the first verdict that was deferred for it does not follow any more."""
    kept = values_of(log, "evidence")
    at = next(index for index, each in enumerate(kept) if b'"kind":"hold"' in (each.value or b""))
    held = (each for each in values_of(log, "rejected") if b'"service-on-hold"' in (each.value or b""))
    offset = msgspec.json.decode(next(held).value or b"")["evidence"]["offset"]
    wanted = Wanted("verdict", "differs", "", log.evidence.place(offset), kept.pop(at).offset)
    return changed(log, "evidence", kept), wanted


TAMPERINGS: list[Tampering] = [
    a_verdict_is_changed,
    a_verdict_is_dropped,
    an_evidence_record_is_changed,
    an_evidence_record_is_dropped,
    a_record_without_a_verdict_is_dropped,
    a_pair_is_reordered,
    a_changelog_entry_is_changed,
    a_policy_is_swapped,
    a_policy_is_swapped_under_its_name,
    a_control_record_is_dropped,
]
