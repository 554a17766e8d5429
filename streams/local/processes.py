"""Worker processes on this machine, for `sidestep demo` and `sidestep up`: started, checked, stopped. None outlives us.

Each runs under local/supervisor.py, as the embedded broker does, so that it ends with this process however that ends.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Self

from sidestep.streams.roles import USUAL
from sidestep.topics.access import Access
from sidestep.topics.errors import SidestepError

STOP_DEADLINE = 35.0
"""Seconds: a worker takes up to 25 to finish what it has in hand."""
READY_DEADLINE = 90.0
"""Seconds. A large ledger may take longer: then readiness tells how far it is, and waiting goes on while it moves."""
TAIL = 12
"""Lines of a log that are shown when its worker is gone."""
HOST = "127.0.0.1"
ON_LOOPBACK = {"web_host": HOST, "web_token_file": "", "web_tls_certificate": "", "web_tls_key": ""}
"""Settings of endpoints that are for this process alone, whatever its own settings say."""
COMMAND = (sys.executable, "-c", "from sidestep.streams.cli import main; main(prog_name='sidestep')", "worker")
SUPERVISOR = Path(__file__).with_name("supervisor.py")


class WorkerDied(SidestepError):
    """A worker process has ended by itself."""


class WorkerProcess:
    """`sidestep worker --role ROLE` with `settings` (names as in Settings) on top of `environment`.

    `patience`: seconds after which SIGKILL follows SIGTERM.
    """

    def __init__(
        self,
        role: str,
        settings: Mapping[str, object],
        log: Path,
        environment: Mapping[str, str],
        patience: float = STOP_DEADLINE,
    ):
        self.role = role
        self._patience = patience
        self.log = log
        self.web_port = int(str(settings["web_port"]))
        names = {f"SIDESTEP_{name.upper()}": str(value) for name, value in settings.items()}
        self._environment = {**environment, **names}
        self._log_start = 0
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns at once; `readiness` tells when it works."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log, Path(os.devnull).open("rb") as nothing:
            self._log_start = log.tell()
            # the supervisor hands a descriptor to its command that holds a lock; a worker needs none
            supervisor = (sys.executable, "-I", "-S", str(SUPERVISOR), str(self._patience), str(nothing.fileno()))
            self._supervisor = subprocess.Popen(
                [*supervisor, *COMMAND, "--role", self.role],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[nothing.fileno()],
                start_new_session=True,  # Ctrl-C on the terminal is ours to handle
            )

    def check(self) -> None:
        """Raises WorkerDied, with what the worker said last, if it no longer runs."""
        status = self._supervisor.poll() if self._supervisor else None
        if status is not None:
            said = "".join(f"\n  {line}" for line in self.last_words())
            raise WorkerDied(f"the {self.role} worker ended by itself ({_how(status)}). It said:{said}")

    def last_words(self, lines: int = TAIL) -> list[str]:
        """The end of its log, of this run only."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode("utf-8", "replace").rstrip().splitlines()[-lines:]

    def readiness(self) -> str:
        """Empty when /readyz says yes; otherwise why not."""
        connection = http.client.HTTPConnection(HOST, self.web_port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            report = json.loads(response.read())
        except (OSError, ValueError, http.client.HTTPException):
            return "starting"
        finally:
            connection.close()
        return "" if response.status == 200 else " ".join(report["reasons"])

    def begin_stop(self) -> None:
        """SIGTERM, by way of the supervisor."""
        if self._supervisor and self._supervisor.stdin:
            self._supervisor.stdin.close()

    def await_stop(self) -> int | None:
        """Wait for the exit status; SIGKILL when it takes too long. None if the process was never started."""
        if self._supervisor is None:
            return None
        try:
            status = self._supervisor.wait(self._patience + 5)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            status = self._supervisor.wait()
        if self._supervisor.stdout:
            self._supervisor.stdout.close()
        self._supervisor = None
        return status


def one_for_each_role(
    data: Path,
    ports: Iterable[int],
    access: Callable[[str], Access],
    settings: Mapping[str, object],
    environment: Mapping[str, str],
    patience: float = STOP_DEADLINE,
) -> list[WorkerProcess]:
    """A process for each role, with a data folder, a log and a port of its own; none is started yet.

    `access`: how a role reaches Kafka.
    """
    return [
        WorkerProcess(
            role,
            {**settings, **ON_LOOPBACK, **asdict(access(role)), "data_dir": data / role, "web_port": port},
            data / "logs" / f"{role}.log",
            environment,
            patience,
        )
        for role, port in zip(USUAL, ports, strict=True)
    ]


class Workers:
    """Several of them; stopped together when the block is left."""

    def __init__(self, workers: Sequence[WorkerProcess]):
        self._workers = list(workers)

    def check(self) -> None:
        """Raises WorkerDied if one of them has ended."""
        for worker in self._workers:
            worker.check()

    def await_ready(self) -> None:
        """Returns when all do their work. Raises WorkerDied, also when one makes no progress for READY_DEADLINE."""
        for worker in self._workers:
            reason = worker.readiness()
            deadline = time.monotonic() + READY_DEADLINE
            while reason:
                self.check()
                if time.monotonic() > deadline:
                    raise WorkerDied(f"the {worker.role} worker does not get ready: {reason} See {worker.log}")
                time.sleep(0.05)
                before, reason = reason, worker.readiness()
                if reason != before:
                    deadline = time.monotonic() + READY_DEADLINE

    def stop(self) -> None:
        """All at once; returns when they have ended. Safe to call twice."""
        for worker in self._workers:
            worker.begin_stop()
        for worker in self._workers:
            worker.await_stop()

    def __enter__(self) -> Self:
        try:
            for worker in self._workers:
                worker.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does, with KeyboardInterrupt. A second one can't cut the end short."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _how(status: int) -> str:
    """The supervisor's status -> words; it can only hand on a signal as 256 less its number."""
    signals = {256 - number for number in signal.valid_signals()}
    return f"killed by {signal.Signals(256 - status).name}" if status in signals else f"exit status {status}"
