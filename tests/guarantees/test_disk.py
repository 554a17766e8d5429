"""Disks that are full, read-only or failing: whoever can't write says so and leaves, and nothing is lost by it."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from rocksdict import Cache

from sidestep.streams.errors import EmbeddedBrokerError, LedgerError
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.runtime.quarantine import count_aside, open_sound
from sidestep.streams.runtime.store import new_batch
from sidestep.topics import admin
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.small_disk import SmallDisk, small_disk
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import ZONES, Traffic
from tests.guarantees.harness.workers import WorkerProcess, wait_for

LEFT = 3
TRIES = 5
TRACING_SECONDS = 5.0

pytestmark = pytest.mark.timeout(300)


def history(system: System, traffic: Traffic, label: str) -> None:
    """Traffic of all kinds that has its verdicts."""
    system.feed.send(traffic.some(300, label))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)


@contextmanager
def syncs_that_fail(process: int) -> Iterator[None]:
    """fsync and fdatasync of a process, and of all its threads, answer EIO."""
    if shutil.which("strace") is None:
        pytest.skip("there is no strace here, which makes system calls fail")
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]
    command += ["-e", "inject=fsync,fdatasync:error=EIO", "-p", str(process)]
    strace = _tracing(command, process)
    try:
        yield
    finally:
        strace.terminate()
        strace.communicate()


def _tracing(command: list[str], process: int) -> "subprocess.Popen[str]":
    """strace, once it has all threads: one that is made while it takes hold of the others may be missed."""
    for _ in range(TRIES):
        strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + TRACING_SECONDS
        while strace.poll() is None and time.monotonic() < deadline:
            if _tracers(process) == {str(strace.pid)}:
                return strace
            time.sleep(0.02)  # until it has them all, or the deadline
        if strace.poll() is not None:
            pytest.skip(f"strace can't trace here: {strace.communicate()[1]}")
        strace.terminate()
        strace.communicate()
    raise AssertionError(f"strace missed threads of {process}, {TRIES} times")


def _tracers(process: int) -> set[str]:
    """Who traces its threads."""
    found = set()
    for status in Path(f"/proc/{process}/task").glob("*/status"):
        with suppress(OSError):  # it has ended meanwhile
            found |= {line.split()[1] for line in status.read_text().splitlines() if line.startswith("TracerPid:")}
    return found


def test_a_flush_that_fails_in_the_background_is_seen_by_a_write(tmp_path: Path) -> None:
    """Soon after it, with what to do; what is on disk then is an earlier state, whole, with its position."""
    with small_disk(tmp_path / "disk", "32m") as disk:
        path = disk.path / "0" / "rows"
        store = open_sound(path, Cache(1024 * 1024))
        disk.fill()
        written = 0
        with pytest.raises(LedgerError, match="The disk is full: make room"):
            while written < 200_000:
                batch = new_batch()
                for number in range(written, written + 1000):
                    batch.put(b"k%06d" % number, bytes(number % 251 for number in range(200)))
                batch.put(b"\0position", b"%d" % written)
                store.write(batch)
                written += 1000
        with pytest.raises(LedgerError, match="The disk is full"):
            store.close()
        disk.free()
        store = open_sound(path, Cache(1024 * 1024))
        position = int(store.get(b"\0position") or -1000)
        assert position + 1000 == sum(1 for _ in store.items(b"k")) < written
        assert count_aside(disk.path) == 0
        store.close()


def test_a_first_start_on_a_full_disk_names_it(system: System) -> None:
    """Before there is any ledger: the key that a worker makes is no error of ours either."""
    with small_disk(system.folder / "disk", "3m") as disk:
        disk.fill()
        worker = system.start("screen", disk.path / "data", hash_key="")
        left(worker, worker.ended(30), "The disk is full: make room")


@pytest.mark.slow
def test_a_ledgers_disk_that_is_full_then_failing_then_read_only(system: System) -> None:
    """Each time Decide leaves with 3 and says what to do; when the disk is well again nothing is missing."""
    traffic = Traffic(seed=23)
    screen = system.start("screen").await_ready()
    with small_disk(system.folder / "disk", "64m") as disk:
        data = disk.path / "data"
        full = system.start("decide", data).await_ready()
        history(system, traffic, "before")
        disk.fill()
        history(system, traffic, "full")
        left(full, full.leave(), "The disk is full: make room")
        again = system.start("decide", data)
        left(again, again.ended(30), "The disk is full: make room")
        disk.free()

        failing = system.start("decide", data).await_ready()
        with syncs_that_fail(failing.process.pid):
            history(system, traffic, "failing")
            left(failing, failing.leave(30), "The disk fails: look at the kernel's log")

        disk.read_only(True)
        read_only = system.start("decide", data)
        left(read_only, read_only.ended(30), "The disk is read-only: mount it for writing again")
        disk.read_only(False)

        last = system.start("decide", data).await_ready()
        history(system, traffic, "after")
        assert screen.leave() == 0
        last.await_nothing_waits()
        assert last.leave() == 0
        assert count_aside(data / "ledger" / "decide") == 0, "none of it was damage"
        assert_guarantees(system.connection, traffic.expected, system.feed.origins, [data])


def left(worker: WorkerProcess, code: int, advice: str) -> None:
    """It has ended by itself, with an error that says what to do."""
    assert (LEFT, True) == (code, "LedgerError" in worker.said and advice in worker.said), worker.said[-3000:]


@pytest.mark.slow
def test_a_brokers_disk_that_is_full_then_read_only_then_failing(tmp_path: Path) -> None:
    """The broker stops, or does not start; workers wait, or leave with 3. With a disk that is well and a new start
    everything goes on, and is whole."""
    with small_disk(tmp_path / "disk", "256m") as disk, EmbeddedKafka(disk.path / "kafka") as kafka:
        admin.create(kafka.connection)
        with NameServer(ZONES) as names:
            system = System(kafka.connection, names, tmp_path)
            try:
                bad_days(system, Traffic(seed=24), kafka, disk)
            finally:
                system.close()


def bad_days(system: System, traffic: Traffic, kafka: EmbeddedKafka, disk: SmallDisk) -> None:
    """What happens, from the first record to the last."""
    workers = {role: system.start(role).await_ready() for role in ("screen", "decide")}
    history(system, traffic, "before")
    disk.fill()
    stopped(system, traffic, kafka, "full")
    disk.free()
    well_again(system, traffic, kafka, workers, "space")

    kafka.stop()
    disk.read_only(True)
    with pytest.raises(EmbeddedBrokerError, match="Read-only file system"):
        kafka.start()
    disk.read_only(False)
    well_again(system, traffic, kafka, workers, "writable")

    with syncs_that_fail(kafka.pid):
        stopped(system, traffic, kafka, "failing")
    well_again(system, traffic, kafka, workers, "repaired")

    assert workers["screen"].leave() == 0
    workers["decide"].await_nothing_waits()
    assert workers["decide"].leave() == 0
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [workers["decide"].data])


def stopped(system: System, traffic: Traffic, kafka: EmbeddedKafka, label: str) -> None:
    """Services publish, and the broker stops because of its disk."""
    system.feed.send(traffic.some(300, label))
    wait_for(lambda: not kafka.running, 60, "the broker has stopped")


def well_again(
    system: System, traffic: Traffic, kafka: EmbeddedKafka, workers: dict[str, WorkerProcess], label: str
) -> None:
    """The broker is started anew, and those workers that have left: all verdicts come."""
    kafka.stop()
    kafka.start()
    for role, worker in workers.items():
        assert worker.alive or worker.process.returncode == LEFT, worker.said[-3000:]
        workers[role] = worker if worker.alive else system.start(role, worker.data)
    history(system, traffic, label)
