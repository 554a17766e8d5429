"""`sidestep demo` as a person starts it: a process of its own, with a Kafka and workers of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixture_types import WaitUntil

COMMAND = [sys.executable, "-c", "from sidestep.streams.cli import main; main(prog_name='sidestep')", "demo"]
SMALL = ["--intents", "3000", "--day", "12"]
RULE = re.compile(r"^ +([\d,]+)  ([a-z-]+) +(flagged|dropped|deferred) ", re.MULTILINE)
EXPLAINED = re.compile(
    r"^One verdict, explained: sidestep explain (\S+ \S+) tells all of it\n\1(, attempt \d+)?\n(REJECTED|DEFERRED): .*"
    r"says the same\s+verdict, octet by octet\n",
    re.MULTILINE | re.DOTALL,
)
RULES_AT_LEAST = 16
"""Of 22 that the whole day has. Complaints and suspended accounts are rare in so small a day, limits seldom reached."""

pytestmark = pytest.mark.broker


def parents() -> dict[int, int]:
    """Process id -> its parent's, of everything that runs."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(") ")[2].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return found


def descendants(pid: int) -> set[int]:
    """Everything below a process."""
    tree = parents()
    below = {child for child, parent in tree.items() if parent == pid}
    return below.union(*(descendants(child) for child in below))


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


@contextlib.contextmanager
def running_demo(tmp_path: Path, wait_until: WaitUntil) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A demo that publishes already, and the file of its output."""
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, *SMALL, "--data-dir", tmp_path / "data"], stdout=file, stderr=file, stdin=subprocess.DEVNULL
        )
    try:
        wait_until(lambda: process.poll() is not None or "published" in output.read_text(), 60)
        yield process, output
    finally:
        process.kill()
        process.wait()


def test_every_intent_gets_its_verdict(tmp_path: Path) -> None:
    """From nothing to the count, with most rules speaking, within 40 s; it ends by itself."""
    done = subprocess.run([*COMMAND, *SMALL], capture_output=True, text=True, timeout=100, env=_elsewhere(tmp_path))
    assert (0, "") == (done.returncode, done.stderr)
    lines = done.stdout.splitlines()
    last = re.fullmatch(r"intents=(\d+) verdicts=(\d+) lost=0 repeated=0", lines[-1])
    assert last is not None, done.stdout
    assert last[1] == last[2]
    assert f"audit proved={last[1]}/{last[1]}" == lines[-2]
    assert EXPLAINED.search(done.stdout), done.stdout
    assert int(last[1]) >= 3_000
    assert len(set(RULE.findall(done.stdout))) >= RULES_AT_LEAST, done.stdout
    assert max(map(len, lines)) <= 100
    assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_same_day_where_nobody_is_trusted(tmp_path: Path) -> None:
    """TLS, certificates, passwords, ACLs and signatures: each intent has its verdict, a forger with one service's key
    gets nothing through, and nothing is left behind, no key either."""
    command = [*COMMAND, *SMALL, "--secure"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, env=_elsewhere(tmp_path))
    assert (0, "") == (done.returncode, done.stderr)
    last = re.fullmatch(r"intents=(\d+) verdicts=\1 lost=0 repeated=0", done.stdout.splitlines()[-1])
    assert last, done.stdout
    assert f"audit proved={last[1]}/{last[1]}" == done.stdout.splitlines()[-2]
    assert EXPLAINED.search(done.stdout), done.stdout
    assert FORGED == re.findall(r"a dead letter \(([^)]*)\)|(?<=: )(Kafka) lets service-alerts", done.stdout)
    assert f"{int(last[1]):>7,} verdicts, each with the proof of Decide's key" in done.stdout
    assert [] == list(tmp_path.iterdir())


FORGED = [
    *(("signature-missing", ""), ("service-not-the-signers", ""), ("signature-key-unknown", "")),
    *(("signature-wrong", ""), ("signature-expired", ""), ("topic-not-the-signers", "")),
    *3 * [("", "Kafka")],
]
"""What became of the forger's attempts: the reasons of dead letters, then what Kafka refuses."""


def _elsewhere(tmp_path: Path) -> dict[str, str]:
    """Settings that are meant for another Sidestep must not matter; temporary files can be seen."""
    return {**os.environ, "TMPDIR": str(tmp_path), "SIDESTEP_BROKER": "127.0.0.1:1", "SIDESTEP_GROUP": "other"}


def test_a_worker_that_dies_ends_the_demo(tmp_path: Path, wait_until: WaitUntil) -> None:
    """With exit code 1, its last words, and nothing left running."""
    with running_demo(tmp_path, wait_until) as (process, output):
        below = descendants(process.pid)
        (worker,) = (p for p in below if "--role decide" in command_of(p) and "supervisor" not in command_of(p))
        os.kill(worker, signal.SIGKILL)
        assert 1 == process.wait(30)
        text = output.read_text()
        assert "the decide worker ended by itself (killed by SIGKILL)" in text
        assert "role=decide" in text
        assert set() == below & parents().keys()


def test_ctrl_c_ends_everything_within_seconds(tmp_path: Path, wait_until: WaitUntil) -> None:
    """With the exit code that shells expect."""
    with running_demo(tmp_path, wait_until) as (process, output):
        below = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        assert 130 == process.wait(15)
        assert set() == below & parents().keys()
        assert "Traceback" not in output.read_text()


def test_nothing_outlives_a_demo_that_is_killed(tmp_path: Path, wait_until: WaitUntil) -> None:
    """SIGKILL leaves no time to say goodbye."""
    with running_demo(tmp_path, wait_until) as (process, _):
        below = descendants(process.pid)
        assert len(below) >= 6  # two workers and a broker, each with its supervisor
        process.kill()
        wait_until(lambda: not below & parents().keys(), 25)


def test_it_does_not_count_what_another_day_left_behind(tmp_path: Path) -> None:
    """A folder with something in it is refused before anything is started."""
    (tmp_path / "something").touch()
    done = subprocess.run([*COMMAND, "--data-dir", tmp_path], capture_output=True, text=True, timeout=30)
    assert 1 == done.returncode
    assert "is not empty" in done.stderr
