"""The demo from nothing to the count: broker, name server, topics, workers, one day, the end of it all."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from sidestep.streams.audit.findings import AuditReport
from sidestep.streams.audit.run import audit
from sidestep.streams.demo import summary
from sidestep.streams.demo.counting import VerdictCount, count
from sidestep.streams.demo.day import Day, Happening, Progress
from sidestep.streams.demo.display import Display, display
from sidestep.streams.demo.entrance import Entrance, GuardedEntrance, OpenEntrance
from sidestep.streams.demo.forger import Exposed, Forger
from sidestep.streams.demo.mailer import Mailer
from sidestep.streams.demo.model import Traffic, traffic
from sidestep.streams.demo.offers import Offers
from sidestep.streams.demo.parties import AUDITOR, DASHBOARD, OPERATOR, Parties
from sidestep.streams.demo.planning import Plan, plan
from sidestep.streams.demo.verdict_log import AnomalyReader, VerdictReader, all_keys, dead_letters, unproved
from sidestep.streams.explain.find import Wanted
from sidestep.streams.explain.run import VerdictQuestion, explain
from sidestep.streams.explain.story import VerdictStory
from sidestep.streams.local.nameserver import SMALL_WORLD, NameServer
from sidestep.streams.local.ports import free_port
from sidestep.streams.local.processes import WorkerProcess, Workers, one_for_each_role
from sidestep.streams.roles import USUAL
from sidestep.streams.screen.hash_key import former_file, hash_key
from sidestep.streams.screen.keys import Keys
from sidestep.streams.settings import Settings
from sidestep.streams.thresholds_file import read_thresholds
from sidestep.topics import admin
from sidestep.topics.connection import Connection
from sidestep.topics.signer import Signer

POLICY = Path(__file__).with_name("data") / "policy.toml"
WATCH = Path(__file__).with_name("data") / "watch.toml"
SOURCES = Path(__file__).with_name("data") / "sources.toml"
SESSION_TIMEOUT = 6
"""Seconds; the least that Kafka allows."""
STOP_PATIENCE = 10.0
"""Seconds. When this process is killed the broker goes as well, and workers would wait for it."""


class Demo:
    """One run in `folder`. `run` gives the count that says whether all went well."""

    def __init__(
        self, folder: Path, intents: int, seed: int, day_seconds: float, console: Console, secure: bool = False
    ):
        self._folder = folder
        self._entrance: Entrance = GuardedEntrance(folder) if secure else OpenEntrance(folder)
        self._intents = intents
        self._seed = seed
        self._day_seconds = day_seconds
        self._console = console
        self._traffic: Traffic = traffic()
        self._began = time.monotonic()

    def run(self) -> tuple[VerdictCount, AuditReport]:
        """The count, and what an audit says of all of it. Raises SidestepError, WorkerDied among them, and
        KeyboardInterrupt; nothing is left running."""
        with ExitStack() as stack:
            with self._step("Kafka is up"):
                kafka = stack.enter_context(self._entrance.kafka)
                admin.create(kafka.connection)
                self._entrance.open(self._traffic.services, Settings.group)
            names = stack.enter_context(NameServer(SMALL_WORLD))
            with self._step("workers are ready"):
                workers = stack.enter_context(Workers(self._workers(names)))
                planned = plan(self._traffic, self._seed, self._intents)
                names.load(planned.zones)
                workers.await_ready()
            outcome = self._day(names, workers, planned)
            with self._step("the log folded once more, and every verdict proved"):
                proved = audit(
                    self._connect(AUDITOR),
                    proofs=self._entrance.keys is not None,
                    rules=read_thresholds(Settings(watch=str(WATCH))),
                )
            story = self._explained(outcome)
        outcome.count.examples += [f"{each.place}: {each.text}" for part in proved.partitions for each in part.findings]
        summary.show(self._console, self._traffic.services, outcome)
        if story is not None:
            summary.show_story(self._console, story)
        return outcome.count, proved

    def _explained(self, outcome: summary.DaySummary) -> VerdictStory | None:
        """The story of one verdict, for which a history counts if there is any such; None: nothing was stopped."""
        seen = outcome.tally.telling()
        if seen is None:
            return None
        question = VerdictQuestion(Wanted(seen.service, seen.id), seen.attempt)
        with self._step("one verdict explained"):
            story = explain(self._connect(AUDITOR), question, Keys(hash_key(Settings(data_dir=str(self._folder)))))
        return story if isinstance(story, VerdictStory) else None

    def _connect(self, principal: str) -> Connection:
        return self._entrance.access(principal).connect()

    def _day(self, names: NameServer, workers: Workers, planned: Plan) -> summary.DaySummary:
        accidents = self._traffic.accidents
        mailer = Mailer(planned.fates, self._traffic.engagement, accidents.report_twice, self._seed)
        offers = Offers(self._traffic.services, accidents.offered_though_sent, self._seed)
        connection, forger = self._connect(DASHBOARD), self._forger()
        reading = VerdictReader(connection), AnomalyReader(connection)
        with reading[0] as reader, reading[1] as anomalies, display(self._console) as shown:
            day = Day(
                planned,
                self._day_seconds,
                Parties(self._connect, self._signer),
                reader,
                anomalies,
                mailer,
                offers,
                self._happenings(names, forger),
                self._show(workers, shown),
            )
            began = time.monotonic()
            day.run()
            day_seconds = time.monotonic() - began
        with self._step("verdicts counted once more, from the beginning"):
            workers.stop()  # so that no verdict can come after the count
            counted = count(day.published, all_keys(connection))
            dead = dead_letters(self._connect(OPERATOR))
        forged = self._forged(forger, counted)
        return summary.DaySummary(
            planned,
            day.tally,
            day.incidents,
            mailer,
            offers,
            counted,
            day.progress.published,
            dead,
            day_seconds,
            time.monotonic() - self._began,
            forged,
        )

    def _signer(self, principal: str) -> Signer | None:
        return self._entrance.keys.signer(principal) if self._entrance.keys else None

    def _forger(self) -> Forger | None:
        return Forger(self._connect, self._entrance.keys) if self._entrance.keys else None

    def _forged(self, forger: Forger | None, counted: VerdictCount) -> list[Exposed]:
        """What became of the forger's attempts; what is wrong goes into the count."""
        if forger is None or self._entrance.keys is None:
            return []
        with self._step("the forger's attempts looked for, and every verdict's proof checked"):
            outcomes = forger.outcomes()
            bad = unproved(self._connect(DASHBOARD), self._entrance.keys.verdict_keys(), counted.verdicts)
        counted.examples += [f"{each.text}: {each.by}" for each in outcomes if not each.stopped]
        counted.examples += [f"{bad} verdicts that nothing proves"] * bool(bad)
        return outcomes

    def _show(self, workers: Workers, shown: Display) -> Callable[[Progress], None]:
        def show(progress: Progress) -> None:
            workers.check()
            shown.show(progress)

        return show

    def _happenings(self, names: NameServer, forger: Forger | None) -> list[Happening]:
        def mend() -> None:
            names.fault("broken.example")

        forgery = [Happening(8, "a forger has the password and the key of one service", forger.begin)] if forger else []
        return [
            *forgery,
            Happening(0, "night: invoices go out"),
            Happening(3, "an incident: the monitoring repeats itself"),
            Happening(6, "morning: people sign up, some with slips of the keyboard"),
            Happening(10, "orders, parcels, passwords; broken.example's name servers answer again", mend),
            Happening(12, "noon: the weekly issue goes to every subscriber"),
            Happening(15, "afternoon: somebody imports a list from 2017, half of it dead"),
            Happening(18, "evening: orders, and a survey of all customers"),
            Happening(22.5, "late: what was deferred is offered again"),
        ]

    def _workers(self, names: NameServer) -> list[WorkerProcess]:
        ours = Settings(data_dir=str(self._folder))  # its secrets are kept, for whoever goes on with this folder
        key, former = hash_key(ours), former_file(ours)
        settings = {
            "hash_key": key.hex(),
            "hash_key_former_file": str(former.resolve()) if former is not None else "",
            "name_servers": f"{names.host}:{names.port}",
            "policy": POLICY,
            "watch": WATCH,
            "sources": SOURCES,
            "session_timeout": SESSION_TIMEOUT,
            "log_format": "text",
            **(self._entrance.keys.settings if self._entrance.keys else {}),
        }
        ports = [free_port() for _ in USUAL]
        return one_for_each_role(self._folder, ports, self._entrance.access, settings, _environment(), STOP_PATIENCE)

    @contextmanager
    def _step(self, text: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._console.print(f"  {text} ({time.monotonic() - began:.1f} s)", markup=False)


def _environment() -> Mapping[str, str]:
    """Ours, without settings that are meant for another Sidestep."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SIDESTEP_")}
