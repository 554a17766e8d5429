"""A log that nobody has touched is proved, all of it; whatever is changed in it is found, and named with its place."""

import re
from collections import Counter

import msgspec
import pytest

from sidestep.schemas import Tally
from sidestep.streams.audit.audit_partition import Span
from sidestep.streams.audit.findings import KINDS, OF_WATCH, AuditReport, PartitionAudit
from sidestep.streams.audit.kept import Kept
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.tables import BOUNCE_HISTORY, ENGINES, IDS
from sidestep.streams.errors import SnapshotNeeded, UnknownEngine
from sidestep.streams.runtime.tables import pack_pairs, unpack_pairs
from tests.audit.conftest import golden_lines
from tests.audit.world_log import Copy, Spoil, audited_world, copy_of
from tests.decide.world import START, intent, policy

EVIDENCE, APPROVED, REJECTED = "email-evidence", "email-approved", "email-rejected"
LEDGER, IDS_LOG = "email-ledger-changelog", "email-ids-changelog"
VERDICTS = len(golden_lines("verdicts"))


def found(audit: PartitionAudit) -> list[tuple[str, str, str]]:
    """Kind, outcome and place of each finding, the verdicts first."""
    return [finding[:3] for finding in audit.findings]


def without(offset: int) -> Spoil:
    """The record with this offset is gone."""
    return lambda kept: [record for record in kept if record.offset != offset]


def replaced(index: int, old: bytes, new: bytes) -> Spoil:
    """A text in one value is another."""

    def spoil(kept: list[Kept]) -> list[Kept]:
        value = kept[index].value or b""
        assert old in value
        kept[index] = kept[index]._replace(value=value.replace(old, new))
        return kept

    return spoil


def swapped(index: int) -> Spoil:
    """Two records next to each other in each other's places."""

    def spoil(kept: list[Kept]) -> list[Kept]:
        one, other = kept[index], kept[index + 1]
        kept[index], kept[index + 1] = other._replace(offset=one.offset), one._replace(offset=other.offset)
        return kept

    return spoil


def appended(index: int, **fields: object) -> Spoil:
    """One of the records once more at the end."""
    return lambda kept: [*kept, kept[index]._replace(offset=kept[-1].offset + 3, **fields)]  # type: ignore[arg-type]


def offset_of(kept: Kept) -> int:
    """Of the evidence that a verdict follows from."""
    return int(msgspec.json.decode(kept.value or b"")["evidence"]["offset"])


def test_what_nobody_has_touched_is_proved(judged_log: Copy) -> None:
    """Every verdict, tally, row, id and link."""
    audit = judged_log.audit(chained=True)
    assert [] == audit.findings
    assert {"verdict": {"proved": VERDICTS}} == {"verdict": dict(audit.counts["verdict"])}
    assert all({"proved"} == audit.counts[kind].keys() for kind in KINDS if kind not in OF_WATCH)
    report = AuditReport([audit, audit])
    assert report.right and f"proved={2 * VERDICTS}/{2 * VERDICTS}" == report.line()


def test_a_verdict_that_was_changed_is_found(judged_log: Copy) -> None:
    """With the first field that differs, and what was known of its recipient before it."""
    index = next(i for i, kept in enumerate(judged_log.topics[REJECTED]) if b'"id":"gone"' in (kept.value or b""))
    audit = judged_log.spoil(REJECTED, replaced(index, b'"drop"', b'"defer"')).audit()
    evidence = offset_of(judged_log.topics[REJECTED][index])
    (finding,) = audit.findings
    assert ("verdict", "differs", f"{REJECTED}/0/{3 * index}", f"{EVIDENCE}/0/{evidence}") == finding[:4]
    assert 'action is "defer", the fold says "drop"' == finding.text
    assert 1 == msgspec.json.decode(finding.state)["hard_bounces"]
    assert not AuditReport([audit]).right and f"proved={VERDICTS - 1}/{VERDICTS}" == AuditReport([audit]).line()


def test_no_finding_tells_an_address(judged_log: Copy) -> None:
    """Nor half of one."""
    audit = judged_log.spoil(APPROVED, replaced(0, b"jane@example.com", b"mallory@example.com")).audit()
    assert ['to is "***@example.com", the fold says "***@example.com"'] == [each.text for each in audit.findings]


def test_a_verdict_that_is_gone_is_missing(judged_log: Copy) -> None:
    """And nothing else is wrong."""
    audit = judged_log.spoil(APPROVED, without(9)).audit()
    place = f"{EVIDENCE}/0/{offset_of(judged_log.topics[APPROVED][3])}"
    assert [("verdict", "missing", f"{APPROVED}/0", place)] == [each[:4] for each in audit.findings]


def test_a_verdict_that_is_there_twice_is_repeated(judged_log: Copy) -> None:
    """At once, or at the end of the topic; of the other topic as well."""
    kept = judged_log.topics[APPROVED]
    twice = judged_log.spoil(APPROVED, lambda all_of: [*all_of[:3], all_of[2]._replace(offset=7), *all_of[3:]])
    assert [("verdict", "repeated", f"{APPROVED}/0/7")] == found(twice.audit())
    last = 3 * len(kept)
    assert [("verdict", "repeated", f"{APPROVED}/0/{last}")] == found(judged_log.spoil(APPROVED, appended(0)).audit())
    other = judged_log.spoil(REJECTED, lambda all_of: [*all_of, kept[0]._replace(offset=1000)])
    assert [("verdict", "repeated", f"{REJECTED}/0/1000")] == found(other.audit())


def test_an_invented_verdict_is_extra(judged_log: Copy) -> None:
    """On evidence that is no intent, that is not there, of another partition; and what is no verdict."""
    kept = judged_log.topics[APPROVED]
    value = kept[0].value or b""
    assert b'"partition":0,"offset":2' in value
    for place in (b'"partition":0,"offset":0', b'"partition":0,"offset":99999', b'"partition":1,"offset":2'):
        invented = value.replace(b'"partition":0,"offset":2', place)
        audit = judged_log.spoil(APPROVED, appended(0, value=invented)).audit()
        assert [("verdict", "extra", f"{APPROVED}/0/{3 * len(kept)}")] == found(audit), place
        first = judged_log.spoil(APPROVED, lambda all_of, v=invented: [all_of[0]._replace(offset=-1, value=v), *all_of])  # type: ignore[misc]
        assert [("verdict", "extra", f"{APPROVED}/0/-1")] == found(first.audit()), place
    for nonsense in (b"{", None, b"null", b"\xff"):
        audit = judged_log.spoil(APPROVED, appended(0, value=nonsense)).audit()
        assert [("verdict", "extra", f"{APPROVED}/0/{3 * len(kept)}")] == found(audit)


def test_verdicts_that_changed_places_are_found(judged_log: Copy) -> None:
    """A mailer takes the second for an old one."""
    audit = judged_log.spoil(REJECTED, swapped(4)).audit()
    assert [("verdict", "differs", f"{REJECTED}/0/15")] == found(audit)
    assert "it stands behind verdicts that come after it in the log" == audit.findings[0].text
    early = judged_log.spoil(REJECTED, lambda kept: [kept[9]._replace(offset=-1), *kept[:9], *kept[10:]]).audit()
    assert [("verdict", "differs", f"{REJECTED}/0/-1")] == found(early)
    assert "it stands before verdicts that come before it in the log" == early.findings[0].text
    late = judged_log.spoil(REJECTED, lambda kept: [*kept[:3], *kept[4:], kept[3]._replace(offset=999)]).audit()
    assert [("verdict", "differs", f"{REJECTED}/0/999")] == found(late)


def test_a_verdict_in_the_other_topic_is_found(judged_log: Copy) -> None:
    """A mailer would take it for an approval."""
    moved = judged_log.topics[REJECTED][2]
    spoilt = judged_log.spoil(REJECTED, without(moved.offset))
    place = next(i for i, kept in enumerate(judged_log.topics[APPROVED]) if offset_of(kept) > offset_of(moved))

    def spoil(kept: list[Kept]) -> list[Kept]:
        return [*kept[:place], moved._replace(offset=3 * place - 1), *kept[place:]]

    assert [("verdict", "differs", f"{APPROVED}/0/{3 * place - 1}")] == found(spoilt.spoil(APPROVED, spoil).audit())
    behind = spoilt.spoil(APPROVED, lambda kept: [*kept, moved._replace(offset=1000)]).audit()
    assert [("verdict", "differs", f"{APPROVED}/0/1000")] == found(behind)


def test_a_key_or_a_proof_that_is_not_the_verdicts_is_found(judged_log: Copy) -> None:
    """A reader finds its verdicts by the key."""
    keys = judged_log.spoil(APPROVED, lambda kept: [kept[0]._replace(key=b"other"), *kept[1:]]).audit()
    assert ["the record's key is not the verdict's id"] == [each.text for each in keys.findings]
    unproved = judged_log.spoil(APPROVED, lambda kept: [kept[0]._replace(proof=False), *kept[1:]]).audit()
    assert [("verdict", "differs", f"{APPROVED}/0/0")] == found(unproved)


def place_of(log: Copy, id: bytes) -> int:
    """Offset of the first record of the log about an intent."""
    return next(k.offset for k in log.topics[EVIDENCE] if b'"id":"%b"' % id in (k.value or b""))


def test_evidence_that_was_changed_is_found(judged_log: Copy) -> None:
    """By the verdict that no longer follows from it."""
    at = place_of(judged_log, b"role")
    audit = judged_log.spoil(EVIDENCE, replaced(at, b'["role"]', b'["disposable"]')).audit()
    first = audit.findings[0]
    assert ("verdict", "differs", f"{EVIDENCE}/0/{at}") == (first.kind, first.outcome, first.evidence)


def test_evidence_that_is_gone_is_found(judged_log: Copy) -> None:
    """By the verdict on it; where there is none, by what would have followed from it."""
    at = place_of(judged_log, b"disposable")
    audit = judged_log.spoil(EVIDENCE, without(at)).audit()
    assert ("extra", f"{EVIDENCE}/0/{at}") in [(each.outcome, each.evidence) for each in audit.findings]
    bounce = next(k.offset for k in judged_log.topics[EVIDENCE] if b"userunknown" in (k.value or b""))
    later = [k.offset for k in judged_log.topics[EVIDENCE] if b"userunknown" in (k.value or b"")][:2]
    audit = judged_log.spoil(EVIDENCE, lambda kept: [k for k in kept if k.offset not in later]).audit()
    evidence = f"{EVIDENCE}/0/{place_of(judged_log, b'gone')}"
    assert evidence in [each.evidence for each in audit.findings if each.outcome == "differs"], bounce


def test_evidence_that_changed_places_is_found(judged_log: Copy) -> None:
    """Both of its verdicts are on other intents now."""
    at = place_of(judged_log, b"near")
    audit = judged_log.spoil(EVIDENCE, swapped(at)).audit()
    places = {f"{EVIDENCE}/0/{at}", f"{EVIDENCE}/0/{at + 1}"}
    assert places <= {each.evidence for each in audit.findings if each.kind == "verdict"}


def test_a_log_without_its_policy_says_where_it_ends(judged_log: Copy) -> None:
    """Nothing behind it can be folded."""
    audit = judged_log.spoil(EVIDENCE, without(0)).audit()
    assert f"{EVIDENCE}/0@2: an intent stands before any policy" in audit.stopped
    assert not AuditReport([audit]).right


def test_a_changelog_entry_that_was_changed_is_found(judged_log: Copy) -> None:
    """By its table, its key, its field and its place."""
    rows = judged_log.topics[LEDGER]
    last = {kept.key: index for index, kept in enumerate(rows)}
    index = next(i for key, i in last.items() if key and key[:1] == BOUNCE_HISTORY.prefix and rows[i].value)
    row = BOUNCE_HISTORY.decode(rows[index].value or b"")
    changed = msgspec.structs.replace(row, hard_bounces=7)

    def spoil(kept: list[Kept]) -> list[Kept]:
        kept[index] = kept[index]._replace(value=BOUNCE_HISTORY.encode(changed))
        return kept

    (finding,) = judged_log.spoil(LEDGER, spoil).audit().findings
    assert ("row", "differs", f"{LEDGER}/0/{index}") == finding[:3]
    key = rows[index].key or b""
    assert f"bounce_history {key[1:].hex()}: hard_bounces is 7, the fold says {row.hard_bounces}" == finding.text
    gone = judged_log.spoil(LEDGER, lambda kept: [k for k in kept if k.key != key])
    assert [("row", "missing", f"{LEDGER}/0")] == found(gone.audit())
    ended = judged_log.spoil(LEDGER, lambda kept: [*kept, Kept(999, key, None)])
    assert [("row", "missing", f"{LEDGER}/0/999")] == found(ended.audit())
    more = judged_log.spoil(LEDGER, lambda kept: [*kept, Kept(999, b"dmade-up.example", rows[index].value)])
    assert [("row", "extra", f"{LEDGER}/0/999")] == found(more.audit())


def test_an_id_that_was_changed_or_is_gone_is_found(judged_log: Copy) -> None:
    """A changed one lets an intent be sent twice."""
    key, value = next(iter(unpack_pairs(judged_log.topics[IDS_LOG][0].value or b"")))
    row = msgspec.structs.replace(IDS.decode(value), attempt=9)
    more = judged_log.spoil(IDS_LOG, lambda kept: [*kept, Kept(999, None, pack_pairs([(key, IDS.encode(row))]))])
    audit = more.audit()
    assert [("id", "differs", f"{IDS_LOG}/0/999")] == found(audit)
    assert re.search(r"ids [0-9a-f]{16,}: attempt is 9, the fold says 1", audit.findings[0].text)
    outcomes = {each[:2] for each in found(judged_log.spoil(IDS_LOG, without(0)).audit())}
    assert {("id", "missing")} == outcomes


def test_a_tally_that_was_changed_is_gone_or_comes_twice_is_found(judged_log: Copy) -> None:
    """By its second and service."""
    topic = next(name for name in judged_log.topics if name.startswith("email-tallies/") and judged_log.topics[name])
    index, kept = next((i, k) for i, k in enumerate(judged_log.topics[topic]) if b'"approved":1' in (k.value or b""))
    number = topic.split("/")[1]
    audit = judged_log.spoil(topic, replaced(index, b'"approved":1', b'"approved":2')).audit()
    assert [("tally", "differs", f"email-tallies/{number}/{index}")] == found(audit)
    assert "is 2, the fold says 1" in audit.findings[0].text
    assert [("tally", "missing", f"email-tallies/{number}")] == found(judged_log.spoil(topic, without(index)).audit())
    twice = judged_log.spoil(topic, lambda all_of: [*all_of, kept._replace(offset=999)])
    assert [("tally", "repeated", f"email-tallies/{number}/999")] == found(twice.audit())
    more = msgspec.json.encode(Tally(service="shop", partition=0, second=7))
    extra = judged_log.spoil(topic, lambda all_of: [*all_of, kept._replace(offset=999, value=more)])
    assert [("tally", "extra", f"email-tallies/{number}/999")] == found(extra.audit())


def test_what_retention_has_taken_is_counted_apart(judged_log: Copy) -> None:
    """Verdicts, tallies and ids that are older than what is still there are no fault."""
    names = [APPROVED, REJECTED, IDS_LOG, *(name for name in judged_log.topics if name.startswith("email-tallies/"))]
    copy = judged_log
    for name in names:
        copy = (
            copy.forget(name, judged_log.topics[name][len(judged_log.topics[name]) // 2].offset)
            if copy.topics[name]
            else copy
        )
    audit = copy.audit()
    assert [] == audit.findings
    assert all(audit.counts[kind]["not-kept"] > 0 for kind in ("verdict", "id", "tally"))
    counts = audit.counts["verdict"]
    assert VERDICTS == counts["proved"] + counts["not-kept"]


def test_a_log_whose_beginning_is_gone_takes_a_snapshot(judged_log: Copy) -> None:
    """And says of which offset."""
    with pytest.raises(SnapshotNeeded, match=r"email-evidence/0 begins at offset 40.*snapshot.*at offset 39"):
        judged_log.forget(EVIDENCE, 40).audit()


def test_the_log_of_another_engine_is_refused_by_name(judged_log: Copy) -> None:
    """Where all begins so; one verdict alone that says so was changed."""
    old, new = b'"engine":"%b"' % ENGINE.encode(), b'"engine":"0"'

    def of_another(kept: list[Kept]) -> list[Kept]:
        return [record._replace(value=(record.value or b"").replace(old, new)) for record in kept]

    both = judged_log.spoil(APPROVED, of_another).spoil(REJECTED, of_another)
    assert VERDICTS == both.audit().counts["verdict"]["differs"], "the ledger says who has judged them"
    unsaid = both.spoil(LEDGER, lambda kept: [record for record in kept if (record.key or b"")[:1] != ENGINES.prefix])
    with pytest.raises(UnknownEngine, match=rf"{APPROVED}/0/0 was judged by engine 0, this version folds by"):
        unsaid.audit()
    noted = ENGINES.prefix + bytes(8)
    at = next(record.offset for record in judged_log.topics[LEDGER] if record.key == noted)
    with pytest.raises(UnknownEngine, match=rf"by {LEDGER}/0/{at}, the log was judged by engine 0, this version"):
        judged_log.spoil(LEDGER, replaced(at, ENGINE.encode(), b"0")).audit()
    (finding,) = judged_log.spoil(APPROVED, replaced(2, old, new)).audit().findings
    assert f'versions.engine is "0", the fold says "{ENGINE}"' == finding.text


def test_what_is_younger_than_the_audit_is_no_fault() -> None:
    """Decide goes on while Kafka is read: the marker of the changelog says how far the comparison goes."""
    world = audited_world()
    world.append(policy(), intent("1"))
    early = copy_of(world)
    world.append(intent("2", at=START + 5000), intent("3", at=START + 5000))
    late = copy_of(world)
    mixed = late.spoil(LEDGER, lambda _: early.topics[LEDGER])
    mixed.sure = {name: len(early.topics[name]) * 3 for name in (APPROVED, REJECTED)}
    mixed.sure |= {name: len(kept) for name, kept in early.topics.items() if "tallies" in name or "ids" in name}
    audit = mixed.audit()
    assert ([], 2) == (audit.findings, audit.unjudged)
    assert {"proved": 1, "later": 2} == dict(audit.counts["verdict"])
    mixed.sure = {}
    assert {"extra"} == {outcome for _, outcome, _ in found(mixed.audit())}


def test_a_partition_that_decide_has_not_begun_waits(judged_log: Copy) -> None:
    """Nothing is missing yet; what stands there all the same is extra. A changelog without its marker is no such
    thing."""
    empty = Copy({name: kept if name == EVIDENCE else [] for name, kept in judged_log.topics.items()})
    audit = empty.audit()
    assert ([], 0, len(judged_log.topics[EVIDENCE])) == (audit.findings, audit.records, audit.unjudged)
    forged = empty.spoil(APPROVED, lambda _: judged_log.topics[APPROVED][:1]).audit()
    assert [("verdict", "extra", f"{APPROVED}/0/0")] == found(forged)
    unmarked = judged_log.spoil(LEDGER, lambda kept: [record for record in kept if record.key != b"\0marker"])
    assert VERDICTS == unmarked.audit().proved


def test_a_stretch_of_time_alone_is_compared(judged_log: Copy) -> None:
    """All before it is folded, and none of it is reported; tallies and rows are left alone."""
    spoilt = judged_log.spoil(APPROVED, without(0)).spoil(LEDGER, lambda kept: [*kept, Kept(999, b"dx", b"\x90")])
    later = spoilt.audit(Span(since=START / 1000 + 60))
    assert ([], False) == (later.findings, later.whole)
    assert 0 < later.proved < VERDICTS
    first = spoilt.audit(Span(until=START / 1000 + 60))
    assert [("verdict", "missing", f"{APPROVED}/0")] == found(first)
    assert VERDICTS == later.proved + first.proved + 1
    assert first.records < len(judged_log.topics[EVIDENCE]) + 1


def test_findings_beyond_the_first_are_counted(judged_log: Copy) -> None:
    """So that a topic full of rubbish is no book; what is missing for it is found as well."""
    rubbish = judged_log.spoil(APPROVED, lambda kept: [kept[0]._replace(offset=number) for number in range(1000)])
    audit = rubbish.audit()
    outcomes = Counter(each.outcome for each in audit.findings)
    assert {"repeated": 100, "missing": audit.counts["verdict"]["missing"]} == outcomes
    assert len(audit.findings) < audit.faults
