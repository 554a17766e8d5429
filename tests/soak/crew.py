"""The workers of a soak, each in a place of its own with a data folder, and who starts those that have ended anew."""

import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidestep.topics.connection import Connection
from tests.guarantees.harness.ports import lasting_ports
from tests.guarantees.harness.shifted import SHIFTED
from tests.guarantees.harness.workers import WorkerProcess
from tests.soak.checker import Exit

AGAIN_SECONDS = 1.0
"""A supervisor's pause before it starts a worker that has ended."""
TERM_SECONDS = 45.0
"""A worker says that it needs 30 s at the most; on a machine under load a little longer."""

Calm = Callable[[float], bool]
"""Was nothing wrong around the workers since that moment (of time.monotonic)?"""


@dataclass(frozen=True)
class Place:
    """What a worker has for itself. `clock`: a file that says by how many seconds its wall clock is wrong."""

    way: Connection
    """To Kafka."""
    disk: Path
    """Where its data folder lies."""
    clock: Path


class Post:
    """The post of one worker. `lock` is held by whoever changes something about it."""

    def __init__(self, number: int, start: Callable[[Path, Path], WorkerProcess], folder: Path, disk: Path, calm: Calm):
        self.number = number
        self.lock = threading.RLock()
        self.data = disk / f"w{number}"
        self.shelf = disk / f"w{number}-older"
        """A folder of an earlier life."""
        self.exits: list[Exit] = []
        self._log = folder / f"w{number}.log"
        self._start = start
        self._calm = calm
        self._worker: WorkerProcess | None = None
        self._began = 0.0

    def start(self) -> None:
        """A new process on what is in the folder."""
        self._began = time.monotonic()
        self._worker = self._start(self.data, self._log)

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._worker is not None:
            self._worker.signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._worker is not None:
            self._worker.kill()
            self._ended("kill")

    def leave(self) -> None:
        """SIGTERM, and wait for the end; SIGKILL if there is none."""
        if self._worker is None:
            return
        self._worker.signal(signal.SIGTERM)
        try:
            self._worker.process.wait(TERM_SECONDS)
            self._ended("term")
        except subprocess.TimeoutExpired:
            self._worker.kill()
            self._ended("hung")

    def look_after(self) -> None:
        """Start it anew if it has ended by itself."""
        if self._worker is None or self._worker.alive:
            return
        self._ended("")
        time.sleep(AGAIN_SECONDS)
        self.start()

    def change_folders(self) -> None:
        """The folder of an earlier life takes the place of this one's, which goes onto the shelf."""
        aside = self.data.with_name(f"{self.data.name}-aside")
        if self.data.exists():
            self.data.rename(aside)
        if self.shelf.exists():
            self.shelf.rename(self.data)
        if aside.exists():
            aside.rename(self.shelf)

    def remove_folder(self) -> None:
        """With all that is in it; what a running worker makes anew meanwhile may stay."""
        shutil.rmtree(self.data, ignore_errors=True)

    def state(self) -> str:
        """What /readyz says, for people."""
        return "not running" if self._worker is None or not self._worker.alive else self._worker.readiness()

    def nothing_waits(self) -> bool:
        """Whether it has handled all records of its partitions, as it says itself."""
        return self._worker is not None and self._worker.lag() == 0

    def _ended(self, cause: str) -> None:
        assert self._worker is not None
        code = self._worker.process.returncode
        self.exits.append(Exit(self.number, code, cause, self._calm(self._began)))
        self._worker = None


class Crew:
    """A post at each of `places`, with its log in `folder`, and a thread that looks after them."""

    def __init__(
        self,
        places: Sequence[Place],
        names: tuple[str, int],
        folder: Path,
        calm: Calm,
        role: str = "all",
        **settings: Any,
    ):
        ports = lasting_ports(len(places))

        def start(place: Place, port: int) -> Callable[[Path, Path], WorkerProcess]:
            own = settings | {"port": port, "command": SHIFTED, "shifted_by": place.clock}
            return lambda data, log: WorkerProcess(role, place.way, f"{names[0]}:{names[1]}", data, log, **own)

        self.posts = [
            Post(number, start(place, ports[number]), folder, place.disk, calm) for number, place in enumerate(places)
        ]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="crew", daemon=True)

    @property
    def exits(self) -> list[Exit]:
        """How workers have ended so far, in order for each of them."""
        return [each for post in self.posts for each in post.exits]

    def start(self) -> None:
        """All of them."""
        for post in self.posts:
            post.start()
        self._thread.start()

    def restart(self) -> None:
        """SIGKILL and a new process for each, with nobody left who remembers anything."""
        for post in self.posts:
            with post.lock:
                post.kill()
                post.start()

    def leave(self) -> None:
        """SIGTERM for all at once, after which none is started any more."""
        self._end(Post.leave)

    def kill(self) -> None:
        """SIGKILL for all, after which none is started any more."""
        self._end(Post.kill)

    def _end(self, how: Callable[[Post], None]) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for post in self.posts:
            with post.lock:
                how(post)

    def _look_after(self) -> None:
        while not self._stop.wait(0.3):
            for post in self.posts:
                # whoever holds the lock is just doing something to it
                if post.lock.acquire(blocking=False):
                    try:
                        post.look_after()
                    finally:
                        post.lock.release()
