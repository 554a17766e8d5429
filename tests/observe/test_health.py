"""What a worker says about itself, on a clock that the test turns."""

from collections.abc import Callable

import pytest

from sidestep.streams.observe.health import Health

FIRST, SECOND = ("email-evidence", 0), ("email-evidence", 1)


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _working(clock: Callable[[], float]) -> Health:
    health = Health(clock=clock)
    health.needs_ledger("email-evidence")
    health.assigned({FIRST})
    health.recovered(FIRST)
    health.broker_ok()
    return health


def _reasons(health: Health) -> str:
    status, body = health.readyz()
    assert (status == 503) == (body["status"] == "failed")
    return " ".join(body["reasons"])


def test_a_new_worker_is_alive_and_says_what_it_waits_for() -> None:
    """Before the first assignment a worker is live, not ready, and gives both reasons."""
    health = Health()
    assert health.livez() == (200, {"status": "ok", "reasons": []})
    assert _reasons(health) == "Waiting for the first assignment of partitions. Kafka has not answered yet."


def test_a_working_worker_is_ready() -> None:
    """Assigned, recovered, Kafka answering: ready without reservations."""
    assert _working(Clock()).readyz() == (200, {"status": "ok", "reasons": []})


def test_a_worker_without_partitions_stands_by() -> None:
    """More workers than partitions: those left over are ready, and say that they wait."""
    health = _working(Clock())
    health.assigned(set())
    assert _reasons(health) == (
        "Waiting for partitions; whether the other workers of the group have them is being asked."
    )
    health.coverage("decide", set())
    status, body = health.readyz()
    assert (status, body["status"]) == (200, "standby")
    assert "the other workers of the group have them all" in body["reasons"][0]


def test_where_kafka_does_not_tell_who_has_what_a_worker_stands_by_and_says_so() -> None:
    """ACLs that deny it must not keep every spare worker from being ready."""
    health = _working(Clock())
    health.assigned(set())
    health.coverage_unknown("decide", "Kafka does not let this worker describe the group")
    status, body = health.readyz()
    assert (status, body["status"]) == (200, "standby")
    assert "can't be told: Kafka does not let this worker describe the group." in body["reasons"][0]


@pytest.mark.parametrize("mine", [set(), {FIRST}])
def test_partitions_that_nobody_has_make_every_worker_of_the_group_unready(mine: set[tuple[str, int]]) -> None:
    """Not standby: nobody does the work. The answer says of what, and what to do; it ends when somebody has them."""
    health = _working(Clock())
    health.assigned(mine)
    health.coverage("decide", {SECOND, *(("email-evidence", number) for number in range(2, 9))})
    status, body = health.readyz()
    assert (status, body["status"]) == (503, "unassigned")
    assert "Nobody in the group of decide has email-evidence[1], email-evidence[2]" in body["reasons"][0]
    assert "and 3 more: their records wait." in body["reasons"][0]
    assert "`sidestep topics check`, then restart the workers of decide." in body["reasons"][0]
    assert health.livez()[0] == 200, "the group heals by itself, a restart is another rebalance"
    health.coverage("decide", set())
    assert health.readyz()[1]["status"] == ("ok" if mine else "standby")


def test_a_group_that_never_assigns_is_told_from_a_start() -> None:
    """Before the first assignment a worker waits; when nobody has anything for long that is the first thing it says."""
    health = Health()
    health.broker_ok()
    health.coverage("decide", {FIRST})
    status, body = health.readyz()
    assert (status, body["status"]) == (503, "unassigned")
    assert ["Nobody in", "Waiting f"] == [reason[:9] for reason in body["reasons"]]


def test_an_error_that_ends_the_worker_counts_more_than_what_nobody_has() -> None:
    """Failed is failed; a worker that leaves says only that."""
    health = _working(Clock())
    health.coverage("decide", {SECOND})
    health.stopping()
    assert _reasons(health) == "The worker is stopping."
    health.fatal("disk full")
    assert "disk full" in _reasons(health)


def test_every_ledger_is_recovered_before_the_worker_is_ready() -> None:
    """A partition whose ledger is not complete keeps the worker from being ready, and its progress can be read."""
    health = _working(Clock())
    health.assigned({FIRST, SECOND})
    assert "email-evidence[1] is being recovered: 0 of 0" in _reasons(health)
    health.recovering(SECOND, 1_200, 5_000)
    assert _reasons(health) == "The ledger of email-evidence[1] is being recovered: 1,200 of 5,000 records."
    health.recovered(SECOND)
    assert health.readyz()[0] == 200


def test_a_partition_that_was_lost_is_recovered_again() -> None:
    """What was recovered before a partition went to another worker counts for nothing when it comes back."""
    health = _working(Clock())
    health.assigned({SECOND})
    health.assigned({FIRST})
    assert "email-evidence[0]" in _reasons(health)


def test_partitions_without_a_ledger_need_no_recovery() -> None:
    """Screen's partitions are worked on at once."""
    health = _working(Clock())
    health.assigned({("email-intents", 3)})
    assert health.readyz()[1]["status"] == "ok"


def test_a_silent_broker_counts_after_a_while() -> None:
    """One error is no outage; half a minute without an answer is, and the last error is told."""
    clock = Clock()
    health = _working(clock)
    health.broker_error("connection refused")
    clock.now += 29
    assert health.readyz()[0] == 200
    clock.now += 2
    assert _reasons(health) == "Kafka has not answered for 31 s: connection refused"
    assert health.livez()[0] == 200, "a restart would not bring the broker back"
    health.broker_ok()
    assert health.readyz()[0] == 200


def test_failing_dns_counts_only_while_nothing_answers() -> None:
    """Silence is no failure of DNS, nor is an error between answers; errors alone for half a minute are."""
    clock = Clock()
    health = _working(clock)
    health.dns_error("timeout")
    clock.now += 29
    health.broker_ok()
    assert health.readyz()[0] == 200
    clock.now += 2
    health.dns_error("timeout")
    assert _reasons(health) == "No name server has answered for 31 s: timeout"
    health.dns_ok()
    clock.now += 20
    assert health.readyz()[0] == 200


def test_name_servers_that_lie_make_it_not_ready_at_once() -> None:
    """Every reason is given; when they are mended it is ready again."""
    health = _working(Clock())
    health.dns_distrust(["they deny gmail.com", "they give everything 10.0.0.1"])
    assert _reasons(health).count("The name servers are not to be believed: they ") == 2
    health.dns_distrust([])
    assert health.readyz()[0] == 200


def test_dns_is_not_the_business_of_a_worker_that_does_not_ask_it() -> None:
    """A worker whose roles report nothing of DNS stays ready whatever name servers do."""
    clock = Clock()
    health = _working(clock)
    clock.now += 86_400
    health.broker_ok()
    assert health.readyz()[0] == 200


def test_lag_without_progress_is_a_stall() -> None:
    """Records that wait for a minute while no batch ends make the worker not ready; one batch makes it ready again."""
    clock = Clock()
    health = _working(clock)
    clock.now += 600
    health.broker_ok()
    health.lag(1_234)
    assert health.readyz()[0] == 200, "the lag has only just come up"
    clock.now += 61
    health.broker_ok()
    health.lag(5_000)
    assert _reasons(health) == "No batch has been finished for 61 s while 5,000 records wait."
    health.progress()
    assert health.readyz()[0] == 200


def test_an_idle_worker_is_not_stalled() -> None:
    """No lag, no batches: nothing is wrong, however long it lasts."""
    clock = Clock()
    health = _working(clock)
    clock.now += 86_400
    health.broker_ok()
    assert health.readyz()[0] == 200


def test_a_refused_policy_file_is_told_by_a_worker_that_stays_ready() -> None:
    """It judges on by the policy before; whatever else is wrong comes first."""
    clock = Clock()
    health = _working(clock)
    health.policy_fault("The policy file p.toml can't be used.")
    assert health.readyz() == (200, {"status": "ok", "reasons": ["The policy file p.toml can't be used."]})
    health.stopping()
    assert _reasons(health) == "The worker is stopping. The policy file p.toml can't be used."
    health.policy_fault("")
    assert _reasons(health) == "The worker is stopping."


def test_a_fatal_error_ends_both() -> None:
    """After a fatal error the worker is neither live nor ready; the first one is the one told."""
    health = _working(Clock())
    health.fatal("email-evidence[0]: another worker has taken over")
    health.fatal("cancelled")
    expected = ["Stopped by an error: email-evidence[0]: another worker has taken over"]
    assert health.livez() == (503, {"status": "failed", "reasons": expected})
    assert health.readyz() == (503, {"status": "failed", "reasons": expected})


def test_a_loop_that_stands_still_is_dead() -> None:
    """Where the endpoints have a loop of their own, the agents' loop is judged by its beat."""
    clock = Clock()
    health = _working(clock)
    clock.now += 3_600
    assert health.livez()[0] == 200, "nobody promised a beat"
    health.beat()
    clock.now += 31
    assert health.livez() == (503, {"status": "failed", "reasons": ["The event loop has not turned for 31 s."]})


def test_a_stopping_worker_is_live_and_not_ready() -> None:
    """While partitions are given up nobody should count on the worker, nor kill it."""
    health = _working(Clock())
    health.stopping()
    assert health.livez()[0] == 200
    assert _reasons(health) == "The worker is stopping."


def test_fausts_partitions_are_partitions() -> None:
    """Faust's TP and a plain tuple name the same partition."""
    from faust.types import TP

    health = _working(Clock())
    health.assigned({TP("email-evidence", 0)})
    assert health.readyz()[0] == 200
