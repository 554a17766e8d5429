"""What the demo's mailer and services do with verdicts."""

from typing import Any

import pytest

from sidestep.schemas import Bounce
from sidestep.schemas.codec import decode, encode
from sidestep.streams.demo.mailer import BOUNCES, Mailer
from sidestep.streams.demo.model import Fate, traffic
from sidestep.streams.demo.offers import ATTEMPTS, MARGIN, Offers
from sidestep.streams.demo.seen import Seen, decode_key, decode_seen
from sidestep.streams.screen.feedback.reasons import load_reasons

FATES: dict[str, Fate] = {
    "gone@x.example": "gone",
    "off@x.example": "suspended",
    "full@x.example": "full",
    "blocked@x.example": "blocked",
    "angry@x.example": "complains",
    "tired@x.example": "unsubscribes",
}


def approved(to: str, number: int = 1, **fields: Any) -> Seen:
    return Seen(id=f"shop-{number}", to=to, service="shop", action="send", **fields)


def mailer(report_twice: float = 0.0) -> Mailer:
    return Mailer(FATES, traffic().engagement, report_twice, seed=3)


@pytest.mark.parametrize(
    ("to", "scope", "hard"),
    [
        ("gone@x.example", "recipient", True),
        ("off@x.example", "recipient", False),
        ("full@x.example", "transient", False),
        ("blocked@x.example", "us", False),
    ],
)
def test_bounces_mean_what_they_should(to: str, scope: str, hard: bool) -> None:
    """As Screen reads them: a mailbox that is gone is final, a block of ours blames nobody."""
    (bounce,) = mailer().send(approved(to))
    assert isinstance(bounce, Bounce)
    meaning = load_reasons().meaning(decode(Bounce, encode(bounce)))
    assert (scope, hard) == (meaning.scope, meaning.hard)


def test_people_complain_and_opt_out() -> None:
    """Each by a report of its own kind."""
    assert [["complaint"], ["unsubscribed"]] == [
        [report.kind for report in mailer().send(approved(to))] for to in ("angry@x.example", "tired@x.example")
    ]


def test_the_same_message_has_the_same_fate_whenever_it_is_sent() -> None:
    """Reports depend on the message and the seed alone."""
    messages = [approved("ada@x.example", number) for number in range(500)]
    one, other = mailer(0.2), mailer(0.2)
    forward = {m.id: one.send(m) for m in messages}
    assert forward == {m.id: other.send(m) for m in reversed(messages)}
    assert {0, 1, 2} == {len(reports) for reports in forward.values()}


def test_test_messages_are_not_sent() -> None:
    """They leave no trace, so they have no feedback."""
    assert [] == mailer().send(approved("gone@x.example", test=True))


def test_every_fate_is_known_to_the_mailer() -> None:
    """A fate that traffic.toml gives out must lead to something."""
    named = {fate for shares in traffic().fates.values() for fate in shares}
    assert named == {*BOUNCES, "complains", "unsubscribes"}


def deferred(attempt: int, retry_at: float) -> Seen:
    return Seen(id="n-1", to="ada@x.example", service="newsletter", action="defer", attempt=attempt, retry_at=retry_at)


def test_a_deferred_intent_is_offered_again_when_its_time_has_come() -> None:
    """Not before, once, as the next attempt."""
    offers = Offers(traffic().services, 0.0, seed=1)
    offers.answer(deferred(1, 100.0), now=90.0)
    assert [] == offers.due(100.0)
    (again,) = offers.due(100.0 + MARGIN)
    assert ("n-1", "ada@x.example", 2) == (again.id, again.to, again.attempt)
    assert [] == offers.due(1_000.0)


def test_services_give_up() -> None:
    """After ATTEMPTS, and those that do not offer again never begin."""
    offers = Offers(traffic().services, 0.0, seed=1)
    offers.answer(deferred(ATTEMPTS, 100.0), now=90.0)
    offers.answer(Seen(id="s", to="a@x.example", service="survey", action="defer", retry_at=1.0), now=0.0)
    assert 0 == offers.open()


def test_now_and_then_a_service_offers_what_was_approved() -> None:
    """A mistake, whose verdict has to be already-decided."""
    offers = Offers(traffic().services, 1.0, seed=1)
    offers.answer(approved("ada@x.example"), now=5.0)
    assert [2] == [intent.attempt for intent in offers.due(5.0)]
    assert 1 == offers.mistaken


def test_a_verdict_is_decoded_as_far_as_needed() -> None:
    """Key and rules come out of a whole verdict, whatever else is in it."""
    value = (
        b'{"id":"w-1","attempt":2,"to":"ada@gmial.com","service":"sign-up","decision":"rejected","action":"drop",'
        b'"rules":[{"id":"typo-domain","text":"A slip."}],"evidence":{"topic":"e","partition":0,"offset":3},'
        b'"versions":{"policy":"p"},"decided_at":1.5}'
    )
    seen = decode_seen(value)
    assert decode_key(value) == seen.key == ("sign-up", "w-1", 2, "ada@gmial.com")
    assert ["typo-domain"] == [rule.id for rule in seen.rules]
