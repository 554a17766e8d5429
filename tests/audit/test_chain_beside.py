"""The chain that is followed beside the fold says what a walk says, and reads nothing twice where all is as it was."""

from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from sidestep.streams.audit import audit_partition, chain_beside
from sidestep.streams.audit.audit_partition import PartitionAuditor, Span
from sidestep.streams.audit.began import Beginning
from sidestep.streams.audit.findings import PartitionAudit
from sidestep.streams.audit.kept import Chained, Kept
from sidestep.streams.audit.replay import Replayer
from sidestep.streams.chain import STORED
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.snapshots.record import SnapshotManifest
from tests.audit.test_walk_chain import (
    APPROVED,
    EVIDENCE,
    LEDGER,
    REJECTED,
    TOPICS,
    changed,
    cuts,
    doubled,
    dropped,
    emptied,
    judged,
    judged_with_holes,
    renamed,
)
from tests.audit.world_log import Copy


@dataclass
class Counted:
    """Records, and how often they were read."""

    records: list[Kept]
    times: int = 0

    def __iter__(self) -> Any:
        self.times += 1
        return iter(self.records)


def audited(copy: Copy) -> tuple[PartitionAudit, int]:
    """What is found, and how often the chain has read the evidence by itself."""
    log = copy.log(chained=True)
    assert log.chained is not None
    counted = Counted(list(log.chained.evidence.records))
    evidence = replace(log.chained.evidence, records=counted)
    log = replace(log, chained=log.chained._replace(evidence=evidence))
    return PartitionAuditor(log, Span()).audit(), counted.times


class Lost(chain_beside.ChainBeside):
    """One that has understood nothing from the beginning."""

    def __init__(self, chained: Chained, begins: int):
        super().__init__(chained, begins)
        self.whole = False


def walked(copy: Copy) -> PartitionAudit:
    """What is found where the chain is walked in any case."""
    with patch.object(audit_partition, "ChainBeside", Lost):
        return copy.audit(chained=True)


def unlinked(kept: Kept, **_: Any) -> list[Kept]:
    return [kept._replace(link=None)]


@settings(max_examples=10)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.booleans())
def test_what_is_as_it_was_is_read_once(sizes: list[int], holes: bool) -> None:
    """However Decide has cut the log, and the audit takes it in; and all links are proved."""
    copy = (judged_with_holes if holes else judged)(*sizes)
    found = walked(copy)
    assert found.counts["link"]["proved"] > 0
    for together in (1, 7, 5_000):
        with patch.object(audit_partition, "BATCH", together):
            audit, times = audited(copy)
        assert (0, [], found.counts, 0) == (times, audit.findings, audit.counts, audit.chained_from)


HOWS = [changed, dropped, doubled, emptied, renamed, unlinked]


@settings(max_examples=60)
@given(cuts, st.sampled_from(TOPICS), st.sampled_from(HOWS), st.booleans(), st.data())
def test_whatever_is_changed_is_found_as_by_a_walk(
    sizes: tuple[int, ...], topic: str, how: Any, holes: bool, data: st.DataObject
) -> None:
    """The same counts, the same findings."""
    copy = (judged_with_holes if holes else judged)(*sizes)
    index = data.draw(st.integers(0, len(copy.topics[topic]) - 1))
    spoilt = copy.spoil(topic, lambda kept: [*kept[:index], *how(kept[index]), *kept[index + 1 :]])
    audit, found = audited(spoilt)[0], walked(spoilt)
    assert (found.counts, found.findings, found.chained_from) == (audit.counts, audit.findings, audit.chained_from)


def test_a_link_that_says_else_is_found() -> None:
    """One whose octets were changed, and the row that says how far the chain has come."""
    copy = judged(5)
    for name in (APPROVED, REJECTED):
        index = next(number for number, kept in enumerate(copy.topics[name]) if kept.link)
        for octets in (b"", b"\x90", (copy.topics[name][index].link or b"")[:-1] + b"!"):

            def linked(kept: list[Kept], index: int = index, octets: bytes = octets) -> list[Kept]:
                return [*kept[:index], kept[index]._replace(link=octets), *kept[index + 1 :]]

            assert [each for each in audited(copy.spoil(name, linked))[0].findings if each.kind == "link"]
    rows = [number for number, kept in enumerate(copy.topics[LEDGER]) if kept.key == STORED]
    for value in (b"", b"\xc1", copy.topics[LEDGER][rows[0]].value):

        def other(kept: list[Kept], value: bytes | None = value) -> list[Kept]:
            return [*kept[: rows[-1]], kept[rows[-1]]._replace(value=value), *kept[rows[-1] + 1 :]]

        spoilt = copy.spoil(LEDGER, other)
        audit, found = audited(spoilt)[0], walked(spoilt)
        assert (found.counts, found.findings) == (audit.counts, audit.findings)


@settings(max_examples=20)
@given(cuts, st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_what_retention_has_taken_and_what_is_younger(
    sizes: tuple[int, ...], approved: int, rejected: int, sure: int, young: bool
) -> None:
    """The same as by a walk, which proves no link some of whose verdicts may be gone: here one that fits is proved."""
    copy = judged(*sizes).forget(APPROVED, 3 * approved).forget(REJECTED, 3 * rejected)
    if young:
        ends = {name: 3 * max(len(copy.topics[name]) - sure, 0) for name in (APPROVED, REJECTED)}
        copy = replace(copy, sure=ends)
    audit, found = audited(copy)[0], walked(copy)
    assert (found.findings, found.chained_from) == (audit.findings, audit.chained_from)
    links, walked_links = audit.counts.pop("link"), found.counts.pop("link")
    assert found.counts == audit.counts
    assert links["later"] == walked_links["later"] and links["proved"] >= walked_links["proved"]
    assert links.total() == walked_links.total()


MANIFEST = SnapshotManifest(
    cluster="c", group="sidestep", role="decide", topic=EVIDENCE, partition=0, marker=0, log_time_ms=0, taken_at=0.0,
    engine=ENGINE, positions={}, ages={"window": 0}, files={},
)  # fmt: skip


@settings(max_examples=20)
@given(cuts, st.integers(2, 40), st.booleans(), st.data())
def test_behind_a_snapshot(sizes: tuple[int, ...], start: int, gone: bool, data: st.DataObject) -> None:
    """Links of before it are walked, whatever of them is kept; the others are followed."""
    copy = judged(*sizes)
    if gone:
        copy = copy.forget(EVIDENCE, data.draw(st.integers(0, start)))
    index = data.draw(st.none() | st.integers(0, len(copy.topics[EVIDENCE]) - 1))
    if index is not None:
        copy = copy.spoil(EVIDENCE, lambda kept: [*kept[:index], *changed(kept[index]), *kept[index + 1 :]])

    def begun(copy: Copy) -> PartitionAudit:
        replayer = Replayer(0)
        for _ in replayer.replay((kept.offset, kept.value) for kept in judged(*sizes).topics[EVIDENCE][:start]):
            pass
        manifest = structs.replace(MANIFEST, marker=start - 1, log_time_ms=replayer.log_time_ms)
        log = copy.log(chained=True)
        left = [kept for kept in log.evidence.records if kept.offset >= start]
        log = replace(log, evidence=replace(log.evidence, records=left, start=start))
        return PartitionAuditor(log, Span(), beginning=Beginning(replayer.tables, start, manifest)).audit()

    audit = begun(copy)
    with patch.object(audit_partition, "ChainBeside", Lost):
        found = begun(copy)
    assert (found.counts, found.findings, found.chained_from) == (audit.counts, audit.findings, audit.chained_from)
    if index is None:
        assert [] == audit.findings
        assert gone or audit.counts["link"]["proved"]


def test_what_waits_is_bounded() -> None:
    """Of a log without links no more is kept in memory: it is walked."""
    bare = judged(5)
    for name in (APPROVED, REJECTED):
        bare = bare.spoil(name, lambda kept: [each._replace(link=None) for each in kept])
    with patch.object(chain_beside, "MOST", 10), patch.object(audit_partition, "BATCH", 5):
        audit, times = audited(bare)
    assert (walked(bare).counts, walked(bare).findings) == (audit.counts, audit.findings)
    assert times > 0
