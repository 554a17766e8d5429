"""A chain holds however its log was cut; whatever is changed, taken away, put in or swapped is found in its place."""

from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidestep.schemas import TickRecord
from sidestep.schemas.codec import encode
from sidestep.streams.audit.chain_faults import ChainFault
from sidestep.streams.audit.kept import Kept
from sidestep.streams.audit.walk_chain import ChainWalk, WalkedLink
from sidestep.streams.chain import CHAIN, ROW, STORED, ChainRow, parse_link
from sidestep.streams.decide.judge import Judge
from tests.audit.world_log import PARTITIONS, ChangelogLedger, Copy, audited_world, copy_of, judge_in_batches
from tests.decide.world import LOG, START, intent, policy
from tests.kafka_records import delivered

EVIDENCE, APPROVED, REJECTED = "email-evidence", "email-approved", "email-rejected"
TOPICS = (EVIDENCE, APPROVED, REJECTED)
LEDGER = "email-ledger-changelog"


def walked(copy: Copy) -> tuple[list[WalkedLink], list[ChainFault]]:
    """All links, and all that does not fit, by the changelog's row as well."""
    chained = copy.log(chained=True).chained
    assert chained is not None
    walk = ChainWalk(*chained)
    links = list(walk.links())
    found = [fault for link in links for fault in link.faults]
    rows = [kept.value for kept in copy.topics[LEDGER] if kept.key == STORED]
    return links, [*found, *walk.tail(CHAIN.decode(rows[-1] or b""))]


def some_records(count: int = 40) -> list[bytes]:
    """Intents of which some have no verdict, as they are repeated, with quiet times between."""
    made = [encode(policy())]
    for number in range(count):
        at = START + 1000 * number
        id = str(number if number % 5 else 0)
        mx = "no" if number % 3 == 0 else "yes"
        quiet = 12 <= number < 20 or number > count - 4
        made.append(encode(TickRecord(at=at) if quiet else intent(id, to=f"a{id}@example.com", mx=mx, at=at)))
    return made


@cache
def judged(*sizes: int) -> Copy:
    """What is kept of a log that was judged in batches of these sizes, again and again."""
    world, left = audited_world(), some_records()
    while left:
        for size in sizes:
            if left:
                world.append(*left[:size])
                del left[:size]
    return copy_of(world)


cuts = st.sampled_from([(1,), (5,), (7,), (1, 9), (3, 1, 12), (30,)])


@settings(max_examples=8)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_cuts_make_no_difference(sizes: list[int]) -> None:
    """Everything fits, from the log's beginning on."""
    links, found = walked(judged(*sizes))
    assert [] == found
    assert links[0].link.first and -1 == links[0].link.base_to
    assert {"holds"} == {link.state for link in links}


def changed(kept: Kept, **_: Any) -> list[Kept]:
    return [kept._replace(value=(kept.value or b"")[:-1] + b" }")]


def dropped(kept: Kept, **_: Any) -> list[Kept]:
    return []


def doubled(kept: Kept, **_: Any) -> list[Kept]:
    return [kept, kept._replace(offset=kept.offset + 1, link=None)]


def emptied(kept: Kept, **_: Any) -> list[Kept]:
    return [kept._replace(value=None)]


def renamed(kept: Kept, **_: Any) -> list[Kept]:
    return [kept._replace(key=b"other")]


@settings(max_examples=60)
@given(cuts, st.sampled_from(TOPICS), st.sampled_from([changed, dropped, doubled, emptied, renamed]), st.data())
def test_whatever_is_changed_is_found(sizes: tuple[int, ...], topic: str, how: Any, data: st.DataObject) -> None:
    """And named: of evidence the record itself or a few in a row, among which it is."""
    copy = judged(*sizes)
    if topic == EVIDENCE:  # as Kafka has them, ends of transactions between
        copy = judged_with_holes(*sizes)
    kept = copy.topics[topic]
    index = data.draw(st.integers(0, len(kept) - 1))
    if topic == EVIDENCE and (how is renamed or (how is doubled and index == len(kept) - 1)):
        return  # keys of evidence count for nothing, and what is behind all others waits for Decide
    _, found = walked(copy.spoil(topic, lambda all_of: [*all_of[:index], *how(all_of[index]), *all_of[index + 1 :]]))
    assert found
    if topic == EVIDENCE:
        at = kept[index].offset + (how is doubled)
        assert any(fault.evidence <= at <= fault.until for fault in found), found


@cache
def judged_with_holes(*sizes: int) -> Copy:
    """A log every other offset of which is the end of a transaction."""
    world = audited_world()
    made = [delivered(2 * number, value, tp=LOG, key=b"key") for number, value in enumerate(some_records())]
    world.log = list(made)
    while made:
        for size in sizes:
            if made:
                world.judge.judge(made[:size])
                del made[:size]
    return copy_of(world)


@settings(max_examples=30)
@given(cuts, st.sampled_from(TOPICS), st.data())
def test_swapped_records_are_found(sizes: tuple[int, ...], topic: str, data: st.DataObject) -> None:
    """Two neighbours in each other's places."""
    copy = judged(*sizes)
    index = data.draw(st.integers(0, len(copy.topics[topic]) - 2))

    def swap(kept: list[Kept]) -> list[Kept]:
        one, other = kept[index], kept[index + 1]
        kept[index : index + 2] = [other._replace(offset=one.offset), one._replace(offset=other.offset)]
        return kept

    one, other = copy.topics[topic][index : index + 2]
    if one.value != other.value:
        assert walked(copy.spoil(topic, swap))[1]


def test_one_fault_is_one_finding() -> None:
    """Links behind it say what the head was before them."""
    copy = judged(7)
    links, found = walked(copy.spoil(EVIDENCE, lambda kept: [*kept[:10], *changed(kept[10]), *kept[11:]]))
    (fault,) = found
    assert ("differs", 7, 13) == (fault.outcome, fault.evidence, fault.until)
    assert fault.text == "of the records up to 13 one is not as it was: it is another than the one that Decide has read"
    assert len(links) > 3


def test_a_record_of_which_no_verdict_follows_is_named() -> None:
    """The record itself, where quiet times were judged as they came."""
    copy = judged(1)
    for how in (changed, dropped):
        _, found = walked(copy.spoil(EVIDENCE, lambda kept, how=how: [*kept[:15], *how(kept[15]), *kept[16:]]))  # type: ignore[misc]
        assert [("differs", f"{EVIDENCE}/0/15", 15, 15)] == [(f.outcome, f.place, f.evidence, f.until) for f in found]


def test_the_last_links_are_missed() -> None:
    """The ledger's row says how far they went."""
    copy = judged(5)
    reached = max(
        parse_link(kept.link).to for topic in (APPROVED, REJECTED) for kept in copy.topics[topic] if kept.link
    )

    def is_before(kept: Kept) -> bool:
        return kept.link is None or parse_link(kept.link).to < reached

    ends = {topic: list(filter(is_before, copy.topics[topic])) for topic in (APPROVED, REJECTED)}
    spoilt = replace(copy, topics={**copy.topics, **ends})
    (fault,) = walked(spoilt)[1]
    assert ("missing", f"{EVIDENCE}/0/{reached}") == fault[:2]


def test_a_link_that_cannot_be_read_is_named() -> None:
    """With its place."""
    copy = judged(5)
    index = next(i for i, kept in enumerate(copy.topics[APPROVED]) if kept.link)
    for octets in (b"", b"\xc1", b"\x90"):
        _, found = walked(
            copy.spoil(
                APPROVED,
                lambda kept, o=octets: [*kept[:index], kept[index]._replace(link=o), *kept[index + 1 :]],  # type: ignore[misc]
            )
        )
        assert [("missing", f"{APPROVED}/0/{3 * index}")] == [fault[:2] for fault in found]


def test_what_retention_has_taken_is_no_fault() -> None:
    """The chain holds from the first link on of which all is kept."""
    copy = judged(6)
    for before in range(0, 41, 7):
        links, found = walked(copy.forget(EVIDENCE, before))
        assert [] == found
        assert {"holds", "not-kept"} >= {link.state for link in links} and "holds" == links[-1].state
    for topic in (APPROVED, REJECTED):
        for number in range(1, len(copy.topics[topic])):
            assert [] == walked(copy.forget(topic, 3 * number))[1], (topic, number)
    both = copy.forget(APPROVED, 9).forget(REJECTED, 12).forget(EVIDENCE, 13)
    assert [] == walked(both)[1]


def test_a_chain_begins_where_no_version_before_had_one() -> None:
    """And anew, where one without chains has judged between."""
    world = audited_world()
    records = some_records()
    judge_in_batches(world, records[:10], 3)
    ledger = world.ledger
    assert isinstance(ledger, ChangelogLedger)
    ledger.links.clear()  # as if a version without chains had judged so far
    del ledger.stored[CHAIN.name]
    world.judge = Judge(ledger, PARTITIONS)
    judge_in_batches(world, records[10:12], 3)
    links, found = walked(copy_of(world))
    assert ([], [9], True) == (found, [link.link.base_to for link in links], links[0].link.first)
    between = dict(ledger.links)
    judge_in_batches(world, records[20:30], 5)
    ledger.links = between
    ledger.stored[CHAIN.name] = {ROW: CHAIN.encode(ChainRow(11, b"", 11, b""))}
    world.judge = Judge(ledger, PARTITIONS)
    judge_in_batches(world, records[30:], 5)
    links, found = walked(copy_of(world))
    assert [] == found
    assert 1 == sum(link.anew for link in links)


def test_the_golden_log_is_chained(judged_log: Copy) -> None:
    """All of it, and an audit counts the links."""
    links, found = walked(judged_log)
    audit = judged_log.audit(chained=True)
    assert ([], {"proved": len(links)}, 0) == (found, dict(audit.counts["link"]), audit.chained_from)
    at = next(k.offset for k in judged_log.topics[EVIDENCE] if b'"kind":"tick"' in (k.value or b""))
    spoilt = judged_log.spoil(EVIDENCE, lambda kept: [kept_ for kept_ in kept if kept_.offset != at])
    told = {finding[:3] for finding in spoilt.audit(chained=True).findings}
    # another link where the tick was all of its batch: that hangs on how long the log is
    assert told & {("link", how, f"{EVIDENCE}/0/{at}") for how in ("missing", "differs")}
