"""Partitions that grow under load: every history is found again, no intent has a second verdict, and verdicts stop for
seconds only."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from sidestep.schemas import Verdict
from sidestep.topics.catalog import APPROVED, BOUNCES, INTENTS, REJECTED
from tests.guarantees.harness.model import assert_guarantees, grown_models
from tests.guarantees.harness.records import Input, Key, VerdictLog, read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD, Traffic
from tests.guarantees.harness.workers import WorkerProcess
from tests.leaks import MARK

BEFORE, AFTER = 4, 12
SECONDS = 60.0
STOP_SECONDS = 60.0
"""For which verdicts may stop, the command's deaths and a worker's included."""
MANY, PARTS = 300_000, 30
GONE = [f"gone@{domain}" for domain in GOOD]
DEATHS = ("grow-before-copy:7", "grow-after-log:1", "grow-after-cut:1")
"""Where the command is killed, one start after the other."""
MORE_DEATHS = ("grow-after-begin:1", "grow-before-copy:30", "grow-after-log:1", "grow-before-end:1")

pytestmark = pytest.mark.timeout(300)


def grow(system: System, failpoint: str = "") -> int:
    """`sidestep topics grow`, as an administrator runs it; its exit code."""
    ours = {"SIDESTEP_BROKER": str(system.connection), "SIDESTEP_GROUP": system.folder.name}
    ours |= {"SIDESTEP_DATA_DIR": str(system.folder / "admin"), "SIDESTEP_FAILPOINT": failpoint}
    command = [str(Path(sys.executable).with_name("sidestep")), "topics", "grow", "--partitions", str(AFTER)]
    with (system.folder / "grow.log").open("ab") as log:
        made = subprocess.run(
            [*command, "--notice", "0"], env={**os.environ, **ours}, stdout=log, stderr=log, check=False
        )
    return made.returncode


def workers_of(system: System) -> list[WorkerProcess]:
    """One that screens, one that watches, two that decide."""
    return [system.start(role).await_ready() for role in ("screen", "watch", "decide", "decide")]


def people(label: str, names: Sequence[str] = GONE) -> tuple[list[Input], set[Key]]:
    """An intent to each of those whose mailboxes are gone; and the keys of the verdicts."""
    fields = [{"id": f"{label}-{number}", "to": name, "service": "shop"} for number, name in enumerate(names)]
    return [(INTENTS.name, None, json.dumps(each).encode()) for each in fields], {
        (each["service"], each["id"], 1, each["to"]) for each in fields
    }


def gone(names: Sequence[str] = GONE) -> Iterable[Input]:
    """Hard bounces of these people."""
    bounces = [{"recipient": name, "reason": "userunknown", "service": "shop"} for name in names]
    return [(BOUNCES.name, None, json.dumps(bounce).encode()) for bounce in bounces]


def grown(
    system: System,
    workers: list[WorkerProcess],
    expected: set[Key],
    before: list[Input],
    names: Sequence[str] = GONE,
) -> None:
    """Nothing of what was known is lost: who is gone is dropped, and what was answered before has no second verdict."""
    records, keys = people("after", names)
    system.feed.send([*before, *records])
    system.feed.flush()
    system.verdicts.close()
    system.verdicts = VerdictLog(system.connection)
    system.verdicts.await_all(expected | keys, SECONDS * 5)
    answers = [system.verdicts.verdicts[key] for key in keys]
    assert [] == [verdict for verdict in answers if verdict.action != "drop"]
    for worker in workers:
        worker.await_ready("ok", "standby")
    *others, last = workers
    assert {worker.leave(30) for worker in others} == {0}
    last.await_ready().await_nothing_waits()
    assert last.leave(30) == 0
    folded = grown_models(system.connection, BEFORE)
    assert sorted(folded) == list(range(AFTER))
    assert_guarantees(system.connection, expected | keys, system.feed.origins, [last.data], folded)


def test_a_log_grows_under_load_and_nothing_is_forgotten(system: System) -> None:
    """The command is killed in each of its steps and given again; a worker that decides is killed when the log has
    its new partitions."""
    traffic = Traffic(seed=65)
    workers = workers_of(system)
    before, keys = people("before")
    system.feed.send(before)
    system.verdicts.await_all(keys, SECONDS)
    system.feed.send([*gone(), *traffic.some(1000, "before")])
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, SECONDS)
    traffic.answered([v for v in system.verdicts.verdicts.values() if v.campaign == "before"])
    for number, death in enumerate(DEATHS):
        system.feed.send(traffic.some(100, f"growing-{number}"))
        assert grow(system, death) == -signal.SIGKILL, death
        if death == "grow-after-log:1":
            workers[-1].kill()
            workers[-1].start_again()
    assert grow(system) == 0, (system.folder / "grow.log").read_text("utf-8")
    system.feed.send(traffic.some(500, "after"))
    grown(system, workers, traffic.expected | keys, before)


def bounced(verdict: Verdict) -> Input:
    """What comes back of a message that was sent."""
    fields = {"recipient": verdict.to, "service": verdict.service, "intent_id": verdict.id, "reason": "userunknown"}
    return BOUNCES.name, None, json.dumps(fields).encode()


@contextmanager
def fed(system: System, traffic: Traffic) -> Iterator[None]:
    """Some fifty intents a second all the while."""
    ending = threading.Event()

    def feed() -> None:
        while not ending.wait(0.1):
            system.feed.send(traffic.plain(5, "load"))

    feeding = threading.Thread(target=feed)
    feeding.start()
    try:
        yield
    finally:
        ending.set()
        feeding.join()


def longest_stop(system: System, since_ms: int) -> float:
    """Seconds between two verdicts, the most of them."""
    stamps = sorted(message.timestamp()[1] for message in read(system.connection, APPROVED.name, REJECTED.name))
    stamps = [stamp for stamp in stamps if stamp >= since_ms]
    return max(after - before for before, after in pairwise(stamps)) / 1000


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_three_hundred_thousand_histories_grow_within_a_minute(system: System) -> None:
    """Under load, with a worker killed in the middle and the command killed in four places."""
    traffic = Traffic(seed=66)
    wide = system.policy.read_text("utf-8").replace('"300/min,max_burst=40"', '"1000000/min,max_burst=100000"')
    system.policy.write_text(wide, "utf-8")
    workers = workers_of(system)
    before, keys = people("before")
    system.feed.send(before)
    system.verdicts.await_all(keys, SECONDS)
    system.feed.send(gone())
    known: list[str] = []
    for part in range(PARTS):
        names = [f"{MARK}-{part}-{number}@{GOOD[number % len(GOOD)]}" for number in range(MANY // PARTS)]
        those = set(names)
        system.feed.send([traffic.to(name, "before") for name in names])
        system.feed.flush()
        system.verdicts.await_all(traffic.expected, SECONDS * 10)
        made = [v for v in system.verdicts.verdicts.values() if v.to in those]
        sent = [v for v in made if v.action == "send" and not v.test][::10]
        system.feed.send(bounced(v) for v in sent)
        known += [v.to for v in sent[:20]]
    system.feed.flush()
    began = int(time.time() * 1000)
    with fed(system, traffic):
        for death in MORE_DEATHS[:3]:
            assert grow(system, death) == -signal.SIGKILL, death
        workers[-1].kill()
        workers[-1].start_again()
        assert grow(system, MORE_DEATHS[3]) == -signal.SIGKILL
        assert grow(system) == 0, (system.folder / "grow.log").read_text("utf-8")
        time.sleep(10)  # of load, so that the first verdict after the growth is there
    grown(system, workers, traffic.expected | keys, before, [*GONE, *known])
    stopped = longest_stop(system, began)
    print(f"verdicts stopped for {stopped:.1f} s; {(system.folder / 'grow.log').read_text('utf-8').splitlines()[-1]}")
    assert stopped < STOP_SECONDS
