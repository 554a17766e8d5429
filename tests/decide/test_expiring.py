"""Intents that say until when they are worth sending."""

from typing import Any

import pytest

from sidestep.schemas import MxFinding
from tests.decide.world import World

HOUR = 3_600_000
HOSTED = MxFinding("yes", "mx", provider="google")


def rules(world: World, id: str, **fields: Any) -> list[str]:
    """The rules that the verdict on an intent names."""
    return [fired.id for fired in world.intent(id, **fields).rules]


def test_what_has_expired_is_never_sent(world: World) -> None:
    """From its second on, by log time, whatever the intent's own stamp says; and its id has had its answer."""
    ends = world.now + HOUR
    assert [] == rules(world, "1", expires_at=ends)
    world.wait(HOUR - 1000)
    assert [] == rules(world, "2", expires_at=ends)
    world.wait(1000)
    assert ["expired"] == rules(world, "3", expires_at=ends)
    assert ["already-decided"] == rules(world, "3", expires_at=ends, attempt=2)


def test_an_intent_that_is_stamped_early_is_judged_by_the_log(world: World) -> None:
    """A worker whose clock is behind sends nothing late."""
    world.wait(HOUR)
    assert ["expired"] == rules(world, "1", at=world.now - 2 * HOUR, expires_at=world.now - HOUR)


def test_what_would_have_to_wait_too_long_is_dropped_at_once(world: World) -> None:
    """With what it would have waited for, and until when; what can wait long enough waits."""
    verdict = world.intent("1", mx="unknown", expires_at=world.now + 300_000)
    assert ("drop", None, ["expired", "dns-unknown"]) == (
        verdict.action,
        verdict.retry_at,
        [fired.id for fired in verdict.rules],
    )
    assert "could go out on 15 January 2027, 08:05 UTC at the earliest (dns-unknown)" in verdict.rules[0].text
    assert ["dns-unknown"] == rules(world, "2", mx="unknown", expires_at=world.now + 301_000)


def test_a_hold_keeps_no_message_past_its_time(world: World) -> None:
    """One that ends in time keeps it no longer than it may be kept."""
    world.hold("shop", world.now + HOUR)
    assert ["expired", "service-on-hold"] == rules(world, "1", expires_at=world.now + HOUR)
    for number in range(20):
        retry_at = world.intent(f"n{number}", expires_at=world.now + HOUR + 5000).retry_at
        assert retry_at is not None
        assert HOUR <= retry_at * 1000 - world.now < HOUR + 5000


@pytest.mark.parametrize("limits", [{"domain": "1/min"}, {"service": "1/min"}, {"provider": "1/min"}])
def test_what_is_dropped_takes_no_slot(new_world: type[World], limits: dict[str, str]) -> None:
    """A thousand codes that come too late make nobody wait longer."""
    world = new_world(new_world.policy_text(**limits))
    hosted: dict[str, Any] = {"mx": HOSTED} if "provider" in limits else {}
    world.intent("first", **hosted)
    for number in range(10):
        assert "expired" == rules(world, f"code-{number}", expires_at=world.now + 30_000, **hosted)[0]
    assert (world.now + 60_000) / 1000 == world.intent("other", **hosted).retry_at


def test_a_test_says_what_the_real_one_would_meet(world: World) -> None:
    """Tests wait for their own rate only, and expire as well."""
    assert ["expired", "dns-unknown"] == rules(world, "1", test=True, mx="unknown", expires_at=world.now + 1000)


@pytest.mark.parametrize(("mode", "named"), [("flag", ["expired"]), ("off", [])])
def test_a_policy_may_send_late(new_world: type[World], mode: str, named: list[str]) -> None:
    """Then what waits may wait for longer, too."""
    world = new_world(new_world.policy_text({"expired": mode}))
    verdict = world.intent("1", expires_at=world.now - 1000)
    assert ("send", named) == (verdict.action, [fired.id for fired in verdict.rules])
    assert "defer" == world.intent("2", mx="unknown", expires_at=world.now + 1000).action


def test_what_waits_for_the_end_of_a_hold_comes_back_spread_out(world: World) -> None:
    """Over an hour as it ships, or as long as the hold had still to last; the same intent at the same time."""
    for kept, room in ((2 * HOUR, HOUR), (600_000, 600_000)):
        until = world.now + kept
        world.hold("shop", until)
        found = [world.intent(f"{kept}-{number}").retry_at or 0.0 for number in range(200)]
        late = sorted(moment * 1000 - until for moment in found)
        assert 0 <= late[0] < room / 10
        assert room * 0.9 < late[-1] < room
        assert len(set(late)) > 190
