"""Control records, the clock, the domains' life stories, and records that are no evidence."""

from typing import Any

import pytest

from sidestep.schemas import Evidence, HoldRecord, ListsRecord, ModelRecord, Reaction, SourceHoldRecord, Tally
from sidestep.schemas.codec import decode
from sidestep.streams.decide.judge import Judge
from sidestep.streams.decide.policy_text import version_of
from sidestep.streams.decide.tables import CLOCK, DOMAIN_RATES
from sidestep.streams.errors import NoPolicy
from sidestep.topics.catalog import TALLIES
from tests.decide.world import World

DAY = 86_400_000


def test_the_policy_switches_at_exactly_its_offset(new_world: type[World]) -> None:
    """In the middle of a batch: what stands before it is judged by the old one, what follows by the new one."""
    world = new_world()
    lax, strict = world.policy_text({"role-address": "off"}), world.policy_text({"role-address": "reject"})
    records: list[Evidence] = []
    for number, text in enumerate((lax, strict, lax)):
        records.append(world.policy_record(text))
        records += [world.intent_record(f"{number}{i}", classes=("role",)) for i in range(3)]
    verdicts = world.append(*records)
    assert ["send"] * 3 + ["drop"] * 3 + ["send"] * 3 == [verdict.action for verdict in verdicts]
    versions = [version_of(text) for text in (lax, strict, lax) for _ in range(3)]
    assert versions == [verdict.versions.policy for verdict in verdicts]


def test_controls_survive_a_restart(world: World) -> None:
    """Policy, lists, model, holds and clock stand in the ledger."""
    world.append(ListsRecord(version="l1", lists={}, at=world.now), ModelRecord(version="m1", at=world.now + 5000))
    world.hold("shop", world.now + DAY)
    world.judge = Judge(world.ledger, 4)
    verdict = world.intent()
    assert ("service-on-hold", "l1", "m1") == (verdict.rules[0].id, verdict.versions.lists, verdict.versions.model)
    assert (world.now + 5000) / 1000 == verdict.decided_at
    assert world.policy_record().version == world.judge.policy_version == verdict.versions.policy


def test_a_control_record_in_force_is_passed_over(world: World) -> None:
    """Screen writes them again now and then; the ledger does not change for that."""
    before = world.contents()["control"]
    world.append(world.policy_record())
    assert before == world.contents()["control"]


def test_an_intent_before_any_policy_stops_the_partition(new_world: type[World]) -> None:
    """It must not be judged by a policy that does not stand in the log."""
    world = new_world(None)
    with pytest.raises(NoPolicy, match="email-evidence/0@0"):
        world.append(world.intent_record())
    assert -1 == world.ledger.marker


def test_feedback_before_any_policy_counts(new_world: type[World]) -> None:
    """It needs none."""
    world = new_world(None)
    world.feedback("bounce", hard=True, scope="recipient")
    world.append(world.policy_record())
    assert "drop" == world.intent().action


def test_the_clock_is_the_greatest_stamp_seen(world: World) -> None:
    """Screen's hosts differ by a few milliseconds: time never goes back."""
    first = world.intent("1", at=world.start + 9000)
    second = world.intent("2", at=world.start + 1000)
    assert first.decided_at == second.decided_at == (world.start + 9000) / 1000
    assert world.start + 9000 == world.row(CLOCK, b"clock").at_ms


def test_a_feedbacks_stamp_moves_the_clock_too(world: World) -> None:
    """Every record of the log does."""
    world.feedback("opened", at=world.start + 7000)
    assert (world.start + 7000) / 1000 == world.intent().decided_at


def test_a_domain_that_was_dark_and_came_back_is_remembered(world: World) -> None:
    """NXDOMAIN, then an MX: what recycled trap domains do. From then on the risk says so."""
    assert "drop" == world.intent("1", mx="no").action
    dark = world.now // 1000
    assert (dark, 0) == _story(world)
    world.wait(DAY)
    world.intent("2", mx="no")
    assert (dark, 0) == _story(world), "dark since it was first seen so"
    world.wait(DAY)
    world.intent("3", mx="unknown")
    assert (dark, 0) == _story(world), "no answer says nothing"
    assert 0.335 == world.intent("4", mx="yes").risk
    assert (0, world.now // 1000) == _story(world)
    back = world.now // 1000
    world.wait(DAY)
    world.intent("5", mx="no")
    assert (world.now // 1000, back) == _story(world)


def test_a_domain_that_never_was_dark_has_no_story(world: World) -> None:
    """Nothing came back."""
    world.intent("1")
    assert (0, 0) == _story(world)


def _story(world: World) -> tuple[int, int]:
    row = world.row(DOMAIN_RATES, b"example.com")
    return row.dark_since, row.back_at


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"kind":"x"}', b'{"kind":"intent"}', None, b"\xff", b"[" * 9000])
def test_what_is_no_evidence_becomes_a_dead_letter(world: World, value: bytes | None) -> None:
    """Only Screen writes to the log, but one odd record must not stop a partition; its neighbours are judged."""
    verdicts = world.append(world.intent_record("1"), value, world.intent_record("2"))
    assert ["1", "2"] == [verdict.id for verdict in verdicts]
    (letter,) = world.dead_letters()
    assert value == letter["value"]
    assert ("reason", b"not-evidence") in letter["headers"]
    assert ("origin", b"email-evidence/0/2") in letter["headers"]
    assert 3 == world.ledger.marker


def test_records_at_or_below_the_marker_are_skipped(world: World) -> None:
    """Kafka delivers them again after a restart; nothing is published twice."""
    world.intent("1")
    commits = world.ledger.commits
    assert 0 == world.judge.judge(world.log).records
    assert commits == world.ledger.commits
    world.append(world.intent_record("2"))
    assert ["1", "2"] == [verdict.id for verdict in world.verdicts()]


def test_a_batch_that_ends_in_what_is_skipped_still_moves_the_marker(world: World) -> None:
    """Known ids and dead letters are progress too."""
    world.intent("1")
    world.append(world.intent_record("1"), b"?")
    assert len(world.log) - 1 == world.ledger.marker


@pytest.mark.parametrize("source", ["", "form"])
def test_a_hold_of_watch_does_not_cut_a_persons_short(world: World, source: str) -> None:
    """The longer one stays; a longer one of Watch counts, and what a person says last always does."""
    hour = 3_600_000

    def held(hours: int, by: str = "") -> str:
        until = world.now + hours * hour if hours else 0
        given: dict[str, Any] = {"service": "shop", "until": until, "reason": f"{by}{hours}", "at": world.now, "by": by}
        world.append(SourceHoldRecord(**given, source=source) if source else HoldRecord(**given))
        world.wait(1_000)
        rules = world.intent(str(world.now), service="shop", source=source).rules
        return rules[0].text if rules else ""

    assert "5" in held(5)
    assert "5" in held(1, "watch")
    assert "watch9" in held(9, "watch")
    assert "2" in held(2) and "watch" not in held(2)
    assert "on hold" not in held(0)


def test_a_policy_that_takes_force_is_told_to_whoever_watches(world: World) -> None:
    """To every partition of the tallies, with what it wants done; again when it is written again."""
    (told,) = [value for value in world.tally_values() if decode(Tally, value).policy]
    tally = decode(Tally, told)
    assert (world.judge.policy_version, world.start // 1000) == (tally.policy, tally.second)
    assert Reaction("hold-source", 86_400) == tally.reactions["unknown-burst"]
    assert "unusual" not in tally.reactions
    assert {0, 1, 2, 3} == {partition for partition, _ in world.ledger.keys_of(TALLIES.name)}
    world.append(world.policy_record(at=world.start + 5_000))
    assert 2 == len([value for value in world.tally_values() if decode(Tally, value).policy])
    world.append(world.policy_record("nonsense", world.start + 6_000))
    assert 2 == len([value for value in world.tally_values() if decode(Tally, value).policy])
