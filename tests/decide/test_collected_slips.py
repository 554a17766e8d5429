"""Slips that take mail: collectors of them, told by what came to their servers, and names at which nobody was seen."""

from typing import Any

import pytest

from sidestep.schemas import MxFinding, Verdict
from sidestep.streams.decide.keys import host_key
from sidestep.streams.decide.tables import DOMAIN_RATES
from tests.decide.world import World

DAY = 86_400_000
SINK, OWN = "in1.sink.example", "mx.gmaik.com"
CLASSES = {"near-miss": ("near-miss",), "faint": ("faint-miss",), "misspelled": ("near-miss", "misspelling")}


@pytest.fixture
def world(new_world: type[World]) -> World:
    """By the policy that ships."""
    return watched(new_world)


def watched(new_world: type[World], *off: str) -> World:
    """Of all mail it is reported whether somebody reads it. `off`: rules."""
    text = new_world.policy_text(dict.fromkeys(off, "off"))
    assert "\nengagement = 0.005" in text
    return new_world(text.replace("\nengagement = 0.005", "\nengagement = 0"))


def write(world: World, to: str, exchange: str, classes: tuple[str, ...] = (), **fields: Any) -> Verdict:
    """A message, a day later."""
    world.wait(DAY)
    mx = MxFinding("yes", "mx", world.now // 1000, 300, (exchange,), fields.pop("provider", ""))
    return world.intent(f"{world.now}", to=to, mx=mx, classes=classes, **fields)


def said(verdict: Verdict) -> str:
    """Why the risk has stopped it."""
    return {rule.id: rule.text for rule in verdict.rules or ()}["trap-risk"]


def confirm(world: World, to: str) -> Verdict:
    """The person is asked about a misspelling, and says that it is none."""
    assert "defer" == write(world, to, OWN, CLASSES["misspelled"]).action
    return write(world, to, OWN, CLASSES["misspelled"], consent_at=world.now + DAY)


def collect(world: World, *classes: str, exchange: str = SINK) -> None:
    """To a domain of each class, which comes to the host so; "" is one with a name of its own."""
    for number, name in enumerate(classes):
        write(world, f"jane@d{number}.example", exchange, (name,) if name else ())


@pytest.mark.parametrize("first", ["typo", "near-miss", "faint-miss"])
def test_a_domain_at_a_host_of_slips_is_at_risk(world: World, first: str) -> None:
    """Whatever its name is, and although all of them were stopped or nobody has had three messages."""
    collect(world, first)
    assert "typo" not in (write(world, "jane@any.example", SINK).risk_parts or {})
    collect(world, first, "near-miss")
    verdict = write(world, "jane@other.example", SINK)
    assert ("defer", 0.8) == (verdict.action, (verdict.risk_parts or {})["typo"])
    assert (
        "Of 4 domains at the servers of sink.example 2 are close to a large provider's name, and nobody was ever seen "
        "there." in said(verdict)
    )


@pytest.mark.parametrize(
    ("slips", "others", "people", "bounced", "risky"),
    [(2, 2, 0, 0, True), (2, 3, 0, 0, False), (1, 1, 0, 0, False), (3, 1, 1, 0, True), (3, 1, 2, 0, False),
     (3, 1, 0, 1, False)],
)  # fmt: skip
def test_other_names_and_people_speak_for_the_host(
    new_world: type[World], slips: int, others: int, people: int, bounced: int, risky: bool
) -> None:
    """A hoster has customers with all kinds of names, and they read their mail and leave."""
    world = watched(new_world, "trap-risk")
    collect(world, *["near-miss"] * slips, *[""] * (others - 1))
    for number in range(people):
        world.feedback("opened", to=f"jane@d{number}.example")
    for number in range(bounced):
        world.feedback("bounce", to=f"jane@d{number}.example", hard=True, scope="recipient")
    assert risky == ("typo" in (write(world, "jane@other.example", SINK).risk_parts or {}))


def test_a_domain_is_counted_when_it_comes(world: World) -> None:
    """Once, however many messages go to it, and again where it moves to."""

    def counts(host: str) -> tuple[int, int]:
        row = world.row(DOMAIN_RATES, host_key(host))
        return row.domains, row.slips

    for _ in range(3):
        write(world, "jane@gmaik.example", SINK, CLASSES["near-miss"])
    write(world, "joan@gmaik.example", "in2.sink.example", CLASSES["near-miss"])
    write(world, "jane@own.example", SINK)
    assert (2, 1) == counts("sink.example")
    write(world, "jane@gmaik.example", "mx.other.example", CLASSES["near-miss"])
    assert ((2, 1), (1, 1)) == (counts("sink.example"), counts("other.example"))


def test_providers_that_are_known_collect_nothing(world: World) -> None:
    """Whoever has mail there has nothing in common."""
    for number in range(4):
        write(world, f"jane@d{number}.example", SINK, CLASSES["near-miss"], provider="google")
    assert not world.knows(DOMAIN_RATES, host_key("sink.example"))


@pytest.mark.parametrize(("kind", "passing"), [("misspelled", 0), ("near-miss", 3), ("faint", 10)])
def test_the_fainter_the_likeness_the_longer_the_silence(world: World, kind: str, passing: int) -> None:
    """A known misspelling is asked about at once, a name that is only near when nobody has read three messages."""
    actions = [write(world, "jane@gmaik.com", OWN, CLASSES[kind]) for _ in range(passing + 1)]
    assert [*["send"] * passing, "defer"] == [verdict.action for verdict in actions]
    assert "gmaik.com is close to a large provider's name, and nobody was ever seen there." in said(actions[-1])


@pytest.mark.parametrize("source", ["form", ""])
def test_who_slips_has_consented_at_the_wrong_address(world: World, source: str) -> None:
    """Consent that came with the slip says nothing; the answer of a person who was asked about the address does."""
    slip: dict[str, Any] = {"classes": CLASSES["misspelled"], "source": source}
    first = write(world, "jane@gmaik.com", OWN, consent_at=world.now, **slip)
    again = write(world, "jane@gmaik.com", OWN, consent_at=world.now - DAY, **slip)
    assert ["defer", "defer"] == [first.action, again.action]
    assert "send" == write(world, "jane@gmaik.com", OWN, consent_at=world.now + 1000, **slip).action


@pytest.mark.parametrize("kind", CLASSES)
def test_a_person_who_was_seen_speaks_for_the_name(world: World, kind: str) -> None:
    """One is enough, for all who have mail there."""
    write(world, "jane@gmaik.com", OWN)  # before anybody had noted what its name is close to
    world.feedback("opened", to="jane@gmaik.com")
    sent = [write(world, "joan@gmaik.com", OWN, CLASSES[kind]).action for _ in range(12)]
    assert ["send"] * 12 == sent


def test_a_name_at_a_known_provider_is_somebodys(world: World) -> None:
    """Mailboxes there are paid for."""
    sent = [write(world, "jane@gmaik.com", OWN, CLASSES["misspelled"], provider="ionos").action for _ in range(12)]
    assert ["send"] * 12 == sent


def test_a_signal_that_weighs_nothing_hides_no_other(new_world: type[World]) -> None:
    """Nor does it say anything."""
    text = new_world.policy_text().replace("slip-host = 0.80 ", "slip-host = 0.0 ")
    world = new_world(text)
    collect(world, "near-miss", "near-miss")
    assert "send" == write(world, "jane@any.example", SINK).action
    verdict = write(world, "jane@gmaik.com", SINK, CLASSES["misspelled"])
    assert "gmaik.com is close" in said(verdict)


def test_a_misspelling_that_was_confirmed_is_asked_about_when_it_falls_silent(world: World) -> None:
    """Not at each message: the person has just said that the address is right."""
    mine = CLASSES["misspelled"]
    sent = [confirm(world, "jane@gmaik.com").action]
    world.wait(40 * DAY)
    sent += [write(world, "jane@gmaik.com", OWN, mine).action for _ in range(3)]
    assert ["send", "send", "send", "defer"] == sent


def test_where_one_has_left_there_were_people(world: World) -> None:
    """Who collects slips takes everything."""
    assert "defer" == write(world, "joan@gmaik.com", OWN, CLASSES["misspelled"]).action
    assert "send" == confirm(world, "jane@gmaik.com").action
    world.feedback("bounce", to="jane@gmaik.com", hard=True, scope="recipient")
    assert "send" == write(world, "joan@gmaik.com", OWN, CLASSES["misspelled"]).action
