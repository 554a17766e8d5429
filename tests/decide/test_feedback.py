"""Bounces, complaints and signs of life: whom they mark, that each counts once, and what they do to the risk."""

from typing import Any

import pytest

from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, SERVICES, DomainRow, RecipientRow, ServiceRow
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.tables import Writes
from tests.decide.world import World

DAY = 86_400_000


JANE = World.keys.recipient("jane@example.com")


def _recipient(world: World) -> RecipientRow:
    return world.row(BOUNCE_HISTORY, JANE)


def test_an_event_counts_once_by_its_id(world: World) -> None:
    """Webhooks are delivered twice; in one batch, in two, after a restart."""
    bounce = world.feedback_record("bounce", id="b1", hard=True, scope="recipient", service="shop")
    world.append(bounce, bounce)
    world.append(bounce)
    assert 1 == _recipient(world).hard_bounces
    assert (1, 1) == (
        world.row(DOMAIN_RATES, b"example.com").hard_bounces,
        world.row(SERVICES, b"shop@example.com").hard_bounces,
    )
    world.tick()
    assert 1 == sum(tally.hard_bounces for tally in world.tallies())
    world.feedback("bounce", id="b2", hard=True, scope="recipient")
    assert 2 == _recipient(world).hard_bounces


def test_an_event_is_known_for_eight_days(world: World) -> None:
    """As intents are."""
    for late, count in ((0, 1), (DEDUPLICATION_SECONDS * 1000, 1), (1000, 2)):
        world.wait(late)
        world.feedback("bounce", id="b1", hard=True, scope="recipient")
        assert count == _recipient(world).hard_bounces


@pytest.mark.parametrize("scope", ["us", "message", "domain", "transient"])
@pytest.mark.parametrize("reason", ["suspend", "blocked", ""])
def test_only_what_blames_the_recipient_marks_one(world: World, scope: str, reason: str) -> None:
    """A block of ours says nothing about the address, however hard it is."""
    world.feedback("bounce", hard=True, scope=scope, reason=reason)
    assert not world.knows(BOUNCE_HISTORY, JANE)
    assert "send" == world.intent().action


def test_a_soft_bounce_marks_nobody(world: World) -> None:
    """A full mailbox is full today."""
    world.feedback("bounce", hard=False, scope="recipient", reason="mailboxfull")
    assert not world.knows(BOUNCE_HISTORY, JANE)


def test_a_suspended_account_is_marked_although_its_bounce_is_soft(world: World) -> None:
    """The best sign of a future trap is no hard bounce, and is not counted as one."""
    world.feedback("bounce", hard=False, scope="recipient", reason="suspend")
    row = _recipient(world)
    assert (world.now // 1000, 0, 0) == (row.suspended_at, row.hard_bounced_at, row.hard_bounces)


def test_a_later_success_never_clears_a_bounce(world: World) -> None:
    """That sequence is what a recycled trap looks like."""
    world.feedback("bounce", hard=True, scope="recipient")
    for event in ("delivered", "opened", "clicked", "replied"):
        world.feedback(event)
    assert "recipient-hard-bounce" == world.intent().rules[0].id


def test_not_spam_takes_a_complaint_back(world: World) -> None:
    """RFC 5965: the person pressed the other button."""
    world.feedback("complaint")
    assert "recipient-complaint" == world.intent("1").rules[0].id
    world.feedback("not-spam")
    assert "send" == world.intent("2").action


def test_not_spam_without_a_complaint_changes_nothing(world: World) -> None:
    """Nor does it make a history."""
    world.feedback("not-spam")
    assert not world.knows(BOUNCE_HISTORY, JANE)


def test_a_complaint_after_not_spam_counts_anew(world: World) -> None:
    """The last word holds."""
    for id, event in enumerate(("complaint", "not-spam", "complaint")):
        world.feedback(event, id=str(id))
    assert "recipient-complaint" == world.intent().rules[0].id


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ("delivered", "last_delivered"),
        ("opened", "last_engaged"),
        ("clicked", "last_engaged"),
        ("replied", "last_engaged"),
        ("unsubscribed", "unsubscribed_at"),
        ("complaint", "complained_at"),
    ],
)
def test_events_go_where_they_belong(world: World, event: str, field: str) -> None:
    """Each into its own field, with the time at which it happened, and into no other."""
    world.feedback(event, occurred_at=world.now - DAY)
    row = _recipient(world)
    fields = ("last_delivered", "last_engaged", "unsubscribed_at", "complained_at", "hard_bounced_at", "suspended_at")
    assert {field: (world.now - DAY) // 1000} == {name: getattr(row, name) for name in fields if getattr(row, name)}


@pytest.mark.parametrize(
    ("event", "field", "fields"),
    [
        ("delivered", "last_delivered", {}),
        ("opened", "last_engaged", {}),
        ("unsubscribed", "unsubscribed_at", {}),
        ("complaint", "complained_at", {}),
        ("bounce", "suspended_at", {"scope": "recipient", "reason": "suspend"}),
        ("bounce", "hard_bounced_at", {"scope": "recipient", "hard": True}),
    ],
)
def test_a_report_that_comes_late_does_not_turn_time_back(world: World, event: str, field: str, fields: Any) -> None:
    """The latest event counts, in whatever order they are told."""
    world.feedback(event, id="1", **fields)
    world.feedback(event, id="2", occurred_at=world.now - DAY, **fields)
    assert world.now // 1000 == getattr(_recipient(world), field)


def test_a_report_from_the_future_counts_as_of_now(world: World) -> None:
    """A service's clock may be ahead; a bounce must not outlast its days for that."""
    world.feedback("bounce", hard=True, scope="recipient", occurred_at=world.now + DAY)
    assert world.now // 1000 == _recipient(world).hard_bounced_at


def test_complaints_count_for_the_domain_and_the_service(world: World) -> None:
    """They are what a provider will hold against us."""
    world.feedback("complaint", service="shop")
    assert 1 == world.row(DOMAIN_RATES, b"example.com").complaints
    assert 1 == world.row(SERVICES, b"shop@example.com").complaints


def test_feedback_without_a_service_counts_for_the_domain_alone(world: World) -> None:
    """A provider's report need not say who sent."""
    world.feedback("complaint")
    assert "services" not in world.contents()


def test_sends_and_new_recipients_are_counted(world: World) -> None:
    """Of each service at each domain; a recipient is new until something has been approved."""
    for number, to in enumerate(("jane@example.com", "john@example.com", "jane@example.com", "info@example.org")):
        world.intent(str(number), to=to)
    world.intent("dropped", to="mary@example.com", mx="no")
    service, domain = world.row(SERVICES, b"shop@example.com"), world.row(DOMAIN_RATES, b"example.com")
    assert (3, 2, 3) == (service.sends, service.never_mailed, domain.sends)


def test_shares_are_reckoned_over_a_representative_volume(world: World) -> None:
    """At the ten thousandth send all counts are halved: shares stay, and what is long ago weighs less."""
    writes = Writes()
    writes.of(DOMAIN_RATES)[b"example.com"] = DomainRow(sends=9_998, hard_bounces=41, complaints=11)
    writes.of(SERVICES)[b"shop@example.com"] = ServiceRow(sends=9_998, never_mailed=81, hard_bounces=40, complaints=9)
    world.ledger.commit(Outgoing(), writes, world.ledger.marker)
    world.intent("1")
    assert (9_999, 41) == ((row := world.row(DOMAIN_RATES, b"example.com")).sends, row.hard_bounces)
    world.intent("2")
    row, service = world.row(DOMAIN_RATES, b"example.com"), world.row(SERVICES, b"shop@example.com")
    assert (5_000, 20, 5) == (row.sends, row.hard_bounces, row.complaints)
    assert (5_000, 41, 20, 4) == (service.sends, service.never_mailed, service.hard_bounces, service.complaints)
