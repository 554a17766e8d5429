"""One of the two lanes: does a plan's steps one after the other, in a thread of its own, and remembers what goes on."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.soak.plan import KILLS, Step

Do = Callable[[Step], None]


class Lane:
    """Steps from start() to finish(). `doing` is for people: the fault under way, or nothing."""

    def __init__(self, steps: Iterator[Step], do: Do, journal: Path, stop: threading.Event, begins: float):
        self.doing = ""
        self.faults = 0
        self.kills = 0
        self.failure = ""
        self._steps = steps
        self._do = do
        self._journal = journal
        self._stop = stop
        self._begins = begins
        self._healed = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=journal.stem, daemon=True)

    def start(self) -> None:
        """Begin, after the seconds that were given."""
        self._thread.start()

    def finish(self) -> None:
        """Wait for the end of the step under way: whoever makes a fault heals it, too."""
        self._thread.join()

    @property
    def running(self) -> bool:
        """A step may be under way."""
        return self._thread.is_alive()

    def calm(self, since: float) -> bool:
        """Nothing has gone on since that moment of time.monotonic()."""
        return not self.doing and self._healed < since

    def _run(self) -> None:
        self._stop.wait(self._begins)
        for step in self._steps:
            if self._stop.is_set():
                return
            self._one(step)
            self._stop.wait(step.rest)

    def _one(self, step: Step) -> None:
        self.doing = f"{step.kind} {step.target}" + (f" {step.seconds:.0f} s" if step.seconds >= 3 else "")
        self.faults += 1
        self.kills += step.kind in KILLS
        self._note(self.doing)
        try:
            self._do(step)
        except Exception as error:  # noqa: BLE001  a thread's error must reach the end of the soak
            self.failure = f"{self.doing}: {type(error).__name__}: {error}"
            self._stop.set()
        self._note(f"{self.doing} healed")
        self._healed = time.monotonic()
        self.doing = ""

    def _note(self, text: str) -> None:
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%H:%M:%S')}.{time.time_ns() // 1_000_000 % 1000:03} {text}\n")
