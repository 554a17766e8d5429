"""Attempts take their turn: whoever raises the number gains nothing by it, and takes nothing from whoever doesn't."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import IntentEvidence, Verdict
from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS
from tests.decide.world import World

WINDOW = DEDUPLICATION_SECONDS * 1000
AHEAD = "email-intents/0/7"


def _rules(verdict: Verdict) -> list[str]:
    return [fired.id for fired in verdict.rules]


def test_an_attempt_beyond_the_next_is_refused_and_changes_nothing(world: World) -> None:
    """The next one is judged, and so is each after it."""
    assert "defer" == world.intent(mx="unknown").action
    verdict = world.intent(mx="yes", attempt=1000)
    assert ("drop", 1000, ["attempt-out-of-turn"]) == (verdict.action, verdict.attempt, _rules(verdict))
    assert "This is attempt 1000" in verdict.rules[0].text
    assert "only attempt 2 can follow" in verdict.rules[0].text
    assert ["defer", "send"] == [world.intent(mx=mx, attempt=n).action for n, mx in ((2, "unknown"), (3, "yes"))]


def test_an_attempt_out_of_turn_is_refused_once(world: World) -> None:
    """Each of them; the record may come again, and so may the service's own repetition."""
    world.intent(mx="unknown")
    for attempt in (3, 9, 5):
        assert ["attempt-out-of-turn"] == _rules(world.intent(attempt=attempt, origin=AHEAD))
    for attempt, origin in ((3, AHEAD), (5, AHEAD), (9, "email-intents/0/8"), (1, AHEAD)):
        assert world.passes_over(attempt=attempt, origin=origin)


def test_what_came_too_early_is_judged_in_its_turn(world: World) -> None:
    """But the very record that was refused then has had its verdict, whenever it is read again."""
    world.intent(mx="unknown")
    assert ["attempt-out-of-turn"] == _rules(world.intent(mx="yes", attempt=3, origin=AHEAD))
    assert "defer" == world.intent(mx="unknown", attempt=2).action
    assert world.passes_over(mx="yes", attempt=3, origin=AHEAD)
    assert "send" == world.intent(mx="yes", attempt=3, origin="email-intents/0/9").action
    assert world.passes_over(mx="yes", attempt=3, origin=AHEAD)


@pytest.mark.parametrize("again", ["email-intents/0/8", "email-intents/1/3", "email-intents.shop/0/8"])
def test_what_repeated_an_early_attempt_is_no_later_one(world: World, again: str) -> None:
    """The record that was passed over may be read once more when the attempt's turn has come: a worker of Screen was
    killed before it committed what it had read. In a partition of its own it is known beside the others."""
    world.intent(mx="unknown")
    assert ["attempt-out-of-turn"] == _rules(world.intent(mx="yes", attempt=3, origin=AHEAD))
    assert world.passes_over(mx="yes", attempt=3, origin=again)
    assert "defer" == world.intent(mx="unknown", attempt=2).action
    assert all(world.passes_over(mx="yes", attempt=3, origin=origin) for origin in (AHEAD, again, AHEAD))
    assert "send" == world.intent(mx="yes", attempt=3, origin="email-intents/0/9").action


def test_what_repeated_an_attempt_out_of_the_row_is_no_later_one(world: World) -> None:
    """The third was judged, as nothing was known of its id, and repeated before the first came."""
    assert "defer" == world.intent(mx="unknown", attempt=3, origin=AHEAD).action
    assert world.passes_over(mx="yes", attempt=3, origin="email-intents/0/8")
    assert ["defer", "defer"] == [world.intent(mx="unknown", attempt=attempt).action for attempt in (1, 2)]
    assert world.passes_over(mx="yes", attempt=3, origin="email-intents/0/8")
    assert "send" == world.intent(mx="yes", attempt=3, origin="email-intents/0/9").action


published = st.tuples(st.sampled_from([1, 2, 3, 3, 4]), st.integers(0, 1), st.sampled_from(["unknown"] * 5 + ["yes"]))
"""Attempt, partition, and what its domain says."""


@given(st.lists(published, min_size=4, max_size=10), st.data())
def test_no_record_has_two_verdicts_however_often_it_is_read(
    new_world: type[World], attempts: list[tuple[int, int, str]], data: st.DataObject
) -> None:
    """Screen is killed anywhere and reads again from anywhere: whatever it has read before changes nothing."""
    read: list[IntentEvidence] = []
    once, often = new_world(), new_world()
    for number, (attempt, partition, mx) in enumerate(attempts):
        record = new_world.intent_record(mx=mx, attempt=attempt, origin=f"email-intents/{partition}/{number}")
        read.append(record)
        verdicts = once.append(record)
        again = read[data.draw(st.integers(0, number + 1), "read again from") :]
        assert _said(verdicts) == _said(often.append(record)), number
        assert not again or [] == often.append(*again), number


def _said(verdicts: list[Verdict]) -> list[object]:
    return [(verdict.attempt, verdict.action, _rules(verdict)) for verdict in verdicts]


@pytest.mark.parametrize("mx", ["unknown", "no"])
def test_whoever_sends_attempt_1000_first_takes_no_verdict_from_the_first(world: World, mx: str) -> None:
    """It was judged, for a deferral may outlive what is known of its id. No verdict comes twice."""
    high = world.intent(mx=mx, attempt=1000, origin=AHEAD)
    assert "attempt-out-of-turn" not in _rules(high)
    assert ("defer", 1) == ((first := world.intent(mx="unknown")).action, first.attempt)
    assert world.passes_over(mx=mx, attempt=1000, origin=AHEAD)
    assert "send" == world.intent(mx="yes", attempt=2).action
    assert all(world.passes_over(attempt=attempt, origin=AHEAD) for attempt in (1, 2, 1000))


def test_what_was_approved_too_early_is_not_sent_twice(world: World) -> None:
    """The first attempt has a verdict all the same, once, and says why."""
    assert "send" == world.intent(attempt=1000, origin=AHEAD).action
    assert ["already-decided"] == _rules(world.intent())
    assert ["already-decided"] == _rules(world.intent(attempt=5))
    assert all(world.passes_over(attempt=attempt) for attempt in (1, 5, 1000))


def test_attempts_of_a_high_beginning_are_known_after_a_lower_one(world: World) -> None:
    """Each has had its verdict: 700 and 701, then 30, then 1."""
    assert ["defer", "defer"] == [world.intent(mx="unknown", attempt=n, origin=AHEAD).action for n in (700, 701)]
    assert "defer" == world.intent(mx="unknown", attempt=30, origin=AHEAD).action
    assert "defer" == world.intent(mx="unknown").action
    assert all(world.passes_over(mx="yes", attempt=attempt, origin=AHEAD) for attempt in (700, 701, 30, 1))
    assert ["attempt-out-of-turn"] == _rules(world.intent(attempt=702))


def test_a_deferral_that_outlives_its_id_goes_on(world: World) -> None:
    """A hold may last for months: the next attempt is judged, and so is the one after it."""
    assert "defer" == world.intent(mx="unknown").action
    world.wait(30 * 86_400_000)
    assert "defer" == world.intent(mx="unknown", attempt=2).action
    world.wait(30 * 86_400_000)
    assert "send" == world.intent(mx="yes", attempt=3).action
    assert world.passes_over(attempt=3)


def test_a_refusal_is_known_after_its_id_is_not(world: World) -> None:
    """The record of an attempt that was refused may be read again in the days after."""
    world.intent(mx="unknown")
    world.wait(WINDOW - 1000)
    assert ["attempt-out-of-turn"] == _rules(world.intent(attempt=3, origin=AHEAD))
    world.wait(3000)
    assert world.passes_over(attempt=3, origin=AHEAD)


def test_an_attempt_under_a_reused_id_takes_no_verdict_from_the_first(world: World) -> None:
    """Of the other content, too."""
    world.intent()
    assert ["id-reused"] == _rules(world.intent(to="john@example.com", attempt=1000))
    assert ["id-reused"] == _rules(world.intent(to="john@example.com"))
    assert all(world.passes_over(to="john@example.com", attempt=attempt) for attempt in (1, 1000))


def test_attempts_in_one_batch_are_as_in_many(new_world: type[World]) -> None:
    """What a batch has not written yet counts all the same."""
    attempts = [5, 1, 3, 2, 5, 4, 3, 1, 2, 3, 7]
    records = [
        new_world.intent_record(mx="unknown", attempt=attempt, origin=f"email-intents/0/{number}", at=new_world.start)
        for number, attempt in enumerate(attempts)
    ]
    together, apart = new_world(), new_world()
    together.append(*records)
    for record in records:
        apart.append(record)
    assert together.values() == apart.values()
    assert together.contents() == apart.contents()
