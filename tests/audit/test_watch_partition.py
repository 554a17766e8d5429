"""What Watch has made of a partition of email-tallies is proved; whatever is changed in it is found, with its place."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sidestep.schemas import Reaction
from sidestep.streams.audit.findings import AuditReport, PartitionAudit
from sidestep.streams.audit.kept import Kept, KeptPartition, KeptWatch
from sidestep.streams.audit.watch_partition import WatchAuditor
from sidestep.streams.watch.tables import INCIDENTS, NOTED_THRESHOLDS, STORIES
from sidestep.streams.watch.thresholds import Thresholds, thresholds
from sidestep.topics.catalog import ANOMALIES, TALLIES, WATCH_CHANGELOG
from tests.audit.world_log import ChangelogLedger
from tests.watch.scene import DAY, MINUTE, PARTITIONS, RULES, Scene

BURST: dict[str, Any] = {"approved": 300, "dropped": 100, "unknown": 100, "source": "import"}
Spoil = Callable[[list[Kept]], list[Kept]]


@pytest.fixture(scope="module")
def watched() -> KeptWatch:
    """A list gone bad, twice, in batches; what can't be read; an incident that the time alone has ended."""
    ledger = ChangelogLedger()
    scene = Scene(ledger)
    scene.policy(unknown_burst=Reaction("hold-source", DAY))
    scene.usual(2, approved=900, source="form")
    scene.minutes(5, **BURST)
    scene.append(b"{", b'{"service":"shop","partition":0,"second":1' + b"0" * 30 + b"}")
    scene.quiet(3 * DAY)
    scene.minutes(2, **BURST)
    scene.wait(MINUTE)
    written = {partition: records for (topic, partition), records in scene.written().items() if topic == ANOMALIES.name}
    assert 3 < sum(map(len, written.values()))
    log = [Kept(record.offset(), b"", record.value()) for record in scene.log]
    anomalies = [
        [Kept(3 * at, str(key).encode(), value) for at, (key, value) in enumerate(written.get(number, []))]
        for number in range(PARTITIONS[ANOMALIES.name])
    ]
    rows = [Kept(at, *row) for at, row in enumerate(ledger.changelog)]
    return KeptWatch(
        partition(TALLIES.name, 0, log),
        [partition(ANOMALIES.name, number, records) for number, records in enumerate(anomalies)],
        partition(WATCH_CHANGELOG.name, 0, rows),
        1,
    )


def partition(topic: str, number: int, records: list[Kept], start: int = 0) -> KeptPartition:
    """As Kafka would keep it."""
    return KeptPartition(topic, number, start, 10**6, records, records[-1].offset + 1 if records else 0)


def audited(kept: KeptWatch, rules: Thresholds = RULES) -> PartitionAudit:
    """What is found."""
    audit = PartitionAudit(0)
    WatchAuditor(kept, rules, 4, audit).audit()
    return audit


def place_of(watched: KeptWatch) -> KeptPartition:
    """The partition in which the anomalies lie."""
    return max(watched.anomalies, key=lambda each: len(list(each.records)))


def spoilt(watched: KeptWatch, how: Spoil) -> PartitionAudit:
    """With other anomalies."""
    place = place_of(watched)
    changed = replace(place, records=how(list(place.records)))
    return audited(replace(watched, anomalies=[changed if each is place else each for each in watched.anomalies]))


def test_what_nobody_has_touched_is_proved(watched: KeptWatch) -> None:
    """Every anomaly, and every row of the ledger."""
    audit = audited(watched)
    assert ([], "") == (audit.findings, audit.unwatched)
    assert sum(len(list(each.records)) for each in watched.anomalies) == audit.counts["anomaly"]["proved"]
    assert {"proved"} == audit.counts["watch-row"].keys()
    assert AuditReport([audit]).right


def test_an_anomaly_that_was_changed_is_gone_moved_or_invented_is_found(watched: KeptWatch) -> None:
    """With its place, and the field that differs."""
    place = place_of(watched)
    name, first = f"{ANOMALIES.name}/{place.partition}", next(iter(place.records))
    value = first.value or b""
    other = value.replace(b'"severity":"', b'"severity":"notice","was":"')
    audit = spoilt(watched, lambda kept: [kept[0]._replace(value=other), *kept[1:]])
    assert [("anomaly", "differs", f"{name}/0")] == [finding[:3] for finding in audit.findings]
    assert "severity is" in audit.findings[0].text
    invented = first._replace(offset=900, value=value.replace(b'"id":"', b'"id":"0'))
    cases: list[tuple[Spoil, str, str]] = [
        (lambda kept: kept[1:], "missing", name),
        (lambda kept: [*kept, first._replace(offset=900)], "repeated", f"{name}/900"),
        (lambda kept: [kept[0]._replace(key=b"x"), *kept[1:]], "differs", f"{name}/0"),
        (lambda kept: [*kept[1:], kept[0]._replace(offset=900)], "differs", f"{name}/3"),
        (lambda kept: [*kept, invented], "extra", f"{name}/900"),
    ]  # fmt: skip
    for how, outcome, at in cases:
        found = [finding[:3] for finding in spoilt(watched, how).findings]
        assert ("anomaly", outcome, at) in found, (outcome, found)


def test_a_tally_that_was_changed_is_found_by_what_follows(watched: KeptWatch) -> None:
    """Anomalies or rows are others."""
    log = list(watched.tallies.records)
    at = next(index for index, record in enumerate(log) if b'"unknown":100' in (record.value or b""))
    log[at] = log[at]._replace(value=(log[at].value or b"").replace(b'"unknown":100', b'"unknown":99'))
    audit = audited(replace(watched, tallies=replace(watched.tallies, records=log)))
    assert {"differs"} <= {finding.outcome for finding in audit.findings}


def test_an_entry_of_watchs_changelog_that_was_changed_is_found(watched: KeptWatch) -> None:
    """By its table."""
    rows = list(watched.changelog.records)
    last = {record.key: at for at, record in enumerate(rows) if record.value is not None}
    at = next(at for key, at in last.items() if (key or b"")[:1] == STORIES.prefix)
    row = STORIES.decode(rows[at].value or b"")
    row.asked_for += 1
    rows[at] = rows[at]._replace(value=STORIES.encode(row))
    (finding,) = audited(replace(watched, changelog=replace(watched.changelog, records=rows))).findings
    assert ("watch-row", "differs", f"{WATCH_CHANGELOG.name}/0/{at}") == finding[:3]
    assert "asked_for is" in finding.text and finding.text.startswith("stories ")
    more = [*watched.changelog.records, Kept(10**5, INCIDENTS.prefix + b"made-up", b"\x90")]
    (finding,) = audited(replace(watched, changelog=replace(watched.changelog, records=more))).findings
    assert ("watch-row", "extra") == finding[:2]


def test_what_can_not_be_proved_says_why(watched: KeptWatch) -> None:
    """Where retention has taken the beginning, and where other thresholds have told them: no fault, and no proof."""
    cut = list(watched.tallies.records)[3:]
    audit = audited(replace(watched, tallies=partition(TALLIES.name, 0, cut, start=3)))
    assert f"{TALLIES.name}/0/3 is its first record" in audit.unwatched
    assert [] == audit.findings and ["not-kept"] == list(audit.counts["anomaly"])
    other = audited(watched, replace(thresholds(), version="another"))
    assert "SIDESTEP_WATCH names their file" in other.unwatched and RULES.version in other.unwatched
    assert 0 == other.faults
    silent = replace(watched, anomalies=[replace(each, records=[]) for each in watched.anomalies])
    assert other.unwatched == audited(silent, replace(thresholds(), version="another")).unwatched
    unsaid = [each for each in watched.changelog.records if (each.key or b"")[:1] != NOTED_THRESHOLDS.prefix]
    older = audited(replace(watched, changelog=replace(watched.changelog, records=unsaid)))
    assert "an older version" in older.unwatched and 0 == older.faults
