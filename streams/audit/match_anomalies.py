"""Anomalies of Watch's fold beside those in email-anomalies, which lie by service in any of its partitions. Pure.

They are few: an incident has a handful. What stands there is put by first, and looked up as the fold says each.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sidestep.schemas import Anomaly
from sidestep.schemas.codec import ContractError, decode, encode
from sidestep.streams.audit.findings import AuditFinding, Outcome, PartitionAudit, first_difference
from sidestep.streams.audit.kept import Kept, KeptPartition
from sidestep.streams.runtime.partitioner import partition_of

About = tuple[str, int, str]
"""Incident, second and state: an incident tells of itself once in a second."""


class StandingAnomaly(NamedTuple):
    """A record of email-anomalies."""

    kept: KeptPartition
    record: Kept


class AnomalyMatch:
    """Compares the anomalies that follow from one of so many partitions of email-tallies."""

    def __init__(self, kept: Sequence[KeptPartition], tallies: int, audit: PartitionAudit):
        self._kept = kept
        self._tallies = tallies
        self._audit = audit
        self._standing: dict[About, list[StandingAnomaly]] = {}
        self._last: dict[int, int] = {}
        """By partition of email-anomalies, the offset of the last one that is proved."""
        self._oldest: dict[int, int] = {}
        """Likewise, the second of the first one that is still there."""
        self._expected: set[About] = set()

    def put_by(self) -> None:
        """Read what stands there."""
        for kept in self._kept:
            for some in kept.batches():
                for record in some:
                    self._put_by(kept, record)

    def leave_out(self) -> None:
        """Nothing can be said of any."""
        if count := sum(len(standing) for standing in self._standing.values()):
            self._audit.count("anomaly", "not-kept", count)
        self._standing.clear()

    def expect(self, anomaly: Anomaly) -> None:
        """The fold's next one."""
        value = encode(anomaly)
        kept = self._kept[partition_of(anomaly.name, len(self._kept))]
        standing = self._standing.get(_about(anomaly), [])
        own = [each for each in standing if each.kept is kept]
        same = next((each for each in own if each.record.value == value), None)
        found = same or next(iter(own or standing), None)
        self._expected.add(_about(anomaly))
        if found is None:
            self._absent(kept, anomaly)
            return
        standing.remove(found)
        record = found.record
        if found.kept is not kept:
            self._report("differs", found, f"{_told(anomaly)}: it stands in another partition than {kept.partition}")
        elif record.value != value:
            self._report("differs", found, f"{_told(anomaly)}: {first_difference(value, record.value or b'null')}")
        elif record.key != anomaly.name.encode():
            self._report("differs", found, f"{_told(anomaly)}: the record's key is not its name")
        elif record.offset < self._last.get(kept.partition, -1):
            self._report("differs", found, f"{_told(anomaly)}: it stands before one that comes before it")
        else:
            self._last[kept.partition] = record.offset
            self._audit.count("anomaly", "proved")

    def end(self) -> None:
        """The fold has no more; whatever is left of what stands there is looked at."""
        for about, standing in self._standing.items():
            for each in standing:
                if about in self._expected:
                    self._report("repeated", each, f"{about[0]} has told this before")
                elif each.record.offset < each.kept.sure:
                    self._report("extra", each, "Watch tells of no such thing")
                else:
                    self._audit.count("anomaly", "later")

    def _put_by(self, kept: KeptPartition, record: Kept) -> None:
        try:
            anomaly = decode(Anomaly, record.value)
        except ContractError:
            if kept.partition == self._audit.partition % len(self._kept):  # each once
                place = kept.place(record.offset)
                self._audit.find(AuditFinding("anomaly", "extra", place, "", "it can't be read"))
            return
        self._oldest.setdefault(kept.partition, anomaly.at)
        service = anomaly.name if anomaly.subject == "service" else ""
        if partition_of(service, self._tallies) == self._audit.partition:
            self._standing.setdefault(_about(anomaly), []).append(StandingAnomaly(kept, record))

    def _absent(self, kept: KeptPartition, anomaly: Anomaly) -> None:
        if kept.start > 0 and anomaly.at <= self._oldest.get(kept.partition, anomaly.at):
            self._audit.count("anomaly", "not-kept")
            return
        place = f"{kept.topic}/{kept.partition}"
        self._audit.find(AuditFinding("anomaly", "missing", place, "", _told(anomaly)))

    def _report(self, outcome: Outcome, standing: StandingAnomaly, text: str) -> None:
        place = standing.kept.place(standing.record.offset)
        self._audit.find(AuditFinding("anomaly", outcome, place, "", text))


def _about(anomaly: Anomaly) -> About:
    return anomaly.id, anomaly.at, anomaly.state


def _told(anomaly: Anomaly) -> str:
    return f"{anomaly.pattern} of {anomaly.name or 'all services'}, {anomaly.state} at {anomaly.at}"
