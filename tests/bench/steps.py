"""The steps of the benchmark, in the order in which one prepares the next. One system runs at a time."""

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.status import Status

from sidestep.schemas.codec import encode
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.ports import free_port
from sidestep.topics.catalog import (
    APPROVED,
    CATALOG,
    EVIDENCE,
    IDS_CHANGELOG,
    INTENTS,
    LEDGER_CHANGELOG,
    REJECTED,
    TALLIES,
)  # fmt: skip
from sidestep.topics.keys import record_key
from tests.bench.faust_agent import KEPT
from tests.bench.kafka_log import KafkaLog
from tests.bench.latency import measure_latency
from tests.bench.measure import Cost, Sample, cost
from tests.bench.processes import Child, Spy, cpu_seconds, script, sidestep
from tests.bench.recovery import time_recovery, write_ledger
from tests.bench.report import Results
from tests.bench.workload import intents, roomy_policy

STEPS = ("screen", "loop", "decide", "audit", "faust", "both", "latency", "recovery")
VERDICTS = (APPROVED.name, REJECTED.name)
OF_DECIDE = (*VERDICTS, TALLIES.name, LEDGER_CHANGELOG.name, IDS_CHANGELOG.name)
LOOP_OUTPUT = "bench-loop"
FAUST_OUTPUTS = ("bench-faust-approved", "bench-faust-rejected")

WARM = 0.1
"""Share of the records that goes through before it counts: start, assignment and first look-ups."""
POLL = 0.025
QUIET_SECONDS = 0.7
"""All is done when so long nothing has come any more."""
SILENCE_SECONDS = 40.0
AUDIT_SECONDS = 300.0


class Sizes(NamedTuple):
    """How much of everything. `faust`: events that it gets to do, `seconds`: how long latency is measured."""

    intents: int
    faust: int
    recipients: int
    seconds: float
    rounds: int


class Bench:
    """One benchmark on one broker that belongs to it."""

    def __init__(
        self, kafka: EmbeddedKafka, folder: Path, sizes: Sizes, results: Results, console: Console, profile: Path | None
    ):
        self._connection = kafka.connection
        self._kafka = psutil.Process(kafka.pid)
        self._folder = folder
        self._sizes = sizes
        self._results = results
        self._console = console
        self._profile = profile
        self._log = KafkaLog(kafka.connection)
        self._runs = 0
        self._policy = folder / "policy.toml"
        self._dns = ""
        self._environment = {"SIDESTEP_HASH_KEY": secrets.token_hex(32), "SIDESTEP_LOG_FORMAT": "json"}

    def run(self, wanted: Sequence[str]) -> None:
        """Measure what is wanted; Screen runs in any case, since it writes the evidence that the others read."""
        with ExitStack() as stack:
            self._prepare(stack)
            self.screen()
            for _ in range(self._sizes.rounds):
                for step in ("loop", "decide", "audit", "faust"):
                    if step in wanted:
                        getattr(self, step)()
            if "recovery" in wanted:
                self.recovery()
            if "both" in wanted or "latency" in wanted:
                self.both("latency" in wanted)

    # -- what each system does -----------------------------------------------------------------------------------------

    def screen(self) -> None:
        """Intents to evidence: Screen alone."""
        with self._doing("screen") as status, self._worker("screen") as worker:
            samples = self._watch([worker], (EVIDENCE.name,), self._sizes.intents, status)
            self._note("screen", samples, self._sizes.intents)

    def loop(self) -> None:
        """Evidence to verdicts that nobody judged."""
        self._log.renew(LOOP_OUTPUT)
        command = script("loop", self._connection, EVIDENCE.name, LOOP_OUTPUT)
        with self._doing("loop") as status, self._child("loop", command) as child:
            samples = self._watch([child], (LOOP_OUTPUT,), self._sizes.intents, status)
            self._note("loop", samples, self._sizes.intents)

    def decide(self) -> None:
        """Evidence to verdicts, with an empty ledger at the beginning."""
        self._log.renew(*OF_DECIDE)
        with self._doing("decide") as status, self._worker("decide") as worker:
            samples = self._watch([worker], VERDICTS, self._sizes.intents, status)
            self._note("decide", samples, self._sizes.intents)
            self._results.approved = self._log.records(APPROVED.name) / samples[-1].records

    def audit(self) -> None:
        """All that Decide has written in this round, proved again."""
        with self._doing("audit"), self._child("audit", script("audited", self._connection)) as child:
            measured = Cost(**json.loads(child.wait(AUDIT_SECONDS).splitlines()[-1]))
        self._results.add("audit", measured)
        self._say(f"audit: {measured.microseconds:.1f} µs CPU, {measured.a_second:,.0f} a second")

    def faust(self) -> None:
        """The first part of the same evidence, by the Faust agent; then it is ended."""
        data = self._new_folder("faust-data")
        name = f"bench-{data.name}"
        # Faust would make its changelogs itself, and now and then not find them a moment later
        self._log.renew(*FAUST_OUTPUTS, *(f"{name}-{table.name}-changelog" for table in KEPT))
        command = script("faust_agent", self._connection, data, *FAUST_OUTPUTS, name)
        warm = int(self._sizes.faust * WARM)
        with self._doing("faust") as status, self._child("faust", command) as child:
            samples = self._watch([child], FAUST_OUTPUTS, warm + self._sizes.faust, status, ends=True)
            self._note("faust", samples, None, warm)

    def both(self, and_latency: bool) -> None:
        """Intents to verdicts, from nothing; then, at half of that load, how long one takes."""
        self._log.renew(*(topic.name for topic in CATALOG if topic is not INTENTS))
        with self._doing("both") as status, self._worker("decide") as decide, self._worker("screen") as screen:
            samples = self._watch([screen, decide], VERDICTS, self._sizes.intents, status)
            measured = self._note("both", samples, self._sizes.intents)
            if and_latency:
                self._latency(measured.a_second / 2, status)

    def _latency(self, rate: float, status: Status) -> None:
        self._say(f"latency: {rate:,.0f} intents/s for {self._sizes.seconds:.0f} s")

        def told(count: int) -> None:
            status.update(f"latency: {count:,} verdicts")

        log = self._new_folder("publisher") / "log"
        began, cpu = time.monotonic(), cpu_seconds(self._kafka)
        self._results.latency = measure_latency(self._connection, rate, self._sizes.seconds, log, told)
        self._results.broker_cores = (cpu_seconds(self._kafka) - cpu) / (time.monotonic() - began)

    def recovery(self) -> None:
        """A full ledger into an empty folder, then all of the evidence on top of it."""
        recipients = self._sizes.recipients
        self._log.renew(*OF_DECIDE)
        with self._doing(f"recovery: writing a ledger of {recipients:,} recipients") as status:
            write_ledger(self._log, recipients)
            port = free_port()

            def told(count: int) -> None:
                status.update(f"recovery: {count:,} records")

            with self._worker("decide", web_port=port, measured="recovery") as worker:
                self._results.recovery = time_recovery(worker, port, EVIDENCE.partitions, told)
                self._results.recovered_mb = worker.peak_megabytes()
                self._watch([worker], VERDICTS, self._sizes.intents, status)
                self._results.recipients, self._results.peak_mb = recipients, worker.peak_megabytes()

    # -- how it is measured --------------------------------------------------------------------------------------------

    def _watch(
        self, children: Sequence[Child], topics: Sequence[str], expected: int, status: Status, ends: bool = False
    ) -> list[Sample]:
        """Samples until nothing more comes; with `ends` until `expected` is reached. Raises Ended, RuntimeError."""
        samples = [self._sample(children, topics)]
        changed = samples[0].at
        while True:
            sample = self._sample(children, topics)
            if sample.records != samples[-1].records:
                changed = sample.at
                status.update(f"{children[0].name}: {sample.records:,} of {expected:,}")
            samples.append(sample)
            if sample.records >= expected and (ends or sample.at - changed > QUIET_SECONDS):
                return samples
            if sample.at - changed > SILENCE_SECONDS:
                found = f"only {sample.records:,} of {expected:,} records came"
                raise RuntimeError(f"{children[0].name}: {found}\n{children[0].said()}")
            time.sleep(POLL)  # between two samples

    def _sample(self, children: Sequence[Child], topics: Sequence[str]) -> Sample:
        records = self._log.records(*topics)
        return Sample(time.monotonic(), sum(child.cpu() for child in children), records)

    def _note(self, system: str, samples: list[Sample], results: int | None, warm: int | None = None) -> Cost:
        end = samples[-1].records
        measured = cost(samples, int(end * WARM) if warm is None else warm, end, results)
        self._results.add(system, measured)
        self._say(f"{system}: {measured.microseconds:.1f} µs CPU, {measured.a_second:,.0f} a second")
        return measured

    # -- what it takes -------------------------------------------------------------------------------------------------

    def _prepare(self, stack: ExitStack) -> None:
        shipped = (files("sidestep.streams.decide") / "policy.toml").read_text("utf-8")
        self._policy.write_text(roomy_policy(shipped), "utf-8")
        names = stack.enter_context(self._child("names", script("names")))
        self._dns = f"127.0.0.1:{_first_line(names)}"
        self._log.renew(*(topic.name for topic in CATALOG))
        with self._doing(f"writing {self._sizes.intents:,} intents"):
            records = ({"key": record_key(intent), "value": encode(intent)} for intent in intents(self._sizes.intents))
            self._log.fill(INTENTS.name, records)

    @contextmanager
    def _worker(self, role: str, web_port: int = 0, measured: str = "") -> Iterator[Child]:
        name = measured or role
        folder = self._new_folder(name)
        command = sidestep(
            "worker", "--role", role, "--broker", self._connection, "--data-dir", folder / "data",
            "--policy", self._policy, "--name-servers", self._dns, "--web-port", web_port,
        )  # fmt: skip
        environment = {**self._environment, "SIDESTEP_GROUP": f"bench-{folder.name}"}
        with Child(name, command, folder / "log", environment) as child, self._profiled(child, folder.name):
            yield child

    def _child(self, name: str, command: list[str]) -> Child:
        return Child(name, command, self._new_folder(name) / "log")

    @contextmanager
    def _profiled(self, child: Child, name: str) -> Iterator[None]:
        """py-spy beside the process, until that ends. It costs the process a little."""
        if self._profile is None:
            yield
            return
        self._profile.mkdir(parents=True, exist_ok=True)
        with Spy(child, self._profile / f"{name}.txt"):
            yield

    def _new_folder(self, name: str) -> Path:
        self._runs += 1
        folder = self._folder / f"{self._runs:02d}-{name}"
        folder.mkdir()
        return folder

    @contextmanager
    def _doing(self, what: str) -> Iterator[Status]:
        began = time.monotonic()
        with self._console.status(what) as status:
            yield status
        self._say(f"{what}: done in {time.monotonic() - began:.0f} s")

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)


def _first_line(child: Child) -> str:
    deadline = time.monotonic() + 20
    while "\n" not in (said := child.log.read_text("utf-8")):
        child.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{child.name} does not say its port")
        time.sleep(0.02)  # until it has, or the deadline
    return said.splitlines()[0]
