"""The simulated world keeps to its own assumptions."""

from collections import Counter
from functools import cache

import pytest

from sidestep.streams.screen.address.parse import parse
from sidestep.streams.simulate.assumptions import assumptions, with_dirt
from sidestep.streams.simulate.domains import Takes
from sidestep.streams.simulate.incidents import IncidentKind
from sidestep.streams.simulate.lives import DAY
from sidestep.streams.simulate.mailboxes import TRAPS, MailboxStage, truth
from sidestep.streams.simulate.plan import SimulationPlan, make_plan

SMALL = 0.05


@cache
def plan(seed: int = 1, traps: float = 1.0, lists: float = 1.0) -> SimulationPlan:
    """A small company."""
    return make_plan(with_dirt(assumptions(SMALL), traps=traps, lists=lists), seed)


def trap_mailboxes(traps: float) -> int:
    """Mailboxes that are traps in the end, of a company that is not so small."""
    made = make_plan(with_dirt(assumptions(0.3), traps=traps), 1)
    return sum(truth(mailbox, made.world.time.ends - 1) in TRAPS for mailbox in made.mailboxes)


def test_there_are_traps_of_every_kind() -> None:
    """And they are few: nobody would need protection from a world of traps."""
    made = make_plan(assumptions(0.3), 1)
    found = Counter(truth(wish.mailbox, wish.at) for wish in made.wishes)
    assert set(TRAPS) <= found.keys()
    assert sum(found[kind] for kind in TRAPS) < 0.05 * len(made.wishes)


def test_an_address_is_one_mailbox() -> None:
    """By the providers' own rules, too: the ledger knows one history of it, and so must the world."""
    identities = Counter(parse(mailbox.address).identity for mailbox in plan().mailboxes)
    assert [] == [identity for identity, count in identities.items() if count > 1]


def test_a_recycled_trap_bounces_for_months_before_it_accepts() -> None:
    """But for the few that providers take over straight from an owner who is silent."""
    least = assumptions().lives.conditioned_days[0] * DAY
    straight = 0
    recycled = [mailbox.life for mailbox in plan().mailboxes if mailbox.life[-1][1] is MailboxStage.TRAP]
    assert len(recycled) > 5
    for life in recycled:
        (before, stage), (since, _) = life[-2:]
        if stage is MailboxStage.GONE:
            assert since - before >= least - 1
        else:
            straight += 1
    assert straight < len(recycled) / 2


def test_domains_end_come_back_and_get_other_owners() -> None:
    """What a domain's history can tell is there to be found."""
    stories = [[epoch.takes for epoch in mailbox.domain.epochs] for mailbox in make_plan(assumptions(0.5), 1).mailboxes]
    assert any(story[-2:] == [Takes.NOBODY, Takes.OPERATOR] for story in stories)
    assert any(story[-2:] == [Takes.NOBODY, Takes.PEOPLE] for story in stories)
    assert any(Takes.SILENCE in story for story in stories)


@pytest.mark.parametrize("kind", IncidentKind.__args__)  # type: ignore[attr-defined]  # a Literal has them
def test_an_incident_of_each_kind_happens_in_the_judged_time(kind: str) -> None:
    """With its start and end, and with messages between them."""
    made = plan()
    incident = next(incident for incident in made.incidents if incident.kind == kind)
    assert made.world.time.judged_from < incident.start < incident.end < made.world.time.ends
    met = [
        wish
        for wish in made.wishes
        if incident.start <= wish.at < incident.end and incident.service in ("", wish.service)
    ]
    assert len(met) >= 5


def test_half_the_traps_are_about_half_the_traps() -> None:
    """The sensitivity of the results is to what it says."""
    usual, half = (trap_mailboxes(traps) for traps in (1.0, 0.5))
    assert usual > 100
    assert 0.35 * usual < half < 0.7 * usual


def test_more_of_one_thing_shifts_nothing_else() -> None:
    """Each purpose has a generator of its own: with other traps the calendar is the same, and so are the firms."""
    usual, other = plan(), plan(traps=0.5)
    assert [incident.start for incident in usual.incidents] == [incident.start for incident in other.incidents]
    assert usual.mailboxes[0].address == other.mailboxes[0].address


def test_another_seed_is_another_world() -> None:
    """Whoever tunes on some seeds is judged on others."""
    assert [wish.at for wish in plan(1).wishes[:50]] != [wish.at for wish in plan(2).wishes[:50]]
