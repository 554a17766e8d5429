"""Workers as processes of their own, so that they can be killed, frozen and asked to leave."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from sidestep.streams.local.ports import free_port
from sidestep.topics.connection import Connection

HASH_KEY = sha256(b"of the tests").hexdigest()
SESSION_SECONDS = 6
"""The broker's minimum: a killed worker's partitions stay idle that long."""
LEAVING = " ERROR   sidestep  "
"""Behind it stands in the log why a worker leaves; other threads may write some more."""
READY_SECONDS = 45.0
"""A start takes 3 s; where a worker was killed before, the group waits for its session as well."""


SIDESTEP = (str(Path(sys.executable).with_name("sidestep")),)
FORGETFUL = (sys.executable, "-m", "tests.guarantees.harness.forgetful")
"""The command of forgetful.py."""


class WorkerProcess:
    """One `sidestep worker`. `settings` are SIDESTEP_ names without the prefix, in lower case."""

    def __init__(
        self,
        role: str,
        connection: Connection,
        name_server: str,
        data: Path,
        log: Path,
        port: int | None = None,
        command: tuple[str, ...] = SIDESTEP,
        **settings: object,
    ):
        self.role = role
        self.data = data
        self.log = log
        self.port = port or free_port()
        self._environment = _environment(settings)
        self._arguments = [
            *command, "worker", "--role", role, "--broker", str(connection),
            "--data-dir", str(data), "--name-servers", name_server, "--web-port", str(self.port),
        ]  # fmt: skip
        self.process = self._spawn()
        self.exits: list[int] = []
        """What it ended with, each time that it was started again."""

    @property
    def alive(self) -> bool:
        """Still running."""
        return self.process.poll() is None

    @property
    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text("utf-8", "replace")

    @property
    def reason(self) -> str:
        """The error that it has left with, as its log gives it: `NameOfTheError: text`. Empty: none."""
        errors = [line.partition(LEAVING)[2] for line in self.said.splitlines() if LEAVING in line]
        return errors[-1] if errors else ""

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as out:
            return subprocess.Popen(
                self._arguments, env=self._environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def start_again(self) -> None:
        """As a supervisor does it: with the same data folder, if it has ended."""
        if not self.alive:
            self.exits.append(self.process.returncode)
            self.process = self._spawn()

    def ready(self, statuses: tuple[str, ...] = ("ok",)) -> bool:
        """Whether /readyz says one of these now. Fails the test at once when the process has ended."""
        assert self.alive, f"the {self.role} worker ended with {self.process.returncode}:\n{self.said[-3000:]}"
        return self.readyz()[1] in statuses

    def readyz(self) -> tuple[int, str]:
        """Its HTTP status and its word; (0, "") while nothing answers."""
        status, body = self._readyz()
        return status, str(body.get("status", ""))

    def readiness(self) -> str:
        """The status that /readyz answers with; otherwise the reasons, or that there is no answer."""
        status, body = self._readyz()
        return str(body["status"]) if status == 200 else " ".join(body.get("reasons", ["no answer"]))

    def notes(self) -> str:
        """What /readyz says, be the worker ready or not."""
        return " ".join(self._readyz()[1].get("reasons", ["no answer"]))

    def _readyz(self) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                return 200, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, {}

    def metric(self, name: str) -> dict[str, float]:
        """The values of a metric, by its labels as a scrape writes them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=2) as answer:
            lines = answer.read().decode().splitlines()
        found = (line.removeprefix(name).rpartition(" ") for line in lines if line.startswith((name + "{", name + " ")))
        return {labels: float(value) for labels, _, value in found}

    def await_ready(self, *statuses: str) -> "WorkerProcess":
        """Returns when it is ready (or stands by, if told so)."""
        wait_for(
            lambda: self.ready(statuses or ("ok",)),
            READY_SECONDS,
            f"{self.role} worker ready",
            why=lambda: f"{self.notes()}\n{self.said[-3000:]}",
        )
        return self

    def await_nothing_waits(self) -> None:
        """Returns when it has all partitions of its role, and has handled their records; its lag is measured once a
        second. Of the role there must be no other worker: one that has just ended keeps its share for a while."""
        lags: list[float] = []

        def nothing_waits() -> bool:
            lags.append(self.lag() if self.has_all() else float("inf"))
            return lags[-2:] == [0, 0]  # once may be from before what was written last

        wait_for(nothing_waits, 45, f"{self.role} worker has handled everything", every=1.1)

    def has_all(self) -> bool:
        """Whether it knows the lag of each partition that its group has."""
        try:
            own, group = self.metric("sidestep_lag_records"), self.metric("sidestep_group_lag_records")
        except OSError:
            return False
        return 0 < len(group) <= len(own)

    def lag(self) -> float:
        """Records that it has not handled yet, measured once a second; infinite while nobody knows."""
        try:
            found = self.metric("sidestep_lag_records")
        except OSError:
            return float("inf")
        return sum(found.values()) if found else float("inf")

    def most_memory(self) -> int:
        """Octets that it had in memory at the most, since it began or that was forgotten."""
        return most_memory(self.process.pid)

    def forget_most_memory(self) -> None:
        """From now on, where the kernel can forget it (proc(5), clear_refs)."""
        with suppress(OSError):
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", "ascii")

    def keep_metrics(self) -> None:
        """A last scrape goes beside its log, for whoever looks for what must not stand there (tests/leaks.py)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=0.5) as answer:
                self.log.with_suffix(".metrics").write_bytes(answer.read())
        except (OSError, http.client.HTTPException):
            return  # it has ended, or was made to be silent

    def signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.alive:
            self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    def leave(self, seconds: float = 15.0) -> int:
        """SIGTERM; its exit code."""
        self.keep_metrics()
        self.signal(signal.SIGTERM)
        return self.ended(seconds)

    def ended(self, seconds: float = 30.0) -> int:
        """Its exit code, within so many seconds."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            text = f"the {self.role} worker did not end within {seconds} s:\n{self.said[-3000:]}"
            raise AssertionError(text) from None


def most_memory(process: int) -> int:
    """Octets that a process had in memory at the most."""
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def wait_for(
    condition: Callable[[], object],
    seconds: float,
    what: str,
    every: float = 0.05,
    why: Callable[[], str] = str,
) -> None:
    """Returns when `condition` holds; fails the test after so many seconds, with what `why` says then."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}\n{why()}"
        time.sleep(every)


def _environment(settings: dict[str, object]) -> dict[str, str]:
    ours = {"hash_key": HASH_KEY, "session_timeout": SESSION_SECONDS, "log_format": "text", **settings}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIDESTEP_")}
    return {**kept, **{f"SIDESTEP_{name.upper()}": str(value) for name, value in ours.items()}}
