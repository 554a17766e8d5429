"""A tenant that does nothing wrong: intents at an even rate, and for how long each waits for its verdict."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sidestep.topics.catalog import INTENTS
from tests.bench.measure import percentile
from tests.guarantees.harness.records import Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD

ANSWERED_SECONDS = 60.0
"""Within which what was published last has its verdict."""


class Honest:
    """One tenant. `under` may be called again and again; `judged` are the keys of all that it has published."""

    def __init__(self, system: System, rate: float = 25.0):
        self._system = system
        self._between = 1 / rate
        self._sent: dict[Key, float] = {}
        """When each should have gone out: whatever holds this loop up counts as waiting, too."""

    @property
    def judged(self) -> list[str]:
        """The actions of the verdicts, one for each intent. Raises KeyError where one has none."""
        return [self._system.verdicts.verdicts[key].action for key in self._sent]

    def under(self, attack: Callable[[], object], seconds: float) -> list[float]:
        """Publish for so many seconds at least, and until `attack`, which another thread runs, is over; then wait for
        the last verdict. The seconds that each intent has waited, the shortest first."""
        waited: dict[Key, float] = {}
        before = len(self._sent)
        with ThreadPoolExecutor(1) as pool:
            attacked = pool.submit(attack)
            end = due = time.monotonic()
            end += seconds
            while due < end or not attacked.done():
                self._publish(due)
                due += self._between
                while time.monotonic() < due:
                    self._answered(waited)
            attacked.result()
        deadline = time.monotonic() + ANSWERED_SECONDS
        while len(waited) < len(self._sent) - before:
            missing = len(self._sent) - before - len(waited)
            assert time.monotonic() < deadline, f"{missing} honest intents have no verdict; of {len(self._sent)}"
            self._answered(waited)
        return sorted(waited.values())

    def _publish(self, due: float) -> None:
        number = len(self._sent)
        id, to = f"honest-{number}", f"a{number}@{GOOD[number % len(GOOD)]}"
        self._sent["honest", id, 1, to] = due
        value = json.dumps({"id": id, "to": to, "service": "honest"}).encode()
        self._system.feed.send([(INTENTS.name, f"honest/{id}", value)])

    def _answered(self, waited: dict[Key, float]) -> None:
        for verdict in self._system.verdicts.poll(0.01):
            key = (verdict.service, verdict.id, verdict.attempt, verdict.to)
            if key in self._sent:
                waited[key] = time.monotonic() - self._sent[key]


def p99(waited: list[float]) -> float:
    """Of seconds, the shortest first."""
    return percentile(waited, 0.99)
