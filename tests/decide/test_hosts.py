"""Hosts of mail where nobody was ever seen: how mailboxes come to count, and what is made of them."""

from typing import Any

import pytest

from sidestep.schemas import MxFinding
from sidestep.streams.decide.hosts import EVERYWHERE, SILENT_AFTER, host_of
from sidestep.streams.decide.keys import host_key
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, DomainRow
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.tables import Writes
from tests.decide.world import World

DAY = 86_400_000
SINK = "in1.sink.example"
OFF = ("trap-risk", "recipient-hard-bounce", "recipient-suspended", "recipient-complaint")


@pytest.fixture
def world(new_world: type[World]) -> World:
    """Whatever the risk is, and whatever has happened before, it goes out."""
    return watched(new_world, dict.fromkeys(OFF, "off"))


def watched(new_world: type[World], modes: dict[str, str], silent: int = 40) -> World:
    """Of all mail it is reported whether somebody reads it. `silent`: of a hundred mailboxes elsewhere."""
    text = new_world.policy_text(modes)
    assert "\nengagement = 0.005" in text
    world = new_world(text.replace("\nengagement = 0.005", "\nengagement = 0"))
    crowd(world, silent)
    return world


def crowd(world: World, silent: int = 40, of: int = 100) -> None:
    """So many mailboxes are known elsewhere."""
    writes = Writes()
    writes.of(DOMAIN_RATES)[EVERYWHERE] = DomainRow(
        last_seen=world.now // 1000, silent=silent, alive=of - silent, first_seen=1
    )
    world.ledger.commit(Outgoing(), writes, len(world.log) - 1)


def write(world: World, to: str, times: int = 1, exchange: str = SINK, provider: str = "") -> dict[str, float]:
    """So many messages, a day apart; the parts of the last one's risk."""
    parts: dict[str, float] = {}
    for _ in range(times):
        world.wait(DAY)
        mx = MxFinding("yes", "mx", world.now // 1000, 300, (exchange,), provider)
        parts = dict(world.intent(f"{world.now}", to=to, mx=mx, stream="transactional").risk_parts or {})
    return parts


def counts(world: World, key: bytes) -> tuple[int, int, int]:
    """Mailboxes that are silent, where a person was seen, and that have gone."""
    row: DomainRow = world.row(DOMAIN_RATES, key)
    return row.silent, row.alive, row.gone


def fill(world: World, domains: int = 3, **fields: Any) -> None:
    """A silent mailbox at each of some domains with the same servers."""
    for number in range(domains):
        write(world, f"jane@d{number}.example", SILENT_AFTER, **fields)


@pytest.mark.parametrize(
    ("exchange", "host"),
    [
        ("mx1.mail.example", "mail.example"),
        ("mail.example", "mail.example"),
        ("a.mx.mail.example", "mx.mail.example"),
        ("localhost", "localhost"),
    ],
)
def test_servers_go_by_the_name_that_they_share(exchange: str, host: str) -> None:
    """Without the first label; a name of two is one already."""
    assert host == host_of(exchange)


def test_a_mailbox_is_silent_after_three_messages(world: World) -> None:
    """At its domain, and at the host of its mail."""
    write(world, "jane@d.example", SILENT_AFTER - 1)
    assert (0, 0, 0) == counts(world, b"d.example")
    write(world, "jane@d.example", 5)
    assert (1, 0, 0) == counts(world, b"d.example") == counts(world, host_key("sink.example"))


@pytest.mark.parametrize("event", ["opened", "clicked", "replied", "unsubscribed", "complaint"])
def test_a_person_is_counted_once(world: World, event: str) -> None:
    """And the mailbox is silent no more, until it falls silent again."""
    write(world, "jane@d.example", SILENT_AFTER)
    world.feedback(event, to="jane@d.example", id="1")
    world.feedback(event, to="jane@d.example", id="2")
    assert (0, 1, 0) == counts(world, b"d.example") == counts(world, host_key("sink.example"))
    write(world, "jane@d.example", SILENT_AFTER)
    assert (1, 1, 0) == counts(world, b"d.example")


@pytest.mark.parametrize("fields", [{"hard": True}, {"reason": "suspend"}])
def test_a_mailbox_that_bounces_has_gone(world: World, fields: dict[str, Any]) -> None:
    """Once, however often it bounces, and whatever comes from it afterwards."""
    write(world, "jane@d.example", SILENT_AFTER)
    for id in "12":
        world.wait(DAY)
        world.feedback("bounce", to="jane@d.example", id=id, scope="recipient", **fields)
    assert (0, 0, 1) == counts(world, b"d.example") == counts(world, host_key("sink.example"))
    write(world, "joan@d.example", SILENT_AFTER)
    world.feedback("opened", to="jane@d.example")
    assert (1, 1, 1) == counts(world, b"d.example")


def test_delivered_mail_and_blocks_say_nothing_of_persons(world: World) -> None:
    """Nor does anything about a mailbox that nobody has written to."""
    write(world, "jane@d.example", SILENT_AFTER)
    world.feedback("delivered", to="jane@d.example")
    world.feedback("bounce", to="jane@d.example", hard=True, scope="us")
    world.feedback("opened", to="stranger@d.example")
    assert (1, 0, 0) == counts(world, b"d.example")


@pytest.mark.parametrize("provider", ["google", "parking"])
def test_servers_of_a_known_provider_are_no_host(world: World, provider: str) -> None:
    """Whoever has mail there has nothing in common; the domain counts for itself."""
    write(world, "jane@d.example", SILENT_AFTER, provider=provider)
    assert (1, 0, 0) == counts(world, b"d.example")
    assert not world.knows(DOMAIN_RATES, host_key("sink.example"))


def test_a_domain_with_servers_of_its_own_has_one_row(world: World) -> None:
    """It would say the same twice."""
    write(world, "jane@d.example", SILENT_AFTER, exchange="mail.d.example")
    assert (1, 0, 0) == counts(world, b"d.example")
    assert not world.knows(DOMAIN_RATES, host_key("d.example"))


def test_where_nobody_was_seen_there_may_be_traps(world: World) -> None:
    """A stranger at yet another domain of the same servers is at risk; the others are, too."""
    fill(world, 1)
    assert "host" not in write(world, "joan@other.example")
    write(world, "jane@d1.example", SILENT_AFTER)
    assert 0.8 == write(world, "joan@another.example")["host"]
    assert 0.8 == write(world, "jane@d0.example")["host"]
    assert "host" not in write(world, "joan@elsewhere.example", exchange="mx.elsewhere.example")


def test_a_silent_domain_at_a_large_provider_is_told_by_itself(world: World) -> None:
    """Some operators let others run their mail."""
    for name in ("jane", "joan", "june"):
        assert "host" not in write(world, f"{name}@d.example", SILENT_AFTER, provider="google")
    assert 0.4 == write(world, "jack@d.example", provider="google")["host"]
    assert "host" not in write(world, "jack@e.example", provider="google")
    world.feedback("opened", to="jack@d.example")
    assert "host" not in write(world, "jane@d.example", provider="google")


def test_one_mailbox_that_nobody_reads_for_long_tells_of_its_domain(world: World) -> None:
    """Where somebody would have been seen after so many messages, if anybody was there."""
    assert "host" not in write(world, "jane@d.example", 20, exchange="mx.d.example")
    assert 0.8 == write(world, "jane@d.example", exchange="mx.d.example")["host"]
    assert "host" not in write(world, "joan@d.example", exchange="mx.d.example"), "she has had nothing yet"


@pytest.mark.parametrize("spoken_for", ["person", "bounce", "provider", "host", "silent world"])
def test_what_speaks_for_a_domain_at_which_nobody_reads(new_world: type[World], spoken_for: str) -> None:
    """A person or a farewell there, servers that are known or of living people; and silence that is usual."""
    world = watched(new_world, dict.fromkeys(OFF, "off"), silent=67 if spoken_for == "silent world" else 66)
    provider = "google" if spoken_for == "provider" else ""
    fields: dict[str, Any] = {"exchange": "mx1.hoster.example", "provider": provider}
    if spoken_for in ("person", "bounce"):
        write(world, "joan@d.example", **fields)
    if spoken_for == "person":
        world.feedback("opened", to="joan@d.example")
    if spoken_for == "bounce":
        world.feedback("bounce", to="joan@d.example", hard=True, scope="recipient")
    if spoken_for == "host":
        write(world, "joan@other.example", **fields)
        world.feedback("opened", to="joan@other.example")
    assert "host" not in write(world, "jane@d.example", 21, **fields)


@pytest.mark.parametrize(
    ("silent", "people", "bounced", "risky"),
    [(3, 1, 0, True), (2, 1, 0, False), (3, 0, 1, False), (9, 3, 0, True), (9, 4, 0, False), (1, 0, 0, False)],
)
def test_people_and_those_who_leave_speak_for_a_host(
    world: World, silent: int, people: int, bounced: int, risky: bool
) -> None:
    """One in four may be a robot that opens what a trap gets; a bounce shows that not everything is taken."""
    fill(world, silent)
    for number in range(people):
        write(world, f"p{number}@people.example")
        world.feedback("opened", to=f"p{number}@people.example")
    for number in range(bounced):
        write(world, f"b{number}@people.example")
        world.feedback("bounce", to=f"b{number}@people.example", hard=True, scope="recipient")
    assert risky == ("host" in write(world, "joan@another.example"))


def test_a_domain_that_moves_begins_anew(world: World) -> None:
    """Whoever was seen there before may have gone; the same host under another name is no move."""
    write(world, "jane@d.example", SILENT_AFTER)
    world.feedback("opened", to="jane@d.example")
    write(world, "jane@d.example", exchange="in2.sink.example")
    assert (0, 1, 0) == counts(world, b"d.example")
    write(world, "jane@d.example", exchange="mx.other.example")
    assert (0, 0, 0) == counts(world, b"d.example")
    write(world, "jane@d.example", SILENT_AFTER - 2, exchange="mx.other.example")
    assert (0, 0, 0) == counts(world, b"d.example")
    write(world, "jane@d.example", exchange="mx.other.example")
    assert (1, 0, 0) == counts(world, b"d.example") == counts(world, host_key("other.example"))


def test_a_report_of_mail_from_before_a_move_says_nothing(world: World) -> None:
    """The open of last year's message."""
    write(world, "jane@d.example", SILENT_AFTER)
    before = world.now
    write(world, "jane@d.example", SILENT_AFTER, exchange="mx.other.example")
    world.feedback("opened", to="jane@d.example", occurred_at=before)
    assert (1, 0, 0) == counts(world, b"d.example")


def test_a_sign_of_life_from_before_a_move_does_not_speak_for_the_mailbox(new_world: type[World]) -> None:
    """Nor does consent."""
    world = watched(new_world, {})
    write(world, "info@d.example")
    world.feedback("opened", to="info@d.example")
    mx = MxFinding("yes", "mx", world.now // 1000, 300, (SINK,))

    def risk(id: str, mx: MxFinding) -> float:
        world.wait(DAY)
        return world.intent(id, to="info@d.example", mx=mx, classes=("role",), consent_at=consent).risk

    consent = world.now
    before = risk("1", mx)
    assert before < 0.05 < risk("2", MxFinding("yes", "mx", world.now // 1000, 300, ("mx.other.example",)))


def test_the_verdict_says_what_is_known_of_the_host(new_world: type[World]) -> None:
    """For whoever's mail was stopped."""
    world = watched(new_world, {})
    fill(world)
    mx = MxFinding("yes", "mx", world.now // 1000, 300, (SINK,))
    verdict = world.intent("last", to="joan@another.example", mx=mx)
    said = {rule.id: rule.text for rule in verdict.rules or ()}
    assert ("defer", ["trap-risk"]) == (verdict.action, list(said))
    assert (
        "The servers of sink.example take all mail: 2 mailboxes are silent, none has bounced, and nobody was ever seen "
        "to read any of it." in said["trap-risk"]
    )


def test_where_nobody_reports_engagement_silence_says_nothing(new_world: type[World]) -> None:
    """Of a service of which a hundred messages went out, and nobody was seen to read one; once somebody is, it does."""
    world = new_world(new_world.policy_text(dict.fromkeys(OFF, "off")))
    for number in range(40):
        write(world, f"jane@d{number % 2}.example", SILENT_AFTER)
    assert (0, 0, 0) == counts(world, host_key("sink.example"))
    write(world, "june@people.example", exchange="mx.people.example")
    world.feedback("opened", to="june@people.example", service="shop")
    fill(world, 2)
    assert (2, 0, 0) == counts(world, host_key("sink.example"))
    crowd(world)
    assert 0.8 == write(world, "joan@another.example")["host"]


def test_each_service_is_watched_by_itself(new_world: type[World]) -> None:
    """That somebody reports who reads the shop's mail says nothing about the bank's."""
    world = new_world(new_world.policy_text(dict.fromkeys(OFF, "off")))
    for number in range(110):
        for service in ("shop", "bank"):
            world.wait(DAY)
            world.intent(f"{service}-{number}", to=f"u{number}@people.example", service=service)
        world.feedback("opened", to=f"u{number}@people.example", service="shop", id=str(number))
    for service, many in (("bank", 0), ("shop", SILENT_AFTER)):
        for number in range(SILENT_AFTER):
            world.wait(DAY)
            world.intent(f"{service}-x{number}", to="jane@d.example", service=service)
        assert many == world.row(BOUNCE_HISTORY, world.keys.recipient("jane@d.example")).unseen


@pytest.mark.parametrize(
    ("silent", "mailboxes", "risky"), [(50, 2, True), (60, 2, False), (60, 3, True), (90, 13, False), (90, 14, True)]
)
def test_where_most_are_silent_it_takes_more(new_world: type[World], silent: int, mailboxes: int, risky: bool) -> None:
    """One in four by chance at most: of a hundred mailboxes everywhere so many are silent."""
    world = watched(new_world, dict.fromkeys(OFF, "off"), silent)
    fill(world, mailboxes)
    crowd(world, silent)
    assert risky == ("host" in write(world, "joan@another.example"))


def test_before_enough_is_known_silence_says_nothing(new_world: type[World]) -> None:
    """Of fifty mailboxes it is known how many are silent anywhere."""
    world = watched(new_world, dict.fromkeys(OFF, "off"))
    crowd(world, 20, 40)
    fill(world, 5)
    assert "host" not in write(world, "joan@another.example")
