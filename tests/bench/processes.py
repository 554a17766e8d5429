"""Processes that are measured: started, asked for CPU and memory, ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 20.0
TAIL = 4_000
"""Octets of its log that are shown when a process ends by itself."""


class Ended(RuntimeError):
    """A measured process ended by itself; the text has the end of its log."""


class Child:
    """One process, from `with` to the end of the block, when it gets `stop`. Its output goes to a file."""

    stop = signal.SIGTERM

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str] | None = None):
        self.name = name
        self.log = log
        self._command = command
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._watched: psutil.Process | None = None
        self._cpu = 0.0

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self._environment,
            )
        self._watched = psutil.Process(self._process.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(self.stop)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def cpu(self) -> float:
        """User and system seconds of this process so far, all threads. Raises Ended."""
        self.check()
        assert self._watched is not None
        return cpu_seconds(self._watched)

    def peak_megabytes(self) -> float:
        """The most memory it has had resident (10^6 octets); where the system does not tell, what it has now."""
        self.check()
        status = Path(f"/proc/{self.pid}/status")
        if status.exists():
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            return int(line.split()[1]) * 1024 / 1e6
        assert self._watched is not None
        return float(self._watched.memory_info().rss / 1e6)

    def check(self) -> None:
        """Raises Ended if it has."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise Ended(f"{self.name} ended with code {self._process.returncode}:\n{self.said()}")

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-TAIL:].decode("utf-8", "replace")

    def wait(self, seconds: float) -> str:
        """What it said, once it has ended by itself. Raises Ended if it failed."""
        assert self._process is not None
        if self._process.wait(seconds) != 0:
            self.check()
        return self.log.read_text("utf-8")


class Spy(Child):
    """py-spy beside a process; it writes its file when it is interrupted."""

    stop = signal.SIGINT

    def __init__(self, watched: Child, output: Path):
        spy = str(Path(sys.executable).with_name("py-spy"))
        command = [spy, "record", "--pid", str(watched.pid), "--rate", "100", "--format", "raw", "--output"]
        super().__init__("py-spy", [*command, str(output.resolve())], output.with_suffix(".log"))


def cpu_seconds(process: psutil.Process) -> float:
    """User and system seconds of a process, without its children."""
    times = process.cpu_times()
    return float(times.user + times.system)


def script(name: str, *arguments: object) -> list[str]:
    """The command line of a module in this folder."""
    return [sys.executable, "-m", f"tests.bench.{name}", *map(str, arguments)]


def sidestep(*arguments: object) -> list[str]:
    """The command line of Sidestep's own command."""
    return [str(Path(sys.executable).with_name("sidestep")), *map(str, arguments)]
