"""SIGKILL at every step that could tear output, state and progress apart: nothing is lost, nothing happens twice."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest

from sidestep.topics.catalog import INTENTS
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD, Traffic
from tests.guarantees.harness.workers import WorkerProcess, wait_for
from tests.guarantees.test_holds import hold
from tests.leaks import MARK

DECIDE_POINTS = ("before-transaction", "inside-transaction", "before-commit", "after-commit", "after-local")
SCREEN_POINTS = ("screen-before-publish", "screen-after-publish")
FOLDERS = ("same", "empty", "older")
DEATH_SECONDS = 45.0
EVERY = 0.1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def feed_until_death(system: System, traffic: Traffic, worker: WorkerProcess, label: str) -> None:
    """Publish, and offer again what has been answered, until the worker has killed itself."""
    deadline = time.monotonic() + DEATH_SECONDS
    while worker.alive:
        assert time.monotonic() < deadline, f"{label}: the failpoint was not reached\n{worker.said[-2000:]}"
        system.feed.send(traffic.some(20, label))
        traffic.answered(system.verdicts.poll(EVERY))
    assert worker.process.returncode == -signal.SIGKILL, worker.said[-3000:]
    assert system.verdicts.repeated() == [], label


def folder_for(kind: str, base: Path, number: int, last: Path, copies: list[Path]) -> Path:
    """The data folder of the next worker: the last one's, an empty one, or a copy taken some deaths earlier."""
    if kind == "same":
        return last
    folder = base / f"ledger-{number}"
    if kind == "older":
        shutil.copytree(copies[max(0, len(copies) - 3)], folder)
    return folder


def test_a_killed_decide_worker_loses_and_repeats_nothing(system: System) -> None:
    """At every failpoint, with the ledger as it was left, with none at all, and with an old copy of it."""
    traffic = Traffic(seed=1)
    screen = system.start("screen").await_ready()
    folder = system.folder / "ledger-first"
    copies: list[Path] = []
    rounds = [(point, kind) for kind in FOLDERS for point in DECIDE_POINTS]
    for number, (point, kind) in enumerate(rounds):
        folder = folder_for(kind, system.folder, number, folder, copies)
        worker = system.start("decide", folder, failpoint=f"{point}:{3 + number % 4}")
        feed_until_death(system, traffic, worker, f"{point}-{kind}")
        copies.append(Path(shutil.copytree(folder, system.folder / f"copy-{number}")))
    last = system.start("decide", folder).await_ready()
    finish(system, traffic, screen, last)
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [folder])


def test_an_old_copy_and_an_empty_folder_recover_to_the_same_ledger(system: System) -> None:
    """Recovery alone, without any new record, brings every folder to the model's rows."""
    traffic = Traffic(seed=2)
    screen = system.start("screen").await_ready()
    decide = system.start("decide").await_ready()
    system.feed.send(traffic.some(500))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 30)
    assert decide.leave() == 0
    old = Path(shutil.copytree(decide.data, system.folder / "old-copy"))
    system.feed.send(traffic.some(500))
    again = system.start("decide", decide.data).await_ready()
    finish(system, traffic, screen, again)
    for folder in (old, system.folder / "empty"):
        assert system.start("decide", folder).await_ready().leave() == 0
        assert_guarantees(system.connection, traffic.expected, system.feed.origins, [folder])


def test_a_killed_screen_worker_loses_nothing_and_counts_nothing_twice(system: System) -> None:
    """In mid-batch, before and after its evidence is in the log: what it writes again is passed over."""
    traffic = Traffic(seed=3)
    decide = system.start("decide").await_ready("ok", "standby")
    for number, point in enumerate(SCREEN_POINTS * 2):
        worker = system.start("screen", failpoint=f"{point}:{4 + 3 * number}")
        feed_until_death(system, traffic, worker, point)
    finish(system, traffic, system.start("screen").await_ready(), decide)
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [decide.data])


def test_what_repeated_an_early_attempt_is_no_later_one_for_a_screen_worker_that_died(system: System) -> None:
    """It reads that record again when the attempt's turn has come: the repetition was passed over and stays so."""
    expected: set[Key] = set()

    def offer(id: str, *attempts: int) -> None:
        fields = {"id": id, "to": f"{MARK}@{GOOD[0]}", "service": "shop"}
        values = [json.dumps({**fields, "attempt": attempt}).encode() for attempt in attempts]
        system.feed.send((INTENTS.name, "one partition", value) for value in values)
        system.feed.flush()
        expected.update(("shop", id, attempt, fields["to"]) for attempt in attempts)

    decide = system.start("decide").await_ready("ok", "standby")
    screen = system.start("screen", failpoint="screen-after-publish:2").await_ready()
    assert 0 == hold(system, "add", "shop", "--until", "1h", "--reason", "complaints")
    offer("early", 1)
    system.verdicts.await_all(expected, DEATH_SECONDS)
    offer("early", 3, 3, 2)
    wait_for(lambda: not screen.alive, DEATH_SECONDS, "the death of Screen with four attempts not committed")
    screen = system.start("screen").await_ready()
    offer("later", 1)
    system.verdicts.await_all(expected, DEATH_SECONDS)
    assert [worker.leave() for worker in (screen, decide)] == [0, 0]
    assert_guarantees(system.connection, expected, system.feed.origins, [decide.data])
    verdicts = [verdict for key, verdict in system.verdicts.verdicts.items() if key[1] == "early"]
    assert {1: "service-on-hold", 2: "service-on-hold", 3: "attempt-out-of-turn"} == {
        verdict.attempt: verdict.rules[0].id for verdict in verdicts
    }


def finish(system: System, traffic: Traffic, *workers: WorkerProcess) -> None:
    """All verdicts are there, feedback is in; the workers leave cleanly when asked."""
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    for worker in workers:
        assert worker.leave() == 0, worker.said[-3000:]
