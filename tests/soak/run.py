"""A soak from beginning to end: starts everything, lets two lanes of faults go, heals, counts, compares."""

import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sidestep.streams.local.nameserver import NameServer
from sidestep.topics import admin
from tests.guarantees.harness.proxy import Proxy
from tests.guarantees.harness.small_disk import SmallDisk
from tests.guarantees.harness.traffic import tight_policy
from tests.soak.brokers import Brokers
from tests.soak.checker import Account, Outcome, bad_exits, ends
from tests.soak.crew import Crew, Place
from tests.soak.ending import compare_with_changelogs, compare_with_model
from tests.soak.lane import Lane
from tests.soak.load import Load
from tests.soak.plan import LINK, NAMES, NODE, WORKER, WORKERS, WORLD, Kind, Step, plan
from tests.soak.progress import Progress, Standing
from tests.soak.watch import Watch, everything
from tests.soak.worker_faults import WORKER_FAULTS
from tests.soak.world_faults import NAMES as ZONES
from tests.soak.world_faults import WORLD_FAULTS, World

BEGIN_SECONDS = 8.0
"""So long nothing goes wrong."""
QUIET_SECONDS = 5.0
"""After the last verdict, before it is believed that no more will come."""
CALM_SECONDS = 10.0
"""So long after the world was healed a worker may still end because of it."""
READY_SECONDS = 60.0
READY = ("ok", "standby")
MODEL_MOST = 250_000
"""Intents that are folded again in one go; of more, ledgers are compared with changelogs."""


@dataclass(frozen=True)
class Options:
    """What one may ask for. `patience`: seconds without any verdict after which what is missing has stalled."""

    seconds: float
    seed: int
    rate: int
    workers: int
    kinds: tuple[Kind, ...]
    patience: float


class Soak:
    """One soak in a folder. run() gives its outcome; close() ends all processes."""

    def __init__(
        self,
        options: Options,
        folder: Path,
        progress: Progress,
        brokers: Brokers,
        links: Sequence[Proxy],
        disks: Sequence[SmallDisk],
    ):
        self._options = options
        self._folder = folder
        self._progress = progress
        self._brokers = brokers
        self._lock = threading.Lock()
        self._account = Account()
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._phase = "starting"
        clocks = [folder / f"w{number}.clock" for number in range(options.workers)]
        self._world = World(brokers, NameServer(ZONES).start(), clocks, links, disks)
        self._lanes: list[Lane] = []
        self._crew: Crew | None = None

    def run(self) -> Outcome:
        """From empty topics to the last comparison."""
        options, connection = self._options, self._brokers.connection
        admin.create(connection, replication=self._brokers.replication)
        load = Load(connection, self._account, self._lock, options.rate, options.seed)
        watch = Watch(connection, self._account, self._lock, load.answered.put)
        crew = self._crew = self._make_crew()
        self._lanes = [self._lane(name) for name in (WORKERS, WORLD)]
        self._began = time.monotonic()
        crew.start()
        load.start()
        watch.start()
        for lane in self._lanes:
            lane.start()
        self._let_it_happen()
        load.finish()
        stalled, lost = self._rest(watch, crew)
        watch.finish()
        failures = self._not_ready(crew)
        crew.leave()
        self._progress.say(f"ends of workers: {ends(crew.exits)}")
        final = self._compare(load, failures)
        return Outcome(
            acknowledged=final.acknowledged, verdicts=final.verdicts, stalled=stalled,
            lost=max(lost, len(final.lost())), repeated=len(final.repeated()),
            kills=sum(lane.kills for lane in self._lanes), faults=sum(lane.faults for lane in self._lanes),
            failures=(*failures, *bad_exits(crew.exits)),
        )  # fmt: skip

    def close(self) -> None:
        """End whatever still runs."""
        self._stop.set()
        for lane in self._lanes:
            lane.finish()
        if self._crew is not None:
            self._crew.kill()
        self._brokers.close()
        self._world.names.stop()

    def keep(self) -> None:
        """Copy what is on small disks, which are gone when the soak has ended, to where all the rest is."""
        for disk in self._world.disks:
            shutil.copytree(disk.path, self._folder / f"{disk.path.name}-kept")

    def _make_crew(self) -> Crew:
        policy = self._folder / "policy.toml"
        policy.write_text(tight_policy(), "utf-8")
        places = [self._place(number) for number in range(self._options.workers)]
        return Crew(places, self._world.names.address, self._folder, self._calm, policy=policy)

    def _place(self, number: int) -> Place:
        world = self._world
        way = world.links[number].connection if world.links else self._brokers.connection
        disk = world.disks[number].path if world.disks else self._folder
        world.clocks[number].write_text("0")
        return Place(way, disk, world.clocks[number])

    def _calm(self, since: float) -> bool:
        return all(lane.calm(since - CALM_SECONDS) for lane in self._lanes[1:])

    def _lane(self, name: str) -> Lane:
        workers = self._options.workers
        targets = {WORKER: workers, NODE: self._brokers.count, LINK: workers + 1, NAMES: 1}
        steps = plan(self._options.seed, name, self._options.kinds, targets)
        do = self._worker_step if name == WORKERS else self._world_step
        return Lane(steps, do, self._folder / f"{name}.journal", self._stop, BEGIN_SECONDS)

    def _worker_step(self, step: Step) -> None:
        assert self._crew is not None
        WORKER_FAULTS[step.kind](self._crew.posts[step.target], step.seconds, self._stop.wait)

    def _world_step(self, step: Step) -> None:
        WORLD_FAULTS[step.kind](self._world, step.target, step.seconds, self._stop.wait)

    def _let_it_happen(self) -> None:
        self._phase = ""
        end = self._began + self._options.seconds
        while time.monotonic() < end and not self._stop.wait(0.5):
            self._show()
        self._stop.set()
        self._phase = "healing"
        for lane in self._lanes:
            while lane.running:
                self._show()
                time.sleep(0.2)

    def _rest(self, watch: Watch, crew: Crew) -> tuple[int, int]:
        """How many have no verdict when no more come, and how many when workers were restarted after that."""
        self._phase = "resting"
        stalled = self._drain(watch)
        if not stalled:
            return 0, 0
        states = "; ".join(f"worker {post.number}: {post.state()}" for post in crew.posts)
        self._progress.say(f"{stalled} intents have no verdict, and no more come. {states}. Restarting the workers.")
        crew.restart()
        return stalled, self._drain(watch)

    def _drain(self, watch: Watch) -> int:
        began = time.monotonic()
        while True:
            self._show()
            time.sleep(0.2)
            silent = time.monotonic() - max(watch.last, began)
            with self._lock:
                behind = self._account.behind
            if silent > (self._options.patience if behind else QUIET_SECONDS):
                return behind

    def _not_ready(self, crew: Crew) -> list[str]:
        """Everything is healed: who does not say so after a while?"""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            self._show()
            states = {post.number: post.state() for post in crew.posts}
            wrong = [f"worker {number} is not ready: {state}" for number, state in states.items() if state not in READY]
            if not wrong or time.monotonic() > deadline:
                return wrong
            time.sleep(0.5)

    def _compare(self, load: Load, failures: list[str]) -> Account:
        """All verdicts and ledgers, read again; what is wrong is added to `failures`."""
        self._phase = "comparing"
        self._show()
        connection = self._brokers.connection
        final = self._account.anew()
        dead = everything(connection, final)
        failures += [lane.failure for lane in self._lanes if lane.failure] + load.failed[:3]
        if dead:
            failures.append(f"{dead} dead letters")
        if strange := final.strange():
            failures.append(f"verdicts about what nobody has sent: {strange[:3]}")
        folder = self._fresh_ledgers(failures)
        compare = compare_with_model if final.acknowledged <= MODEL_MOST else compare_with_changelogs
        if difference := compare(connection, folder):
            failures.append(difference)
        return final

    def _fresh_ledgers(self, failures: list[str]) -> Path:
        """A worker with an empty folder recovers every ledger and leaves: what the changelogs give. It only decides: a
        Screen would write ticks until it has left, and nobody would fold them."""
        fresh = self._folder / "fresh"
        fresh.mkdir()
        (fresh / "clock").write_text("0")
        place = Place(self._brokers.connection, fresh, fresh / "clock")
        policy = self._folder / "policy.toml"
        crew = Crew([place], self._world.names.address, fresh, lambda _: True, role="decide", policy=policy)
        post = crew.posts[0]
        post.start()
        deadline = time.monotonic() + self._options.patience
        quiet = 0
        while quiet < 2 and time.monotonic() < deadline:  # once may be from before what was written last
            quiet = quiet + 1 if post.state() == "ok" and post.nothing_waits() else 0
            self._show()
            time.sleep(1.1)
        if quiet < 2:
            failures.append(f"the worker that is compared has not handled everything: {post.state()}")
        post.leave()
        failures += bad_exits(post.exits)
        return post.data

    def _show(self) -> None:
        with self._lock:
            account = self._account
            numbers = account.acknowledged, account.verdicts, account.behind
        doing = [lane.doing for lane in self._lanes if lane.doing] + ([self._phase] if self._phase else [])
        kills, faults = sum(lane.kills for lane in self._lanes), sum(lane.faults for lane in self._lanes)
        elapsed = time.monotonic() - self._began
        self._progress.show(Standing(elapsed, self._options.seconds, doing, *numbers, kills, faults))
