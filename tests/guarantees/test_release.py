"""Deferred intents are offered again once each, not before their time, whoever dies when."""

import shutil
import signal
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from sidestep.schemas import EmailIntent, Verdict
from sidestep.schemas.codec import decode, encode
from sidestep.topics.catalog import APPROVED, INTENTS, REJECTED
from sidestep.topics.keys import record_key
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import tight_policy
from tests.guarantees.harness.workers import WorkerProcess, wait_for

INTENTS_SENT = 200
DEATHS = ("before-commit:4", "after-commit:3")
"""Within some transactions of twenty intents at most: there are far more of them."""
POLICY = '\n[release]\nservices = ["shop"]\nrate = "80/s"\n'

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_each_deferral_is_offered_again_once_and_in_its_time(system: System) -> None:
    """A killed Release repeats none and loses none, with its folder and with an empty one; in the end all were sent.
    Other services' intents and tests are left alone."""
    slow = tight_policy().replace("300/min,max_burst=40", "1200/min,max_burst=10")
    system.policy.write_text(slow + POLICY, "utf-8")
    workers = [system.start(role).await_ready() for role in ("screen", "decide")]
    folder = system.folder / "release"
    release = system.start("release", folder, failpoint=DEATHS[0]).await_ready()
    for intent in _intents():
        system.feed.produce(INTENTS.name, key=record_key(intent), value=encode(intent))
    system.feed.flush()
    _await_death(release)
    _await_death(system.start("release", folder, failpoint=DEATHS[1]))
    shutil.rmtree(folder)
    release = system.start("release", folder)

    def all_sent() -> bool:
        return release.alive and INTENTS_SENT <= len(_ids(_verdicts(system, APPROVED.name), "shop"))

    wait_for(all_sent, 120, "all were sent", every=0.5, why=lambda: release.said[-3000:])
    assert [0, 0, 0] == [worker.leave() for worker in (release, *workers)]
    _compare(system)


def _intents() -> Iterator[EmailIntent]:
    for number in range(INTENTS_SENT):
        yield EmailIntent(id=f"s-{number}", to=f"u{number}@d0.example", service="shop", metadata={"n": number})
    for number in range(10):
        yield EmailIntent(id=f"c-{number}", to=f"u{number}@d0.example", service="crm")
        yield EmailIntent(id=f"t-{number}", to=f"u{number}@d0.example", service="shop", test=True)


def _await_death(worker: WorkerProcess) -> None:
    """At its failpoint."""
    wait_for(lambda: not worker.alive, 90, "the worker has killed itself", why=lambda: worker.said[-3000:])
    assert worker.process.returncode == -signal.SIGKILL, worker.said[-3000:]


def _verdicts(system: System, topic: str) -> list[Verdict]:
    return [decode(Verdict, record.value()) for record in read(system.connection, topic)]


def _ids(verdicts: Iterable[Verdict], service: str) -> set[str]:
    return {verdict.id for verdict in verdicts if verdict.service == service and not verdict.test}


def _compare(system: System) -> None:
    """What was offered again is what was deferred, attempt by attempt."""
    rejected = _verdicts(system, REJECTED.name)
    deferred = {(one.id, one.attempt): one for one in rejected if one.service == "shop" and not one.test}
    assert len(deferred) > INTENTS_SENT // 2 and {"defer"} == {one.action for one in deferred.values()}
    offered: Counter[tuple[str, int]] = Counter()
    for record in read(system.connection, INTENTS.name):
        intent = decode(EmailIntent, record.value())
        if intent.attempt > 1:
            before = deferred[intent.id, intent.attempt - 1]
            assert before.again() == intent
            assert record.timestamp()[1] >= (before.retry_at or 0) * 1000, "too early"
            offered[intent.id, intent.attempt - 1] += 1
    assert dict.fromkeys(deferred, 1) == offered
    approved = Counter(one.id for one in _verdicts(system, APPROVED.name) if one.service == "shop" and not one.test)
    assert {1} == set(approved.values()) and INTENTS_SENT == len(approved)
