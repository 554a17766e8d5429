"""What roles report reaches health and metrics, whatever the roles are called."""

import asyncio
from collections.abc import Callable

import pytest

from sidestep.streams.observe.metrics import Done
from sidestep.streams.observe.report import Report
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.hanging import Ended

FIRST, SECOND = Partition("log", 0), Partition("intents", 3)


def _sample(report: Report, name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in report.metrics.families()
        for sample in family.samples
        if sample.name == name
    }


def test_a_worker_is_ready_when_each_of_its_roles_has_been_assigned() -> None:
    """One role's partitions say nothing of the other's: the worker would be counted on for half of its work."""
    report = Report()
    report.health.broker_ok()
    report.plays("sieve")
    report.plays("judge")
    report.health.needs_ledger("log")
    report.assigned("sieve", {SECOND})
    assert "Waiting for the first assignment of partitions." in report.health.readyz()[1]["reasons"]
    report.recovered("judge", FIRST, 10, 0.5)
    report.assigned("judge", {FIRST})
    assert report.health.readyz() == (200, {"status": "ok", "reasons": []})
    assert {("sieve",): 1, ("judge",): 1} == _sample(report, "sidestep_partitions_assigned")
    assert {("judge",): 10} == _sample(report, "sidestep_recovered_records_total")


def test_a_partition_that_rests_is_seen() -> None:
    """Until it is ready again: as not ready with the reason, as a number now, and as one hanging transaction, not one
    for each look at it."""
    report = Report()
    report.health.broker_ok()
    report.plays("judge")
    report.health.needs_ledger("log")
    report.assigned("judge", {FIRST})
    for _ in range(2):
        report.rests("judge", FIRST, "ask an operator")
    assert any("rests: ask an operator" in reason for reason in report.health.readyz()[1]["reasons"])
    assert {("judge",): 1} == _sample(report, "sidestep_partitions_resting")
    report.recovered("judge", FIRST, 10, 0.5)
    report.ended("judge", FIRST, Ended(adopted=2))
    assert 200 == report.health.readyz()[0]
    assert {("judge",): 0} == _sample(report, "sidestep_partitions_resting")
    outcomes = {("judge", "left"): 1, ("judge", "adopted"): 2}
    assert outcomes == _sample(report, "sidestep_hanging_transactions_total")


def test_ledgers_that_are_read_back_are_counted() -> None:
    """Until they are complete, or have gone elsewhere: an alert goes by it."""
    report = Report()
    other = Partition(FIRST.topic, FIRST.partition + 1)
    report.plays("judge")
    report.assigned("judge", {FIRST, other})
    report.recovering(FIRST, 0, 5_000)
    report.recovering(other, 0, 0)
    assert {(): 2} == _sample(report, "sidestep_partitions_recovering")
    report.recovered("judge", FIRST, 5_000, 1.0)
    report.assigned("judge", {FIRST})
    assert {(): 0} == _sample(report, "sidestep_partitions_recovering")


def test_a_finished_batch_is_progress() -> None:
    """It is counted, and a worker with lag is not stalled by it."""
    report = Report()
    report.batch_done("judge", "log", Done(7, 0.1, 0.05, {"not-json": 1}))
    assert {("judge",): 7} == _sample(report, "sidestep_batch_records_sum")
    assert {("log", "not-json"): 1} == _sample(report, "sidestep_dead_letters_total")


def test_the_beat_tells_lag_and_broker() -> None:
    """Lag is shown by partition; a broker that does not answer is what /readyz says, until it answers."""
    report = Report()

    def silent() -> None:
        raise OSError("no route")

    async def beat_until(reasons: list[str], ask_broker: Callable[[], object]) -> None:
        beat = asyncio.create_task(report.beat(lambda: {FIRST: 5}, ask_broker))
        async with asyncio.timeout(10):
            while report.health.readyz()[1]["reasons"] != reasons:
                await asyncio.sleep(0.01)
        beat.cancel()

    waiting = "Waiting for the first assignment of partitions."
    asyncio.run(beat_until([waiting, "Kafka has not answered yet: no route"], silent))
    asyncio.run(beat_until([waiting], lambda: None))
    assert {("log", "0"): 5} == _sample(report, "sidestep_lag_records")


def test_what_nobody_has_reaches_health_and_metrics_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A line when it begins and one when it ends, however often it is looked at meanwhile."""
    report = Report()
    caplog.set_level("INFO")
    for unassigned in ({FIRST}, {FIRST}, set[Partition](), set[Partition]()):
        report.coverage("judge", unassigned)
        assert {("judge",): len(unassigned)} == _sample(report, "sidestep_partitions_unassigned")
    assert ["nobody has these partitions", "every partition has somebody again"] == caplog.messages
    for _ in range(2):
        report.coverage_unknown("judge", "denied")
    assert 1 == sum("can't be told: denied" in message for message in caplog.messages)


def test_the_groups_lag_keeps_what_is_known_of_each_partition() -> None:
    """A partition whose leader is away shows its last number; two roles that read one topic are told apart."""
    report = Report()
    report.group_lag("judge", {FIRST: 5, SECOND: 2})
    report.group_lag("judge", {SECOND: 9})
    report.group_lag("sieve", {FIRST: 1})
    known = {("judge", "log", "0"): 5, ("judge", "intents", "3"): 9, ("sieve", "log", "0"): 1}
    assert known == _sample(report, "sidestep_group_lag_records")
