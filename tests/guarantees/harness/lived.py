"""A log that has lived through whatever a log lives through: what the big proof is about."""

import time
from collections.abc import Callable
from typing import Any

from click.testing import CliRunner

from sidestep.schemas import Bounce, ModelRecord, ModelSnapshot, Verdict
from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.decide.policy_text import version_of
from sidestep.topics.catalog import BOUNCES, EVIDENCE
from tests.guarantees.harness.records import Input
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD, Traffic
from tests.guarantees.harness.workers import HASH_KEY, WorkerProcess
from tests.leaks import MARK

POLICIES = ('default = "600/min,max_burst=50"', 'default = "900/min,max_burst=70"')
"""In place of the limit of tight_policy()."""
PART = 100
COME_BACK = 2
"""Of each part."""
SECONDS_EACH = 0.005
"""So long an event may take at most, on a machine that has something else to do."""
STARTING = 60.0


class Lived:
    """A system under traffic. `events`: how many records services and mailers publish, roughly. `between`: called in
    the middle of it. `settings`: of the workers."""

    def __init__(
        self, system: System, events: int, between: Callable[[], None] = lambda: None, seed: int = 63, **settings: Any
    ):
        self.system = system
        self.traffic = Traffic(seed=seed)
        self._quarter = events // 4
        self._between = between
        self._settings = settings
        self._seconds = STARTING + events * SECONDS_EACH
        self._screen, self._decide = self._started()
        self._watch = system.start("watch", **settings).await_ready()

    def live(self) -> None:
        """Four quarters of traffic; between them all that people and machines do, and deaths in the middle."""
        self._publish("first")
        self._say("hold", "add", "crm", "--until", "1h", "--reason", "a test")
        self._say("suppress", "add", f"{MARK}7@{GOOD[0]}", GOOD[1], "--reason", "asked for it", "--by", "ops")
        self._say("trap", "report", f"{MARK}8@{GOOD[2]}", GOOD[3], "--by", "ops")
        self._model(1)
        self._change_policy(POLICIES[0])
        self._publish("second", halfway=self._kill)
        self._screen, self._decide = self._started(self._screen, self._decide)
        self._say("hold", "release", "crm")
        self._say("marks", "undo", f"{MARK}9@{GOOD[2]}", "--reason", "forged", "--by", "ops")
        self._between()
        self._bounce_and_write_again()
        self._publish("third")
        self._model(2)
        self._change_policy(POLICIES[1])
        self._publish("fourth")
        self._await_all()

    def leave(self) -> None:
        """The workers go, all that was published has its verdict."""
        self._watch.await_nothing_waits()
        assert [0, 0, 0] == [worker.leave() for worker in (self._screen, self._decide, self._watch)]

    def _started(self, *former: WorkerProcess) -> list[WorkerProcess]:
        """Screen and Decide; on the folders of those before them."""
        workers = [
            self.system.start(role, former[number].data if former else None, **self._settings)
            for number, role in enumerate(("screen", "decide"))
        ]
        return [worker.await_ready() for worker in workers]

    def _kill(self) -> None:
        """In the midst of batches and transactions."""
        for worker in (self._decide, self._screen):
            worker.kill()

    def _publish(self, label: str, halfway: Callable[[], None] = lambda: None) -> None:
        """A quarter of the events. `halfway`: called once workers are in the midst of it."""
        verdicts, judged = self.system.verdicts, len(self.system.verdicts.seen)
        for number in range(self._quarter // PART):
            self.system.feed.send(self.traffic.some(PART, label))
            new = verdicts.poll(0.001)
            self.traffic.answered(new[-5:])
            self.system.feed.send(_bounce(verdict) for verdict in [each for each in new if each.token][:COME_BACK])
            if number == self._quarter // PART // 2:
                deadline = time.monotonic() + self._seconds
                while len(verdicts.seen) == judged:
                    assert time.monotonic() < deadline, "no verdict came"
                    verdicts.poll()
                halfway()
        self.system.feed.flush()

    def _bounce_and_write_again(self) -> None:
        """Some of what was sent comes back with its token; returns once a verdict says that it has."""
        verdicts, deadline = self.system.verdicts, time.monotonic() + self._seconds
        sent = [verdict for verdict in verdicts.verdicts.values() if verdict.token][-5:]
        self.system.feed.send(map(_bounce, sent))
        while not any(rule.id == "recipient-hard-bounce" for each in verdicts.poll() for rule in each.rules):
            assert time.monotonic() < deadline, "nobody has heard of the bounces"
            self.system.feed.send(self.traffic.to(verdict.to, "again") for verdict in sent)
            time.sleep(0.1)

    def _change_policy(self, limit: str) -> None:
        """Another limit in the file, which Screen takes while it runs; returns once verdicts are made by it."""
        system = self.system
        text = system.policy.read_text("utf-8")
        (old,) = [each for each in (*POLICIES, 'default = "300/min,max_burst=40"') if each in text]
        changed = text.replace(old, limit)
        system.policy.write_text(changed, "utf-8")
        deadline = time.monotonic() + self._seconds
        wanted = version_of(changed)
        while not any(verdict.versions.policy == wanted for verdict in system.verdicts.poll()):
            assert time.monotonic() < deadline, "no verdict is made by the changed policy"
            system.feed.send(self.traffic.some(1, "waiting"))
            time.sleep(0.02)

    def _model(self, number: int) -> None:
        """As Watch writes what it has learnt, once it has seen as much."""
        snapshot = encode(ModelSnapshot(outcomes=1000 * number, shifts={"never-mailed": 0.4 * number})).decode()
        value = encode(ModelRecord(f"model-{number}", int(time.time() * 1000), snapshot))
        for partition in range(EVIDENCE.partitions):
            self.system.feed.produce(EVIDENCE.name, key="model", value=value, partition=partition)
        self.system.feed.flush()

    def _say(self, *words: str) -> None:
        """A command of an operator."""
        more = ("--broker", str(self.system.connection))
        done = CliRunner().invoke(
            main, [*words, *more], env={"SIDESTEP_GROUP": self.system.folder.name, "SIDESTEP_HASH_KEY": HASH_KEY}
        )
        assert done.exit_code == 0, done.output

    def _await_all(self) -> None:
        self.system.verdicts.await_all(self.traffic.expected, self._seconds)


def _bounce(verdict: Verdict) -> Input:
    """The mailbox that it was sent to does not exist."""
    bounce = Bounce(
        recipient=verdict.to, kind="bounce", reason="userunknown", service=verdict.service,
        intent_id=verdict.id, token=verdict.token,
    )  # fmt: skip
    return BOUNCES.name, None, encode(bounce)
