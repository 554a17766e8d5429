"""Test intents: judged by the same rules, at a rate of their own, without a trace; no window on other histories."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from sidestep.schemas import MxFinding, Outcomes, Verdict
from sidestep.streams.decide.tables import BOUNCE_HISTORY, SERVICES, RecipientRow
from tests.decide.world import World

DAY = 86_400_000
MARKS: dict[str, dict[str, Any]] = {
    "recipient-complaint": {"event": "complaint"},
    "recipient-hard-bounce": {"event": "bounce", "hard": True, "scope": "recipient", "reason": "userunknown"},
    "recipient-suspended": {"event": "bounce", "scope": "recipient", "reason": "suspend"},
    "recipient-unsubscribed": {"event": "unsubscribed"},
}
"""What is fed back, by the rule that stops an intent for it."""


def _rules(verdict: Verdict) -> list[str]:
    return [fired.id for fired in verdict.rules]


def _told(verdict: Verdict) -> tuple[Any, ...]:
    """All that a test could learn from."""
    return verdict.action, verdict.rules, verdict.risk, verdict.risk_parts, verdict.valid_since, verdict.suggestion


def _ask(world: World, id: str = "t", **fields: Any) -> Verdict:
    return world.intent(id, **{"test": True, "stream": "newsletter"} | fields)


def _mark(world: World, rule: str, **fields: Any) -> None:
    world.feedback(**MARKS[rule] | {"id": rule} | fields)


def test_test_intents_leave_no_trace(new_world: type[World]) -> None:
    """Rates, rows, sources and what Watch counts are as if they had never been; their ids and their rate stay."""
    asked, quiet = (new_world(new_world.policy_text(domain="1/hour", service="1/hour")) for _ in range(2))
    mx = MxFinding("yes", "mx", 1, 300, ("mx.host.example",))
    for number in range(3):
        assert "send" == _ask(asked, f"t{number}", source="form", campaign="may", mx=mx).action
    gone = _ask(asked, "gone", mx="no", to="x@example.org")
    assert ("drop", True) == (gone.action, gone.test)
    _ask(asked, "held", mx="unknown", to="y@example.org")
    for world in (asked, quiet):
        verdict = world.intent("real", source="form", mx=mx)
        assert ("send", 0.05) == (verdict.action, verdict.risk), "never mailed: the tests were no mail"
        assert "defer" == world.intent("real-2", mx=mx).action
        world.tick()
    left, there = asked.contents(), quiet.contents()
    assert left["services"].pop(b64encode(b"shop@test:").decode())
    assert 5 == len(left.pop("ids")) - len(there.pop("ids"))
    assert there == left


def test_tests_are_counted_apart(world: World) -> None:
    """By what became of them; of each service, and of all. Watch knows nothing of them."""
    for number, mx in enumerate(("yes", "yes", "no", "unknown")):
        _ask(world, str(number), mx=mx)
    _ask(world, "5", service="bank")
    world.tick()
    assert [("bank", Outcomes(1)), ("shop", Outcomes(2, 1, 1))] == [
        (each.service, each.tests) for each in world.tallies()
    ]
    (total,) = world.totals()
    assert (Outcomes(3, 1, 1), Outcomes(), {}) == (total.tests, total.intents, total.rules)


def test_tests_have_a_rate_of_their_own(new_world: type[World]) -> None:
    """Apart from that of messages, of other services, and of those that are proved; beyond it they are deferred."""
    world = new_world(new_world.policy_text(tests="2/min,max_burst=2", domain="1/hour"))
    assert ["send", "send"] == [_ask(world, str(number)).action for number in range(2)]
    late = _ask(world, "2")
    assert ("defer", ["test-limit"], world.now / 1000 + 30) == (late.action, _rules(late), late.retry_at)
    assert "shop has sent its 2/min,max_burst=2 of test intents already" in late.rules[0].text
    assert late.retry_at == _ask(world, "3").retry_at, "nobody pushes the next slot away"
    assert "send" == world.intent("real").action
    assert "send" == _ask(world, "4", service="bank").action
    assert "send" == _ask(world, "5", proved="shop-1").action
    world.wait(30_000)
    assert "send" == _ask(world, "2", attempt=2).action


def test_what_is_beyond_the_rate_tells_nothing(new_world: type[World]) -> None:
    """Neither of the service's own histories, nor what they weigh. A hold is no secret of anybody else's."""
    world = new_world(new_world.policy_text(tests="1/min"))
    world.intent("real")
    _mark(world, "recipient-complaint")
    _ask(world, "1", to="joe@example.org")
    late = _ask(world, "2")
    assert (["test-limit"], 0.0, {}) == (_rules(late), late.risk, late.risk_parts)
    world.hold("shop", world.now + DAY)
    assert ["service-on-hold"] == _rules(_ask(world, "3"))


def test_a_rate_that_is_off_or_was_slower_holds_nobody_back(new_world: type[World]) -> None:
    """An old policy has none; after a change nobody waits for longer than the new one can ask for."""
    world = new_world(new_world.policy_text(tests="1/day"))
    _ask(world, "1")
    world.append(world.policy_record(new_world.policy_text(tests="1/min"), world.now))
    assert world.now / 1000 + 60 == _ask(world, "2").retry_at
    world.append(world.policy_record(new_world.policy_text({"test-limit": "off"}, tests="1/min"), world.now))
    assert "send" == _ask(world, "3").action


@pytest.mark.parametrize("rule", MARKS)
def test_tests_tell_of_their_own_services_history(world: World, rule: str) -> None:
    """What a real message would meet: that is what they are for."""
    world.intent("real")
    _mark(world, rule)
    test = _ask(world)
    assert ("drop", [rule]) == (test.action, _rules(test))
    assert _told(world.intent("real-2", stream="newsletter")) == _told(test)


def _others_history(world: World, rule: str) -> None:
    world.intent("real", service="shop", source="import-2017")
    world.feedback("opened", service="shop")
    _mark(world, rule)


def _after_the_others(world: World, rule: str) -> None:
    _others_history(world, rule)
    world.append(world.policy_record(world.policy_text({rule: "off"}), world.now))
    world.intent("mine", service="snoop")
    world.append(world.policy_record(world.policy_text(), world.now))


def _before_the_others(world: World, rule: str) -> None:
    world.intent("mine", service="snoop")
    _others_history(world, rule)


def _around_the_others(world: World, rule: str) -> None:
    world.intent("mine", service="snoop")
    world.intent("real", service="shop")
    world.intent("mine-2", service="snoop")
    _mark(world, rule)


def _named_by_feedback(world: World, rule: str) -> None:
    world.intent("mine", service="snoop")
    _mark(world, rule, service="shop")


def _marked_before(world: World, rule: str) -> None:
    _mark(world, rule)
    world.append(world.policy_record(world.policy_text({rule: "off"}), world.now))
    world.intent("mine", service="snoop")
    world.append(world.policy_record(world.policy_text(), world.now))


@pytest.mark.parametrize("rule", MARKS)
@pytest.mark.parametrize(
    "happens",
    [_others_history, _after_the_others, _before_the_others, _around_the_others, _named_by_feedback, _marked_before],
)
def test_tests_tell_nothing_of_others_histories(
    new_world: type[World], happens: Callable[[World, str], None], rule: str
) -> None:
    """Octet by octet what they say of a stranger: neither rules, sentences, risk nor its parts. Not where the asker has
    written there, too."""
    world, empty = new_world(), new_world()
    happens(world, rule)
    for fields in ({}, {"consent_at": world.now}, {"classes": ("near-miss", "misspelling")}, {"mx": "unknown"}):
        id = str(fields)
        assert _told(_ask(empty, id, service="snoop", **fields)) == _told(_ask(world, id, service="snoop", **fields))
    world.wait(800 * DAY)
    assert _told(_ask(empty, "later", service="snoop")) == _told(_ask(world, "later", service="snoop"))


def test_what_domains_and_hosts_have_come_to_stays_out_of_tests(new_world: type[World]) -> None:
    """That a domain came back, or is silent, is known from others' messages. What is seen of it now is told."""
    world, empty = new_world(), new_world()
    world.intent("1", to="joe@example.com", mx="no", service="bank")
    world.wait(30 * DAY)
    back = world.intent("2", to="joe@example.com", service="bank")
    assert "domain-came-back" in _rules(back)
    assert _told(_ask(empty)) == _told(_ask(world))
    assert ["domain-takes-no-mail"] == _rules(_ask(world, "3", mx="no"))


def test_whose_messages_were_proved_is_told_to_the_proved_alone(world: World) -> None:
    """Who only claims to be a service learns what happened to claims; the service itself learns both."""
    world.intent("claimed")
    world.intent("proved", proved="shop-1", to="joe@example.com")
    for to in ("jane@example.com", "joe@example.com"):
        _mark(world, "recipient-complaint", to=to, event_key=world.keys.event(to))
    asked = [(to, proved) for to in ("jane@example.com", "joe@example.com") for proved in ("", "shop-1")]
    rules = [_rules(_ask(world, f"{to} {proved}", to=to, proved=proved)) for to, proved in asked]
    assert [["recipient-complaint"], ["recipient-complaint"], [], ["recipient-complaint"]] == rules
    world.intent("claimed-2", to="joe@example.com", consent_at=world.now)
    assert [] == _rules(_ask(world, "once more", to="joe@example.com"))


def test_rows_of_before_say_nothing_to_tests(world: World) -> None:
    """Nobody has noted then who else had to do with a mailbox."""
    world.intent("real")
    _mark(world, "recipient-complaint")
    stored = world.ledger.stored[BOUNCE_HISTORY.name]
    (key,) = stored
    alone = RecipientRow.__struct_fields__.index("alone")
    stored[key] = msgspec.msgpack.encode(msgspec.msgpack.decode(stored[key])[:alone])
    assert [] == _rules(_ask(world))


def test_what_operators_say_is_told(world: World) -> None:
    """It is meant for all services. Who has brought a trap is not: nor that it is one, which somebody's message hit."""
    world.intent("real", service="bank", source="import-2017")
    world.trap("jane@example.com", hit_at=world.now)
    assert [] == _rules(_ask(world, "1"))
    assert ["known-trap"] == _rules(_ask(world, "2", service="bank"))
    world.suppress("jane@example.com")
    assert ["suppressed"] == _rules(_ask(world, "3"))
    world.trap("example.org")
    assert ["known-trap"] == _rules(_ask(world, "4", to="x@example.org"))
    assert not world.knows(SERVICES, b"shop@example.org")
