"""Rows of the fold beside their changelog, however both are cut into batches and whatever compaction has taken.

The last record of a key is what counts, and every octet of it.
"""

from collections.abc import Sequence
from random import Random

import pytest

from sidestep.streams.audit.findings import PartitionAudit
from sidestep.streams.audit.kept import Kept, KeptPartition
from sidestep.streams.audit.key_values import InMemory
from sidestep.streams.audit.match_ledger import RowMatch, how_far
from sidestep.streams.audit.offset_set import OffsetSet
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, RecipientRow
from sidestep.streams.runtime.manifest import MARKER

KEYS = [b"r%015d" % number for number in range(40)]
RECORDS = 400
Rows = dict[bytes, bytes | None]


def history(random: Random) -> list[Rows]:
    """What each record of a log writes: rows that change, stay as they are, end and begin again."""
    values = [None, *(BOUNCE_HISTORY.encode(RecipientRow(first_seen=number)) for number in range(1, 4))]
    return [{key: random.choice(values) for key in random.sample(KEYS, 2)} for _ in range(RECORDS)]


def cut(random: Random, most: int) -> list[int]:
    """Ends of batches."""
    ends = sorted({random.randrange(1, RECORDS) for _ in range(RECORDS // most)})
    return [*ends, RECORDS]


def changelog(written: Sequence[Rows], ends: Sequence[int], random: Random, compacted: bool) -> list[Kept]:
    """What Decide writes: of each batch the rows as they are after it, and the marker."""
    kept: list[Kept] = []
    start = 0
    for end in ends:
        rows: Rows = {}
        for one in written[start:end]:
            rows |= one
        kept += [Kept(len(kept) + number, key, value) for number, (key, value) in enumerate(rows.items())]
        kept.append(Kept(len(kept), MARKER, b"%d" % (end - 1)))
        start = end
    if compacted:
        last = {record.key: record.offset for record in kept}
        kept = [record for record in kept if last[record.key] == record.offset or random.random() < 0.3]
        gone = {record.key for record in kept if record.value is None and last[record.key] == record.offset}
        gone = {key for key in sorted(gone, key=str) if random.random() < 0.5}  # tombstones leave last of all
        kept = [record for record in kept if record.key not in gone]
    return kept


def compared(written: Sequence[Rows], ends: Sequence[int], kept: list[Kept], most: int) -> PartitionAudit:
    """What is found where the fold cuts the log there."""
    audit, folded = PartitionAudit(0), InMemory()
    match = RowMatch("row", KeptPartition("log", 0, 0, 10**9, kept, kept[-1].offset + 1), folded, audit, most=most)
    start = 0
    for end in ends:
        rows: Rows = {}
        for one in written[start:end]:
            rows |= one
        known = dict(zip(KEYS[:20], folded.get_many(KEYS[:20]), strict=True))  # the others were not looked up
        match.expect(list(rows.items()), known, end - 1, end / RECORDS)
        folded.put(rows.items())
        start = end
    match.end()
    return audit


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("most", [3, 10_000])
@pytest.mark.parametrize("seed", range(15))
def test_the_last_record_of_a_key_counts(seed: int, most: int, compacted: bool) -> None:
    """All of them are proved; of one that was changed, dropped or ended at the end it is that one which is named."""
    random = Random(seed)
    written = history(random)
    kept = changelog(written, cut(random, random.choice([3, 60])), random, compacted)
    ends = cut(random, random.choice([3, 60]))
    final: Rows = {}
    for one in written:
        final |= one
    rows = {key: value for key, value in final.items() if value is not None}
    audit = compared(written, ends, kept, most)
    assert ([], {"proved": len(rows)}) == (audit.findings, dict(audit.counts["row"]))
    key = random.choice(sorted(rows))
    index = max(index for index, record in enumerate(kept) if record.key == key)
    changed = kept[index]._replace(value=BOUNCE_HISTORY.encode(RecipientRow(first_seen=9)))
    extra = Kept(10**6, b"rnever-was-there", changed.value)
    for spoilt, outcome, at in (
        ([*kept[:index], changed, *kept[index + 1 :]], "differs", f"log/0/{changed.offset}"),
        ([record for record in kept if record.key != key], "missing", "log/0"),
        ([*kept, Kept(10**6, key, None)], "missing", f"log/0/{10**6}"),
        ([*kept, extra], "extra", f"log/0/{10**6}"),
    ):
        audit = compared(written, ends, spoilt, most)
        assert [("row", outcome, at)] == [finding[:3] for finding in audit.findings]
        assert len(rows) - (outcome != "extra") == audit.counts["row"]["proved"]


def test_a_row_that_only_an_old_record_has_is_missing_from_the_end_of_the_changelog() -> None:
    """The fold went on to another one; the changelog ends with the one on which both agreed before."""
    one, other = (DOMAIN_RATES.encode(DOMAIN_RATES.row(first_seen=second)) for second in (1, 2))
    written: list[Rows] = [{b"da": one}, {b"da": other}]
    kept = [Kept(0, b"da", one), Kept(1, MARKER, b"0"), Kept(2, MARKER, b"1")]
    (finding,) = compared(written, [1, RECORDS], kept, 10).findings
    assert ("differs", "log/0/0", "domain_rates a: first_seen is 1, the fold says 2") == (*finding[1:3], finding.text)


def test_how_far_a_log_was_judged_is_the_changelogs_last_marker() -> None:
    """What is no number counts for nothing; with records and no marker nothing can be told."""
    kept = [Kept(0, MARKER, b"7"), Kept(1, MARKER, b"12"), Kept(2, MARKER, b"x"), Kept(3, b"da", b"")]
    assert 12 == how_far(KeptPartition("log", 0, 0, 9, kept)).until
    assert -1 == how_far(KeptPartition("log", 0, 0, 9, [])).until
    assert float("inf") == how_far(KeptPartition("log", 0, 0, 9, kept[2:])).until


def test_offsets_are_a_set_one_by_one_or_many_at_once() -> None:
    """Across octets, with holes, and beyond what there was room for."""
    offsets, expected = OffsetSet(), set[int]()
    random = Random(1)
    at = 0
    for _ in range(200):
        some = sorted(random.sample(range(at, at + 100), random.randrange(1, 60)))
        at = some[-1] + 1
        if random.random() < 0.3:
            for offset in some:
                offsets.add(offset)
        else:
            offsets.add_all(some)
        expected.update(some)
    assert expected == {offset for offset in range(at + 2000) if offset in offsets}
