"""A mailer that demands proof, beside workers that are killed, a key that is changed, and a forger who may write to the
mailer's topic: it sends all that Decide approved, and nothing else."""

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from sidestep.schemas import Verdict
from sidestep.schemas.codec import decode, encode
from sidestep.streams.runtime.record import Record
from sidestep.topics.catalog import APPROVED, REJECTED
from sidestep.topics.subscribe import Subscription
from sidestep.topics.verdict_keys import VerdictKeys
from sidestep.topics.verdict_signer import VerdictSigner
from tests.guarantees.harness.records import Key, TopicReader
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import wait_for
from tests.topics.proved import SEED, keys_file, signer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
NEXT_SEED = "ed25519:" + "5b1fa9730c2ed84617f0b3952adc6e813f7724c09ab85de1460d92fc35ab7e18"
SECONDS = 60.0
DEATHS = ("inside-transaction:4", "before-commit:3", "after-commit:3")


def key_of(verdict: Verdict) -> Key:
    """What tells one verdict from all others."""
    return verdict.service, verdict.id, verdict.attempt, verdict.to


class Mailer(threading.Thread):
    """Reads approvals in a group, and is started anew all the time."""

    def __init__(self, system: System, file: Path):
        super().__init__(daemon=True)
        self._system, self._file = system, file
        self.done = threading.Event()
        self.sent: Counter[Key] = Counter()
        self.refused: Counter[str] = Counter()
        self.keys = 0

    def run(self) -> None:
        """Until it is told that this was all."""
        while not self.done.is_set():
            keys = VerdictKeys(self._file)
            self.keys = len(keys.now())
            with Subscription(self._system.connection, [APPROVED.name], "mailer", verify=keys) as records:
                for _ in range(20):
                    for one in (record.value for record in records.batch(500, 0.1)):
                        if isinstance(one, Verdict):
                            self.sent[key_of(one)] += 1
                        else:
                            self.refused[one.code] += 1


class Forger(threading.Thread):
    """Reads all verdicts, and writes among the approvals: inventions without a proof and with a genuine one, rejections
    as they are, genuine approvals once more, in their partition and in another one."""

    def __init__(self, system: System):
        super().__init__(daemon=True)
        self.done = threading.Event()
        self._reader = TopicReader(system.connection, APPROVED.name, REJECTED.name)
        self._producer = Producer({**system.connection.librdkafka(), "linger.ms": 1})
        self._known: set[bytes] = set()
        self.wrote = 0

    def run(self) -> None:
        """Until it is told to stop."""
        while not self.done.is_set():
            for record in self._reader.take(0.1):
                if (value := record.value() or b"") not in self._known:
                    self._abuse(record, value)
            self._producer.flush(10)
        self._reader.close()

    def _abuse(self, record: Record, value: bytes) -> None:
        verdict = decode(Verdict, value)
        verdict.service, verdict.decision, verdict.action = "forged", "approved", "send"
        invented, place = encode(verdict), record.partition()
        proof: list[tuple[str, str | bytes | None]] = list(record.headers() or ())
        self._known |= {value, invented}
        for said, beside, into in ((invented, [], place), (invented, proof, place), (value, proof, place),
                                   (value, proof, (place + 1) % APPROVED.partitions)):  # fmt: skip
            self._producer.produce(APPROVED.name, said, record.key(), into, headers=beside)
            self.wrote += 1


class Rejections:
    """Those so far: the forger writes none."""

    def __init__(self, system: System):
        self._reader = TopicReader(system.connection, REJECTED.name)
        self.seen: set[Key] = set()

    def poll(self) -> list[Verdict]:
        """The new ones."""
        new = [decode(Verdict, record.value()) for record in self._reader.take(0.1)]
        self.seen |= {key_of(verdict) for verdict in new}
        return new

    def close(self) -> None:
        """End the reader."""
        self._reader.close()


def settings(decide: VerdictSigner, folder: Path) -> dict[str, Any]:
    """Those of a Decide worker that signs with this key."""
    return {"verdict_key": decide.key_id, "verdict_key_file": folder / f"{decide.key_id}.key"}


def test_a_mailer_sends_what_decide_approved_and_nothing_else(system: System) -> None:
    """Each once, through three deaths of Decide and a change of its key, for which the mailer has both before."""
    folder, traffic, rejections = system.folder, Traffic(seed=12), Rejections(system)
    first, second = signer(folder, "decide-1", SEED), signer(folder, "decide-2", NEXT_SEED)
    file = keys_file(folder / "verdict-keys.toml", first)
    mailer, forger = Mailer(system, file), Forger(system)
    mailer.start()
    forger.start()
    screen, data = system.start("screen").await_ready(), folder / "decide"
    for point in DEATHS:
        worker = system.start("decide", data, failpoint=point, **settings(first, folder))
        deadline = time.monotonic() + SECONDS
        while worker.alive:
            assert time.monotonic() < deadline, worker.said[-2000:]
            system.feed.send(traffic.some(20, point))
            traffic.answered(rejections.poll())
    keys_file(file, first, second)
    wait_for(lambda: mailer.keys == 2, SECONDS, "the mailer to have the second key", every=0.1)
    worker = system.start("decide", data, **settings(second, folder)).await_ready()
    system.feed.send(traffic.some(200, "second"))
    system.feed.flush()

    def whole() -> bool:
        rejections.poll()
        return traffic.expected == rejections.seen | set(mailer.sent)

    wait_for(whole, SECONDS, "a verdict for each intent", every=0.1)
    forger.done.set()
    forger.join(30)
    wait_for(lambda: mailer.refused.total() >= forger.wrote, SECONDS, "all forgeries to be refused", every=0.1)
    mailer.done.set()
    mailer.join(30)
    rejections.close()
    assert traffic.expected == rejections.seen ^ set(mailer.sent) and set(mailer.sent.values()) == {1}
    assert {"proof-missing", "proof-wrong", "proof-repeated"} == set(mailer.refused)
    assert forger.wrote == mailer.refused.total() > 4 * len(mailer.sent)
    assert [screen.leave(), worker.leave()] == [0, 0]
