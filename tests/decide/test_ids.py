"""Who gets a verdict, and how often: repetitions, next attempts, ids used twice, the window in which an id is known."""

from typing import Any

import pytest

from sidestep.schemas import Verdict
from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS
from sidestep.streams.decide.tables import DOMAIN_RATES
from tests.decide.world import World

WINDOW = DEDUPLICATION_SECONDS * 1000


def _rules(verdict: Verdict) -> list[str]:
    return [fired.id for fired in verdict.rules]


def test_a_known_id_is_passed_over_in_silence(world: World) -> None:
    """Its verdict stands already: no second one, and nothing is counted twice."""
    assert "send" == world.intent().action
    assert world.passes_over()
    assert [] == world.append(world.intent_record(), world.intent_record())
    assert 1 == world.row(DOMAIN_RATES, b"example.com").sends


def test_the_same_id_of_another_service_is_another_intent(world: World) -> None:
    """Ids are unique within their service only."""
    assert "send" == world.intent(service="shop").action
    assert "send" == world.intent(service="bank").action


def test_a_deferred_intent_is_judged_anew_with_its_next_attempt(world: World) -> None:
    """And each attempt has one verdict."""
    assert "defer" == world.intent(mx="unknown").action
    assert world.passes_over(mx="yes")
    assert ("send", 2) == ((verdict := world.intent(mx="yes", attempt=2)).action, verdict.attempt)
    assert world.passes_over(mx="yes", attempt=2)
    assert world.passes_over(mx="yes")


def test_an_attempt_after_approval_is_refused_once(world: World) -> None:
    """It would be a second message; each of them has its one refusal."""
    world.intent()
    verdict = world.intent(attempt=2)
    assert ("drop", ["already-decided"]) == (verdict.action, _rules(verdict))
    assert world.passes_over(attempt=2)
    assert ["already-decided"] == _rules(world.intent(attempt=5))
    assert ["already-decided"] == _rules(world.intent(attempt=3))
    assert all(world.passes_over(attempt=attempt) for attempt in (1, 2, 3, 5))


def test_an_id_is_known_for_as_long_as_somebody_offers_it(world: World) -> None:
    """A service that never stops is refused for ever, not sent a second message after eight days."""
    world.intent()
    for attempt in range(2, 5):
        world.wait(WINDOW)
        assert ["already-decided"] == _rules(world.intent(attempt=attempt))


def test_an_attempt_after_a_drop_is_refused(world: World) -> None:
    """Dropped for good means for good, even if the domain takes mail by now."""
    assert "drop" == world.intent(mx="no").action
    assert ["already-decided"] == _rules(world.intent(mx="yes", attempt=2))


def test_an_id_used_for_another_recipient_is_refused_once(world: World) -> None:
    """Silence would lose a message; the first one's verdict stands."""
    world.intent()
    verdict = world.intent(to="john@example.com")
    assert ("drop", ["id-reused"], "john@example.com") == (verdict.action, _rules(verdict), verdict.to)
    assert world.passes_over(to="john@example.com")
    assert world.passes_over()
    assert ["id-reused"] == _rules(world.intent(to="mary@example.com"))


def test_an_id_used_for_another_stream_is_refused(world: World) -> None:
    """A newsletter under the id of a password reset is another message."""
    world.intent(stream="transactional")
    assert ["id-reused"] == _rules(world.intent(stream="newsletter"))


def test_an_id_used_twice_in_one_batch_is_refused_once(world: World) -> None:
    """What a batch has not written yet counts all the same."""
    first, second = world.intent_record(), world.intent_record(to="john@example.com")
    verdicts = world.append(first, second, first, second)
    assert [[], ["id-reused"]] == [_rules(verdict) for verdict in verdicts]


def test_the_next_attempt_under_a_reused_id_is_refused_again(world: World) -> None:
    """It stays a fault of the service, and gets its one verdict."""
    world.intent()
    world.intent(to="john@example.com")
    assert ["id-reused"] == _rules(world.intent(to="john@example.com", attempt=2))
    assert world.passes_over(to="john@example.com", attempt=2)


def test_an_id_used_at_another_domain_is_refused_on_screens_word(world: World) -> None:
    """Decide never meets the two together: Screen's hint is what tells."""
    assert ["id-reused"] == _rules(world.intent(reused=True))
    assert world.passes_over(reused=True)


def test_what_was_refused_on_screens_word_stays_refused_without_it(world: World) -> None:
    """Screen forgets at a restart and writes the intent again without the hint: no second, contrary verdict."""
    assert ["id-reused"] == _rules(world.intent(reused=True))
    assert world.passes_over(reused=False)


def test_what_was_judged_without_screens_word_is_not_judged_again_with_it(world: World) -> None:
    """The other way round: the first verdict stands."""
    assert "send" == world.intent(reused=False).action
    assert world.passes_over(reused=True)


def test_an_id_is_known_for_eight_days(world: World) -> None:
    """To the second; afterwards it may be used again."""
    world.intent()
    world.wait(WINDOW)
    assert world.passes_over()
    world.wait(1000)
    assert "send" == world.intent().action


def test_a_refusal_is_known_for_eight_days_of_its_own(world: World) -> None:
    """Although the id it rests on is forgotten sooner."""
    world.intent()
    world.wait(WINDOW - 1000)
    assert ["id-reused"] == _rules(world.intent(to="john@example.com"))
    world.wait(3000)
    assert world.passes_over(to="john@example.com")


def test_verdicts_carry_what_the_service_gave(world: World) -> None:
    """The verdict answers an intent, and says where it stands in the log and what it was judged with."""
    given: dict[str, Any] = {
        "stream": "s",
        "campaign": "c",
        "source": "form",
        "metadata": {"n": [1, None]},
        "attempt": 3,
    }
    verdict = world.intent(**given)
    assert given == {name: getattr(verdict, name) for name in given}
    assert ("email-evidence", 0, 1) == (verdict.evidence.topic, verdict.evidence.partition, verdict.evidence.offset)
    assert world.policy_record().version == verdict.versions.policy
    assert world.now / 1000 == verdict.decided_at


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"to": "joe@example.com"}, "with another recipient. Ids must be unique."),
        ({"stream": "x", "campaign": "y"}, "with another stream and campaign."),
        ({"source": "x", "metadata": {"n": 2}}, "with another source and metadata."),
        ({"metadata": {"n": 2}}, "with other metadata."),
        ({"metadata": None}, "with other metadata."),
        ({"content_key": b"other content here"[:16]}, "for another recipient, stream, campaign, source or other meta"),
    ],
)
def test_an_id_that_is_used_twice_is_told_with_what_differs(world: World, fields: dict[str, Any], said: str) -> None:
    """As far as the ledger knows: the last one is of two that differ in nothing that has an octet of its own."""
    world.intent("1", metadata={"n": 1})
    verdict = world.intent("1", **{"metadata": {"n": 1}} | fields)
    assert ["id-reused"] == _rules(verdict)
    assert said in verdict.rules[0].text


def test_an_id_that_screen_has_seen_elsewhere_is_told_likewise(world: World) -> None:
    """The evidence has what tells the parts of the other one."""
    other = world.keys.parts("joe@example.org", "news")
    verdict = world.intent("1", reused=True, reused_parts=other)
    assert "with another recipient and stream." in verdict.rules[0].text
    assert "for another recipient, stream" in world.intent("2", reused=True).rules[0].text


def test_the_same_id_as_a_test_and_for_real_is_two(world: World) -> None:
    """Neither is a reuse of the other, whatever differs besides."""
    assert "send" == world.intent("1", test=True).action
    assert "send" == world.intent("1").action
    assert "send" == world.intent("2").action
    assert "send" == world.intent("2", test=True, stream="x").action
