"""Tallies: what is counted, of which second, when they come out, in which partition, and that they stay small."""

import re
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import Breakdown, Outcomes, Tally, TickRecord
from sidestep.schemas.codec import decode
from sidestep.schemas.tallies import TOP
from sidestep.streams.decide.judge import Judge
from sidestep.streams.decide.tables import OPEN_TALLIES
from sidestep.streams.decide.tally_counts import KEPT, OTHER
from sidestep.topics.catalog import TALLIES
from tests.decide.world import GOOGLE, World


def test_what_is_new_is_counted_and_nothing_else(world: World) -> None:
    """Watch puts services on hold by these figures: what comes again must not be in them, and tests stand apart."""
    records = [
        world.intent_record("1", classes=("role", "free"), mx=GOOGLE, source="form", campaign="may", stream="news"),
        world.intent_record("1", classes=("role", "free"), mx=GOOGLE, source="form", campaign="may", stream="news"),
        world.intent_record("2", mx="no", to="x@example.org", source="import"),
        world.intent_record("3", classes=("role",), test=True),
        world.intent_record("4", mx="unknown", to="y@example.org"),
    ]
    world.append(*records)
    world.append(*records)
    world.tick()
    first = Outcomes(1, never_mailed=1, risk=193)
    assert world.tallies() == [
        Tally(
            service="shop",
            partition=0,
            second=world.start // 1000,
            intents=Outcomes(approved=1, dropped=1, deferred=1, never_mailed=1, unknown=1, risk=193),
            classes={"free": 1, "role": 1},
            rules={"dns-unknown": 1, "domain-takes-no-mail": 1, "role-address": 1},
            domains=Breakdown({"example.org": Outcomes(0, 1, 1, unknown=1), "example.com": first}),
            providers=Breakdown({"google": first}),
            sources=Breakdown({"form": first, "import": Outcomes(dropped=1, unknown=1)}),
            campaigns=Breakdown({"may": first}),
            streams=Breakdown({"news": first}),
            signals={"never-mailed": 3, "role-address": 1},
            samples={"never-mailed": ["1"], "unknown": ["2"]},
            tests=Outcomes(approved=1),
        )
    ]


def test_feedback_is_counted_by_event_reason_and_scope(world: World) -> None:
    """Also feedback that names no service: it must not vanish."""
    world.append(
        world.feedback_record("complaint", id="c", service="shop"),
        world.feedback_record("complaint", id="c", service="shop"),
        world.feedback_record("bounce", id="1", service="shop", scope="us", reason="blocked"),
        world.feedback_record("bounce", id="2", service="shop", scope="recipient", reason="userunknown", hard=True),
        world.feedback_record("opened", id="3"),
    )
    world.tick()
    (shops,), (everybodys,) = world.tallies(), world.totals()
    assert ({"opened": 1, "bounce": 2, "complaint": 1}, 1) == (everybodys.events, everybodys.hard_bounces)
    assert ("shop", {"bounce": 2, "complaint": 1}, 1) == (shops.service, shops.events, shops.hard_bounces)
    assert {"blocked": 1, "userunknown": 1} == shops.reasons
    assert {"recipient": 1, "us": 1} == shops.scopes
    assert Outcomes() == shops.intents


def test_a_second_comes_out_when_the_logs_time_leaves_it(world: World) -> None:
    """Not before; what moves the time belongs to the second that begins."""
    world.intent("1")
    world.wait(999)
    world.intent("2")
    assert [] == world.tallies()
    world.wait(1)
    world.intent("3")
    assert [(world.start // 1000, 2)] == [(tally.second, tally.intents.approved) for tally in world.tallies()]
    world.tick()
    assert [2, 1] == [tally.intents.approved for tally in world.tallies()]


def test_a_tick_is_enough_and_says_nothing_else(world: World) -> None:
    """Where traffic has stopped, Screen's tick ends the second; a second one ends nothing."""
    world.intent()
    before = len(world.verdicts())
    world.tick(400)
    assert [] == world.tallies()
    world.tick(600)
    world.tick()
    assert 1 == len(world.tallies())
    assert before == len(world.verdicts())
    assert "open_tallies" not in world.contents()


def test_what_screen_has_refused_stands_in_the_tally_of_all(world: World) -> None:
    """A tick tells of it, and it is counted in its second like anything else; no service is blamed for a forger."""
    world.intent()
    for refused in ({"shop-1/signature-wrong": 5, "/signature-missing": 2}, {"shop-1/signature-wrong": 3}):
        world.append(TickRecord(at=world.now, refused=refused))
    world.tick()
    expected = {"shop-1/signature-wrong": 8, "/signature-missing": 2}
    assert {"": expected, "shop": {}} == {tally.service: tally.refused for tally in world.totals() + world.tallies()}
    world.append(TickRecord(at=world.now, refused={f"key-{number:03}/signature-wrong": 1 for number in range(100)}))
    world.tick()
    told = world.totals()[-1].refused
    assert (KEPT + 1, {"/signature-wrong": 100 - KEPT}) == (
        len(told), {name: times for name, times in told.items() if name.startswith("/")},
    )  # fmt: skip


def test_an_open_second_survives_a_restart(world: World) -> None:
    """The ledger holds it: counted once, whoever ends the second."""
    world.intent("1", source="form")
    world.judge = Judge(world.ledger, 4)
    world.intent("2", source="form")
    world.tick()
    (tally,) = world.tallies()
    assert Breakdown({"form": Outcomes(2, never_mailed=1, risk=50)}) == tally.sources


def test_a_tally_lies_where_its_service_says(world: World) -> None:
    """One Watch worker sees all of a service: murmur2 of the name, as every client would have put it."""
    for number in range(30):
        world.intent(str(number), service=f"service-{number}")
    world.tick()
    where = {key: partition for partition, key in world.ledger.keys_of(TALLIES.name)}
    assert where.pop("") in range(4)
    assert 30 == len(where)
    assert {0, 1, 2, 3} == set(where.values())
    assert 2 == where["service-0"], "as Kafka's own tools compute it"


def test_the_most_frequent_names_come_out_by_name(world: World) -> None:
    """The rest in one sum, so that a tally stays small whatever a service names."""
    records = [
        world.intent_record(f"{source}-{n}", to=f"u{source}x{n}@example.com", source=f"s{source:02}")
        for source in range(30)
        for n in range(2 if source >= 10 else 1)
    ]
    world.append(*records)
    world.tick()
    (tally,) = world.tallies()
    assert {f"s{number:02}" for number in range(10, 30)} == set(tally.sources.named)
    assert TOP == len(tally.sources.named)
    assert Outcomes(10, never_mailed=10, risk=500) == tally.sources.rest
    assert 50 == tally.intents.approved


def test_a_row_of_the_ledger_stays_small(world: World) -> None:
    """However many names a service makes up: the first of a second are told apart, later ones are not."""
    records = [
        world.intent_record(str(n), to=f"u@d{n}.example", source=f"s{n}", campaign=f"c{n}", stream=f"t{n}")
        for n in range(500)
    ]
    reports = [
        world.feedback_record("bounce", id=str(n), service="shop", reason=f"r{n}", scope="us") for n in range(500)
    ]
    world.append(*records, *reports)
    row = world.row(OPEN_TALLIES, b"shop")
    for breakdown in (row.domains, row.sources, row.campaigns, row.streams):
        assert (KEPT, 500 - KEPT) == (len(breakdown.named), breakdown.rest[0])
    assert (KEPT + 1, 500 - KEPT) == (len(row.reasons), row.reasons[OTHER])
    assert len(OPEN_TALLIES.encode(row)) < 10_000


ids = st.integers(0, 200).map(str)
arrivals = st.lists(st.tuples(st.sampled_from([0, 0, 300, 1000, 7000]), st.integers(1, 90)), max_size=8)


@given(arrivals, st.lists(st.integers(0, 400), max_size=5))
def test_tallies_add_up_to_the_verdicts(
    new_world: type[World], arrivals: list[tuple[int, int]], cuts: list[int]
) -> None:
    """However the log is cut: by service and second the same sums, and each breakdown the same total."""
    world = new_world()
    records = []
    for number, (gap, count) in enumerate(arrivals):
        world.wait(gap)
        records += [
            world.intent_record(f"{number}-{n}", to=f"u{n}@d{n}.example", source=f"s{n}", stream="x", at=world.now)
            for n in range(count)
        ]
    edges = sorted({0, len(records), *(cut for cut in cuts if cut < len(records))})
    for first, last in pairwise(edges):
        world.append(*records[first:last])
    world.tick()
    wanted = Counter((int(verdict.decided_at), verdict.action) for verdict in world.verdicts())
    found: Counter[tuple[int, str]] = Counter()
    for tally in world.tallies():
        counts = tally.intents
        found.update(
            {
                (tally.second, "send"): counts.approved,
                (tally.second, "defer"): counts.deferred,
                (tally.second, "drop"): counts.dropped,
            }
        )
        for breakdown in (tally.domains, tally.sources, tally.streams):
            parts = [*breakdown.named.values(), breakdown.rest]
            assert counts.approved == sum(part.approved for part in parts)
            assert counts.never_mailed == sum(part.never_mailed for part in parts)
    assert wanted == +found


GOOGLES, SHOPS = '[limits.mx-provider]\ngoogle = "1/s"', '[limits.service-at-provider]\n{name} = "1/s"'


@pytest.mark.parametrize(
    ("limits", "paced"),
    [
        ("", []),
        (GOOGLES, ["google"]),
        (f"{GOOGLES}\n{SHOPS}".replace("{name}", '"shop@zoho"'), ["google", "zoho"]),
        (SHOPS.replace("{name}", "shop"), ["*"]),
    ],
)
def test_a_policy_that_takes_force_is_told_in_all_partitions(
    new_world: type[World], limits: str, paced: list[str]
) -> None:
    """With the providers whose limits the partitions of the log share; what is written again is told again, since
    whoever begins to watch today reads the tallies of a week."""
    shipped = re.sub(
        r"(?m)^\[limits\.(mx-provider|service-at-provider)\].*\n(?:[ #].*\n)*", "", new_world.policy_text()
    )
    world = new_world(None)
    policy = new_world.policy_record(shipped.replace("\n[warm-up]", f"\n{limits}\n\n[warm-up]", 1))
    world.append(policy)
    told = [decode(Tally, value) for value in world.ledger.outputs[TALLIES.name]]
    wanted = Tally(service="", partition=0, second=world.start // 1000, policy=policy.version, paced=paced)
    wanted.reactions = told[0].reactions
    assert [wanted] * 4 == told
    assert [(number, "") for number in range(4)] == world.ledger.keys_of(TALLIES.name)
    world.append(policy)
    assert 8 == len(world.ledger.outputs[TALLIES.name])
