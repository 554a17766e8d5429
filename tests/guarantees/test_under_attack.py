"""One worker with 512 MB and all roles is attacked in every way that we know, while a tenant who does nothing wrong is
served: each of its intents is approved, once, in time; the worker lives, and goes on.

The worker may not have more than 512 MB of data (RLIMIT_DATA: heaps, stacks and what else it alone writes to), and what
it had in memory at the most (VmHWM: its libraries' files, too) is compared with the same. `-s` shows a table: how long
the event loop was silent at the most, memory, and for how long honest intents have waited, calm and under attack.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.topics.catalog import BOUNCES, INTENTS
from tests.guarantees.harness import attacks
from tests.guarantees.harness.honest import Honest, p99
from tests.guarantees.harness.system import System
from tests.guarantees.harness.workers import SIDESTEP, wait_for

MEMORY = 512 * 2**20
LIMITED = ("sh", "-c", f'ulimit -d {MEMORY // 1024} && ulimit -s 1024 && exec "$@"', "sh", *SIDESTEP)
"""The stacks of some hundred threads count with all that they may grow to, which usually is 8 MB."""
SILENCE = 0.1
BUSY = 30
"""Records that wait while nothing does but honest ones."""

PATIENCE = 60.0
"""Seconds that an honest intent may take on a machine with much else to do: with a load of 20 on two cores bombs of
450 MB in all took 15. One that never answers is told of by Honest itself."""


class Seen(NamedTuple):
    """What an attack did: of the loop's silences the number that were longer than SILENCE, and the longest."""

    attack: str
    silences: int
    longest: float
    """Seconds; the upper end of the metric's bucket."""
    memory: int
    """Octets, the most since the attack began."""
    calm: float
    """p99 of honest intents before it, seconds."""
    under: float

    def __str__(self) -> str:
        ratio = self.under / self.calm
        return (
            f"{self.attack:<16}{self.silences:>9}{self.longest * 1000:>12,.0f}{self.memory / 2**20:>10,.0f}"
            f"{self.calm * 1000:>12,.0f}{self.under * 1000:>12,.0f}{ratio:>8.1f}"
        )


HEAD = f"{'attack':<16}{'> 100 ms':>9}{'longest ms':>12}{'MB':>10}{'p99 calm':>12}{'p99 under':>12}{'ratio':>8}"


class Field:
    """A worker that has no more than its memory, and the honest tenant."""

    def __init__(self, system: System, feed: attacks.Feed):
        system.policy.write_bytes(SHIPPED.read_bytes())
        sources = system.folder / "sources.toml"
        sources.write_text(f'[feeds.hostile]\nsource = "{feed.address}"\nrefresh = 2\n', "utf-8")
        self.system, self.feed = system, feed
        self.worker = system.start("all", sources=sources, command=LIMITED).await_ready()
        self.honest = Honest(system)
        self.seen: list[Seen] = []

    def attacked(self, name: str, launch: Callable[[], object], calm_seconds: float, seconds: float) -> None:
        """A time of calm, and then one in which something is launched, and handled."""
        calm = p99(self.honest.under(lambda: None, calm_seconds))
        before = self._silences()
        self.worker.forget_most_memory()
        under = p99(self.honest.under(lambda: self._handled(launch), seconds))
        after = self._silences()
        silent = {bound: after[bound] - before[bound] for bound in after}
        longest = min((bound for bound in silent if silent[bound] == silent[max(silent)]), default=0.0)
        number = round(silent[max(silent)] - silent[SILENCE])
        seen = Seen(name, number, longest, self.worker.most_memory(), calm, under)
        self.seen.append(seen)
        print(seen, flush=True)

    def _handled(self, launch: Callable[[], object]) -> None:
        launch()
        quiet: list[bool] = []

        def nothing_waits() -> bool:
            quiet.append(self.worker.lag() < BUSY)
            return quiet[-2:] == [True, True]

        wait_for(nothing_waits, 90, "the attack has been handled", every=1.1, why=lambda: self.worker.said[-3000:])

    def _silences(self) -> dict[float, float]:
        """Looks at the loop by the bound that they did not exceed."""
        found = self.worker.metric("sidestep_loop_silence_seconds_bucket")
        return {float(labels.split('"')[1]): value for labels, value in found.items()}

    def over(self) -> None:
        """Nothing is left of it: calm is as before, everything honest was approved, once, and the worker leaves."""
        self.honest.under(lambda: None, 2)
        assert {"send"} == set(self.honest.judged)
        assert self.system.verdicts.repeated() == []
        assert self.worker.ready() and self.worker.leave() == 0


@pytest.fixture
def field(system: System) -> Iterator[Field]:
    """Ready."""
    with attacks.Feed() as feed:
        yield Field(system, feed)


def _attack(field: Field, scale: int, calm_seconds: float, seconds: float) -> list[Seen]:
    """All of them, one after the other."""
    system, worker = field.system, field.worker
    print("\n" + HEAD)
    launches = {
        "nothing": lambda: None,
        "fat names": attacks.fat_names(system, 20 * scale),
        "silent names": attacks.silent_names(system, 100 * scale),
        "rubbish": attacks.rubbish(system, 1_000 * scale),
        "bombs": attacks.bombs(system, 4 * scale),
        "packed": attacks.packed(system, scale),
        "headers": attacks.large_headers(system, 10 * scale),
        "webhooks": attacks.webhooks(system, 2 * scale),
        "mail": attacks.mail(system, 2 * scale),
        "marks": attacks.marks(system, 20 * scale),
        "connections": attacks.connections(worker.port, seconds),
        "feed": field.feed.swell(worker, 1_600_000 * scale),
    }
    for name, launch in launches.items():
        field.attacked(name, launch, calm_seconds, seconds)
    _arrived(field)
    field.over()
    return field.seen


def _arrived(field: Field) -> None:
    """What was sent was looked at, and refused for what it is."""
    letters = field.worker.metric("sidestep_dead_letters_total")
    for topic, reason in ((INTENTS, "not-json"), (INTENTS, "too-large"), (BOUNCES, "too-many-events")):
        assert letters[f'{{reason="{reason}",topic="{topic.name}"}}'] > 0
    answers = field.worker.metric("sidestep_dns_outcomes_total")
    for reason in ("timeout", "too-large"):
        assert answers[f'{{outcome="unknown",reason="{reason}"}}'] > 0


@pytest.mark.timeout(300)
def test_a_small_worker_lives_through_every_attack(field: Field) -> None:
    """A little of each."""
    for seen in _attack(field, 1, 0.5, 1.5):
        assert seen.memory < MEMORY
        assert seen.under < PATIENCE


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_small_worker_lives_through_much_of_every_attack(field: Field) -> None:
    """Five times of each."""
    for seen in _attack(field, 5, 10.0, 10.0):
        assert seen.memory < MEMORY
        assert seen.under < PATIENCE
