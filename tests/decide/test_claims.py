"""Who only claims to be a service that somebody can prove has a history of his own: nothing of the service's is shared.

Each attack here worked while histories went by the name alone: it still does where the forger's evidence says nothing
of claims.
"""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidestep.schemas import Evidence, HoldRecord, SourceHoldRecord, Tally, Verdict
from sidestep.schemas.intents import CLAIMED
from sidestep.schemas.tallies import NOTHING_NAMED, Returns
from sidestep.streams.decide.claims import SHARED_SECONDS
from sidestep.streams.decide.keys import service_key, source_key
from sidestep.streams.decide.tables import BOUNCE_HISTORY, SERVICES, SOURCES
from tests.decide.world import GENEROUS, GOOGLE, World

HOUR, DAY = 3_600_000, 86_400_000
OWN: dict[str, Any] = {"proved": "shop-1"}
FORGED: dict[str, Any] = {"claimed": True}
FIGURES = {"messages": 4, "least": 5, "bounce_share": 0.4, "learning_days": 0}
RAMP = 'services = ["shop"]\ncaps = [4, 8]\ngrowth = 2.0\ndays = 4\nused = 0.5\nidle_days = 30\n'


def text(new_world: type[World], service: str = GENEROUS, ramp: bool = False) -> str:
    """A policy whose new sources are metered after four messages, and held for two bounces of five. `service`: its rate
    at a domain; `ramp`: shop sends a provider 4, 8, 16 and 32 messages a day."""
    policy = new_world.policy_text(domain=GENEROUS, service=service)
    for name, figure in FIGURES.items():
        policy, count = re.subn(rf"(?m)^{name} = \S+", f"{name} = {figure}", policy)
        assert count == 1, name
    if not ramp:
        return policy
    head, _, tail = policy.partition("\n[warm-up]")
    return f"{head}\n[warm-up]\n{RAMP}\n# ---{tail.partition('# ---')[2]}"


@pytest.fixture
def world(new_world: type[World]) -> World:
    """By `text`."""
    return new_world(text(new_world))


def send(world: World, label: str, many: int, **fields: Any) -> list[str]:
    """What became of so many messages of shop to mailboxes of their own: send, or the rule that kept one back."""
    verdicts = [
        world.intent(f"{label}{n}", **{"to": f"{label}{n}@example.com", "source": "form"} | fields) for n in range(many)
    ]
    return [verdict.action if verdict.action == "send" else verdict.rules[0].id for verdict in verdicts]


def bounce(world: World, label: str, many: int, **fields: Any) -> None:
    """So many of them come back."""
    for number in range(many):
        world.feedback(
            "bounce", **{"to": f"{label}{number}@example.com", "id": f"{label}{number}", "hard": True,
                         "scope": "recipient", "reason": "userunknown", "service": "shop"} | fields
        )  # fmt: skip


def grown(world: World) -> None:
    """A service that has a form since long, of which nobody asked for proof."""
    send(world, "before", 4)
    world.wait(5 * HOUR)
    assert ["send"] * 10 == send(world, "more", 10)
    world.wait(DAY)


def test_a_forger_gets_no_source_of_the_service_held(world: World) -> None:
    """He sends to dead addresses in its name, from its form. What he is stopped for stops nobody else."""
    grown(world)
    send(world, "own", 1, **OWN)
    assert ["send"] * 30 == send(world, "dead", 30, **FORGED)
    bounce(world, "dead", 30)
    assert ["source-held"] * 3 == send(world, "late", 3, **FORGED)
    assert ["send"] * 5 == send(world, "own-2", 5, **OWN)
    own, claims = (world.row(SOURCES, source_key(name, "form")) for name in ("shop", "shop" + CLAIMED))
    assert (0, 30) == (own.hard_bounces, claims.hard_bounces)
    assert 30 == world.row(SERVICES, f"shop{CLAIMED}@example.com".encode()).hard_bounces
    assert 0 == world.row(SERVICES, b"shop@example.com").hard_bounces


def test_a_forger_uses_up_no_rate(new_world: type[World]) -> None:
    """The policy's limits for the service are his as well, but not the service's room."""
    world = new_world(text(new_world, service="1/min,max_burst=2"))
    assert ["send", "send", "service-limit"] == send(world, "forged", 3, **FORGED)
    assert ["send", "send", "service-limit"] == send(world, "own", 3, **OWN)


def test_a_forger_uses_up_no_day_of_the_warm_up(new_world: type[World]) -> None:
    """Nor does he climb the service's ramp for it, nor along with it."""
    world = new_world(text(new_world, ramp=True))
    for day, cap in enumerate((4, 8, 16)):
        own = send(world, f"own{day}-", 20, **OWN, mx=GOOGLE, source="")
        assert cap == own.count("send")
        world.wait(DAY)
    forged = send(world, "forged", 40, **FORGED, mx=GOOGLE, source="")
    assert 4 == forged.count("send"), "the ramp was climbed by who proved it, so claims begin at its foot"
    assert 32 == send(world, "own", 40, **OWN, mx=GOOGLE, source="").count("send")


def test_what_comes_back_counts_for_whose_message_it_is(world: World) -> None:
    """Whoever reports it, and whether that names the service, is proved, or is a claim itself."""
    send(world, "forged", 4, **FORGED)
    send(world, "own", 4, **OWN)
    bounce(world, "forged", 2, proved="receiver")
    bounce(world, "own", 1, claimed=True)
    bounce(world, "own", 2, service="")
    for event in ("complaint", "opened"):
        world.feedback(event, to="forged3@example.com", id=event, service="shop", proved="receiver")
    own, claims = (world.row(SOURCES, source_key(name, "form")) for name in ("shop", "shop" + CLAIMED))
    assert (2, 0, 0) == (own.hard_bounces, own.complaints, own.engaged)
    assert (2, 1, 1) == (claims.hard_bounces, claims.complaints, claims.engaged)
    engaged = [world.row(SOURCES, service_key(name)).engaged for name in ("shop", "shop" + CLAIMED)]
    assert [0, 1] == engaged
    world.tick()
    counted: dict[str, int] = {}
    for tally in world.tallies():
        counted[tally.service] = counted.get(tally.service, 0) + tally.returns.hard_bounces
    assert {"shop": 2, "shop (claimed)": 2} == counted


def test_what_is_of_no_message_of_ours_is_a_claim_unless_it_is_proved(world: World) -> None:
    """So nobody makes up deliveries for a service that proves what it says."""
    send(world, "own", 1, **OWN)
    for number, how in enumerate((FORGED, {"proved": "receiver"}, {})):
        world.feedback("delivered", to=f"nobody{number}@example.com", id=str(number), service="shop", **how)
    world.tick()
    told = {tally.service: (tally.returns, tally.events) for tally in world.tallies()}
    assert (Returns(delivered=2), {"delivered": 2}) == told["shop"]
    assert (Returns(delivered=1), {"delivered": 1}) == told["shop (claimed)"]


def test_a_mailbox_is_protected_whoever_was_there(world: World) -> None:
    """What people have been through is theirs: bounces and opt-outs of claims stop the service, and the other way."""
    send(world, "a", 1, **FORGED)
    send(world, "b", 1, **OWN)
    for label in ("a", "b"):
        world.feedback("unsubscribed", to=f"{label}0@example.com", id=label, service="shop")
        for number, how in enumerate((OWN, FORGED)):
            given = {"to": f"{label}0@example.com", "stream": "newsletter", **how}
            assert "recipient-unsubscribed" == world.intent(f"{label}-{number}", **given).rules[0].id
    row = world.row(BOUNCE_HISTORY, world.keys.recipient("a0@example.com"))
    assert "shop (claimed)" == row.service


def test_claims_are_a_service_of_their_own_for_watch(world: World) -> None:
    """Messages, tests, and mailboxes that are filled up; verdicts have the service's own name."""
    world.intent("1", **OWN, source="form")
    world.intent("2", to="joe@example.com", **FORGED, source="form")
    world.intent("3", to="joe@example.com", **FORGED, test=True)
    for number in range(9):
        world.intent(f"b{number}", to="bob@example.com", **FORGED)
    world.tick()
    own, claims = world.tallies()
    assert ("shop", 1, 0) == (own.service, own.intents.approved, own.tests.approved)
    assert ("shop (claimed)", 10, 1) == (claims.service, claims.intents.approved, claims.tests.approved)
    assert ({}, 1) == (own.bombed, len(claims.bombed))
    assert {"shop"} == {verdict.service for verdict in world.verdicts()}
    (total,) = world.totals()
    assert 11 == total.intents.approved


def _hold(world: World, service: str, by: str = "", source: str = "", hours: int = 1) -> None:
    until = world.now + hours * HOUR
    given: dict[str, Any] = {"service": service, "until": until, "reason": "test", "at": world.now, "by": by}
    world.append(SourceHoldRecord(**given, source=source) if source else HoldRecord(**given))


@pytest.mark.parametrize("source", ["", "form"])
@pytest.mark.parametrize("by", ["", "watch"])
def test_a_hold_of_claims_holds_nobody_else(world: World, by: str, source: str) -> None:
    """An incident of theirs is theirs; a hold of the service is one of theirs, too."""
    rule = "source-on-hold" if source else "service-on-hold"
    _hold(world, "shop (claimed)", by, source)
    assert [[rule], ["send"]] == [send(world, f"a{n}", 1, **how) for n, how in enumerate((FORGED, OWN))]
    world.wait(2 * HOUR)
    _hold(world, "shop", by, source)
    assert [[rule], [rule]] == [send(world, f"b{n}", 1, **how) for n, how in enumerate((FORGED, OWN))]


def test_of_two_holds_of_claims_a_persons_counts(world: World) -> None:
    """Watch spares who has taken mail lately; where a person has put the service's source on hold nobody is spared."""
    send(world, "known", 1, **FORGED)
    world.feedback("delivered", to="known0@example.com", service="shop")
    _hold(world, "shop (claimed)", "watch", "form", hours=2)
    assert "send" == world.intent("x", to="known0@example.com", source="form", **FORGED).action
    _hold(world, "shop", "", "form")
    assert "source-on-hold" == world.intent("y", to="known0@example.com", source="form", **FORGED).rules[0].id


# -- what claims begin with --------------------------------------------------------------------------------------------


def test_a_service_that_begins_to_sign_is_not_new(world: World) -> None:
    """It has the history by name: its form is known, and the forger who was there first changes nothing about that."""
    grown(world)
    send(world, "forged", 10, **FORGED)
    bounce(world, "forged", 10)
    assert ["send"] * 10 == send(world, "own", 10, **OWN)


def test_who_does_not_sign_yet_is_not_new_either(world: World) -> None:
    """Some instances sign, others don't: those go on with what the name had before, for 30 days."""
    grown(world)
    send(world, "own", 1, **OWN)
    world.wait(SHARED_SECONDS * 1000 - HOUR)
    assert ["send"] * 10 == send(world, "not-yet", 10, **FORGED)
    world.wait(40 * DAY)
    assert ["send"] * 10 == send(world, "not-yet-2", 10, **FORGED), "what they have they keep"


@pytest.mark.parametrize("late", [False, True])
def test_claims_have_no_part_in_what_was_proved(world: World, late: bool) -> None:
    """What began when the service could prove itself, and everything 30 days after that, is the service's own."""
    grown(world)
    source = "form" if late else "new-form"
    send(world, "own", 4, **OWN, source=source)
    world.wait(5 * HOUR)
    assert ["send"] * 20 == send(world, "own-2", 20, **OWN, source=source)
    world.wait(SHARED_SECONDS * 1000 if late else DAY)
    assert ["send"] * 4 + ["source-probation"] == send(world, "forged", 5, **FORGED, source=source)


def test_a_service_that_was_always_proved_shares_nothing(world: World) -> None:
    """There was no time in which its name was anybody's."""
    send(world, "own", 4, **OWN)
    world.wait(5 * HOUR)
    assert ["send"] * 20 == send(world, "own-2", 20, **OWN)
    assert ["send"] * 4 + ["source-probation"] == send(world, "forged", 5, **FORGED)


def test_the_ramp_that_a_name_had_climbed_is_that_of_its_claims(new_world: type[World]) -> None:
    """From there each climbs for itself."""
    world = new_world(text(new_world, ramp=True))
    for cap in (4, 8):
        assert cap == send(world, f"before{cap}-", 20, mx=GOOGLE, source="").count("send")
        world.wait(DAY)
    for label, how in (("not-yet", FORGED), ("own", OWN)):
        assert 16 == send(world, label, 20, **how, mx=GOOGLE, source="").count("send")


def test_evidence_that_says_nothing_of_it_counts_by_name(world: World) -> None:
    """Logs of before, and services that nobody can prove."""
    send(world, "a", 2)
    send(world, "b", 2, **OWN)
    assert 4 == world.row(SOURCES, source_key("shop", "form")).sent
    assert not world.knows(SOURCES, source_key("shop (claimed)", "form"))


# -- whatever a forger does --------------------------------------------------------------------------------------------

honest = st.fixed_dictionaries(
    {
        "id": st.sampled_from("1234"),
        "to": st.sampled_from(["a@x.com", "b@x.com", "a@y.org"]),
        "service": st.sampled_from(["shop", "shop", "bank"]),
        "attempt": st.sampled_from([1, 1, 1, 2, 3]),
        "test": st.sampled_from([False] * 5 + [True]),
        "source": st.sampled_from(["", "form", "import"]),
        "campaign": st.sampled_from(["", "may"]),
    }
)
forged = honest.map(lambda said: said | {"to": f"forged-{said['to']}", "service": "shop", "claimed": True})
events = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["bounce", "complaint", "not-spam", "delivered", "opened", "unsubscribed"]),
        "to": honest.map(lambda said: said["to"]),
        "id": st.sampled_from("12345678"),
        "service": st.sampled_from(["", "shop"]),
        "hard": st.booleans(),
        "scope": st.just("recipient"),
    }
)
made_up_events = events.map(lambda said: said | {"to": f"forged-{said['to']}", "service": "shop", "claimed": True})
held = st.sampled_from(["shop", "shop (claimed)"])
steps = st.sampled_from([0, 0, 0, 1, 20_000, 60_000, HOUR, DAY, 40 * DAY])
logs = st.lists(st.tuples(steps, st.one_of(honest, honest, forged, forged, events, made_up_events, held)), max_size=50)


def _record(world: World, what: dict[str, Any] | str, now: int) -> Evidence:
    if isinstance(what, str):
        return HoldRecord(service=what, until=now + 30_000, reason="test", at=now)
    if "event" in what:
        return world.feedback_record(**what, at=now)
    proved = "shop-1" if what["service"] == "shop" and "claimed" not in what else ""
    # who runs a domain's mail is the same for all
    mx = GOOGLE if what["to"].endswith("x.com") else "yes"
    return world.intent_record(**what, proved=proved, mx=mx, at=now)


def _is_forgers(what: dict[str, Any] | str) -> bool:
    return what == "shop (claimed)" if isinstance(what, str) else "claimed" in what


def _said(verdict: Verdict) -> dict[str, Any]:
    return {name: getattr(verdict, name) for name in verdict.__struct_fields__ if name != "evidence"}


@given(logs)
def test_claims_change_nothing_for_who_proves_his_name(
    new_world: type[World], made_up: list[tuple[int, dict[str, Any] | str]]
) -> None:
    """Whatever a forger sends in a service's name, to mailboxes of his own, and says of them: each verdict on what
    others send is the same, word by word, and so are the service's rows and tallies. What is everybody's, as a domain's
    limit, is left out."""
    policy = text(new_world, "1/min,max_burst=3", ramp=True)
    worlds = new_world(policy), new_world(policy)
    now = new_world.start
    for step, what in made_up:
        now += step
        for world, forger in zip(worlds, (True, False), strict=True):
            if forger or not _is_forgers(what):
                world.append(_record(world, what, now))
    with_forger, alone = worlds
    others = [verdict for verdict in with_forger.verdicts() if not verdict.to.startswith("forged-")]
    assert list(map(_said, alone.verdicts())) == list(map(_said, others))
    for table in ("services", "sources"):
        there, quiet = (world.contents().get(table, {}) for world in worlds)
        assert quiet == {key: row for key, row in there.items() if key in quiet}
    counted = [_counted(tally) for tally in with_forger.tallies() if tally.service != "shop" + CLAIMED]
    quiet_counts = list(map(_counted, alone.tallies()))
    assert quiet_counts == counted[: len(quiet_counts)]


def _counted(tally: Tally) -> Tally:
    """Who runs a domain's mail is known as soon as anybody has written there."""
    return replace(tally, returns_by_provider=NOTHING_NAMED)
