"""Partitions that nobody has: a leader whose metadata lacks a topic gives them to nobody, and the group mends that."""

import re

import pytest

from sidestep.topics.catalog import EVIDENCE
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import FORGETFUL, WorkerProcess, wait_for

NOTICED_SECONDS = 60.0
"""A group that does not come to an end with its assignment is given 30 s; looks are 5 s apart."""
MENDED_SECONDS = 75.0
"""The leader asks for metadata twice a second; who joins again after tries in vain rests a minute at most."""
INTENTS = 300

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Forgetting:
    """Two workers that decide, and that know nothing of email-evidence while `on` is there."""

    def __init__(self, system: System, careless: bool = False):
        self.on = system.folder / "forget"
        self._system = system
        self._careless = "1" if careless else ""
        self.workers = [self.start().await_ready(), self.start()]

    def start(self) -> WorkerProcess:
        """One more of them."""
        return self._system.start(
            "decide",
            command=FORGETFUL,
            forget_topic=EVIDENCE.name,
            forget_while=self.on,
            forget_careless=self._careless,
        )

    def disturbed(self) -> None:
        """A third worker joins, and the group has to assign anew from what its leader knows: nothing."""
        self.on.touch()
        self.workers.append(self.start())

    def await_all(self, *statuses: tuple[int, str], seconds: float) -> None:
        """All workers say one of these."""
        wait_for(
            lambda: {worker.readyz() for worker in self.workers} <= set(statuses), seconds, str(statuses), every=0.5
        )

    def await_all_assigned(self, seconds: float) -> None:
        """All are ready and together have everything, at one moment: the members join one by one, and each that does
        makes the group assign anew. Faust may give two of three all: the third stands by."""
        mended = {(200, "ok"), (200, "standby")}
        wait_for(
            lambda: {worker.readyz() for worker in self.workers} <= mended and _all_have_partitions(self.workers),
            seconds,
            "all partitions are somebody's",
            every=0.5,
        )


def _all_have_partitions(workers: list[WorkerProcess]) -> bool:
    assigned = sum(sum(worker.metric("sidestep_partitions_assigned").values()) for worker in workers)
    unassigned = [worker.metric("sidestep_partitions_unassigned") for worker in workers]
    return assigned == EVIDENCE.partitions and all(found == {'{role="decide"}': 0} for found in unassigned)


def _runs_through_a_gap(system: System, forgetting: Forgetting, traffic: Traffic) -> list[int]:
    """Ready, then unassigned, then ready again with every verdict. How often each worker was told to have nothing."""
    screen = system.start("screen").await_ready()
    forgetting.await_all((200, "ok"), seconds=60)
    forgetting.disturbed()
    forgetting.await_all((503, "unassigned"), seconds=NOTICED_SECONDS)
    system.feed.send(traffic.plain(INTENTS, "nobody"))
    system.feed.flush()
    nobodys = [worker.metric("sidestep_partitions_unassigned") for worker in forgetting.workers]
    assert [{'{role="decide"}': EVIDENCE.partitions}] * 3 == nobodys
    wait_for(lambda: _waiting(forgetting.workers[0]) >= INTENTS, 30, f"{INTENTS} in the group's lag", every=1)
    assert (200, "ok") == screen.readyz()
    late = forgetting.start()
    wait_for(lambda: "ConsumerThread]: Starting" in late.said, 30, "it joins")
    assert 0 == late.leave(30), f"a worker that has never had a partition can leave: {late.said[-2000:]}"
    tries = [_assigned_nothing(worker) for worker in forgetting.workers]
    forgetting.on.unlink()
    forgetting.await_all_assigned(seconds=MENDED_SECONDS)
    system.verdicts.await_all(traffic.expected, 30)
    return tries


def _waiting(worker: WorkerProcess) -> float:
    return sum(
        value
        for labels, value in worker.metric("sidestep_group_lag_records").items()
        if f'topic="{EVIDENCE.name}"' in labels
    )


def _assigned_nothing(worker: WorkerProcess) -> int:
    return len(re.findall("assigned  role=decide  partitions=none", worker.said))


def test_a_leader_that_does_not_know_a_topic_yet_does_not_assign(system: System) -> None:
    """The group waits, and says so; nobody is told to have nothing. It goes on when the metadata is complete."""
    traffic = Traffic(seed=41)
    forgetting = Forgetting(system)
    assert [0, 0, 0] == _runs_through_a_gap(system, forgetting, traffic)
    assert any("the group waits: Kafka's metadata lacks email-evidence" in w.said for w in forgetting.workers)
    _leave_and_check(system, forgetting, traffic)


def test_an_assignment_that_leaves_partitions_to_nobody_is_mended(system: System) -> None:
    """Whatever the leader was thinking: the members see it from outside and join again, a few times, no storm."""
    traffic = Traffic(seed=42)
    forgetting = Forgetting(system, careless=True)
    tries = _runs_through_a_gap(system, forgetting, traffic)
    assert all(1 <= count <= 12 for count in tries), tries
    _leave_and_check(system, forgetting, traffic)


def _leave_and_check(system: System, forgetting: Forgetting, traffic: Traffic) -> None:
    """The first worker has all partitions in the end, so that its ledgers are the whole."""
    first, *others = forgetting.workers
    assert [0, 0] == [worker.leave(30) for worker in others]
    wait_for(lambda: _all_have_partitions([first]) and first.ready(), 60, "the first worker has everything")
    assert 0 == first.leave(30)
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [first.data])
