"""A record for whose sake the fold fails: it becomes a dead letter, its neighbours are judged as if it were not there,
and a replay comes to the same."""

from collections.abc import Sequence
from typing import Any

import pytest

from sidestep.schemas import Evidence, HoldRecord, IntentEvidence, LogPosition, TickRecord, Verdict
from sidestep.schemas.codec import encode
from sidestep.schemas.evidence import LARGEST
from sidestep.streams.audit import Replayer
from sidestep.streams.decide.fold import fold
from sidestep.streams.decide.state import State
from sidestep.streams.record_sizes import OCTETS_MAX
from sidestep.streams.runtime.outgoing import Single
from sidestep.streams.runtime.readable import MOST
from tests.decide.world import START, World, feedback, intent, policy

POISON = "poison"
JANE = "jane@example.com"


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold with a fault: it has changed the state already when it meets the one record that it can't deal with."""

    def faulty(state: State, record: Evidence, position: LogPosition) -> Verdict | None:
        verdict = fold(state, record, position)
        if isinstance(record, IntentEvidence) and record.id.startswith(POISON):
            raise KeyError(JANE)
        return verdict

    monkeypatch.setattr("sidestep.streams.decide.batch.fold", faulty)


def log_of(*poison: int) -> list[Evidence]:
    """A log whose records bear on each other: one recipient, rates, feedback; with a poisonous intent before these."""
    records: list[Evidence] = [policy()]
    for number in range(40):
        at = START + 700 * number
        if number in poison:
            records.append(intent(f"{POISON}-{number}", at=at))
        records.append(intent(str(number), at=at))
        if number % 7 == 0:
            records.append(feedback("bounce", at=at + 1, hard=True, reason="userunknown", service="shop"))
        if number % 9 == 0:
            records.append(TickRecord(at=at + 2))
    return records


def judged(records: Sequence[Evidence], size: int) -> World:
    """The world after that log, so many records a batch."""
    world = World(None)
    for start in range(0, len(records), size):
        world.append(*records[start : start + size])
    return world


def said(world: World) -> list[tuple[str, str, str]]:
    """Verdicts without the places of their evidence, which are others in a log with one record more."""
    return [(verdict.id, verdict.action, "".join(rule.text for rule in verdict.rules)) for verdict in world.verdicts()]


def reason_of(letter: Single) -> str:
    """Why it became a dead letter."""
    return dict(letter["headers"])["reason"].decode()  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [1, 3, 16, 1000])
@pytest.mark.parametrize("poison", [(0,), (3, 4, 31), tuple(range(40))])
def test_neighbours_are_judged_as_if_it_were_not_there(poisoned: None, poison: tuple[int, ...], size: int) -> None:
    """Whatever the batches: what the fold had changed before it failed is gone."""
    world = judged(log_of(*poison), size)
    assert said(judged(log_of(), 1000)) == said(world)
    letters = world.dead_letters()
    assert ["not-foldable"] * len(poison) == [reason_of(letter) for letter in letters]
    assert [f"{POISON}-{number}" for number in poison] == [
        letter["value"].decode().partition('"id":"')[2].partition('"')[0]  # type: ignore[union-attr]
        for letter in letters
    ]


@pytest.mark.parametrize("size", [1, 16, 1000])
def test_a_replay_passes_it_over_too(poisoned: None, size: int) -> None:
    """However it cuts the log: the same verdicts, octet by octet, and the same rows."""
    records = log_of(0, 5, 6, 20)
    world = judged(records, 7)
    replayer = Replayer(0)
    values = [(offset, encode(record)) for offset, record in enumerate(records)]
    steps = list(replayer.replay(values, size))
    assert world.values() == [encode(verdict) for step in steps for verdict in step.verdicts]
    assert len(records) == sum(step.read for step in steps)
    stored = {
        table: rows for table, rows in world.ledger.stored.items() if table != "chain" and rows
    }  # of which a fold knows nothing
    kept = dict(replayer.tables.keyed.items(b"")) | dict(replayer.tables.windowed.items(b""))
    assert sorted(row for rows in stored.values() for row in rows.values()) == sorted(kept.values())


def test_the_log_has_no_text_of_it(poisoned: None, caplog: pytest.LogCaptureFixture) -> None:
    """The error may quote an address. The dead letter has the record itself anyway."""
    world = judged(log_of(3), 1000)
    assert "email-evidence/0/" in caplog.text and "KeyError" in caplog.text
    assert JANE not in caplog.text
    assert b"KeyError" in dict(world.dead_letters()[0]["headers"])["text"]  # type: ignore[operator]


def test_what_is_too_large_for_a_verdict_is_no_verdict() -> None:
    """It would be committed never. A policy may be as large."""
    world = World()
    large: Any = intent("large", metadata={"x": "y" * OCTETS_MAX})
    assert ["1", "2"] == [verdict.id for verdict in world.append(intent("1"), large, intent("2", "b@example.org"))]
    assert ["not-foldable"] == [reason_of(letter) for letter in world.dead_letters()]
    world.append(policy(world.policy_text() + "\n" + "# long\n" * 30_000))
    assert 1 == len(world.dead_letters())
    replayed = list(Replayer(0).replay((record.offset(), record.value()) for record in world.log))
    assert ["1", "2"] == [verdict.id for step in replayed for verdict in step.verdicts]


@pytest.mark.parametrize("until", [-1, -LARGEST, LARGEST])
def test_a_date_beyond_the_calendar_stops_no_verdict(until: int) -> None:
    """A sentence says the nearest."""
    world = World()
    world.suppress("jane@example.com", at=world.now, reason="asked for it")
    world.append(HoldRecord(service="shop", until=until, reason="r", at=world.now))
    assert 1 == len(world.append(intent("1", expires_at=until, created_at=until, consent_at=until, at=world.now)))
    assert [] == world.dead_letters()


def test_numbers_have_one_bound() -> None:
    """That of records is that of clocks."""
    assert MOST == LARGEST
