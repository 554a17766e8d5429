"""Name servers that lie cost no intent its mail: what rests on their lies is deferred, and judged anew afterwards."""

import json
import urllib.error
import urllib.request

import pytest

from sidestep.schemas import Verdict
from sidestep.topics.catalog import INTENTS
from tests.canaries import CANARY_ZONES
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import WorkerProcess, wait_for

SECONDS = 30.0
PORTAL = "A 198.105.244.11"

pytestmark = pytest.mark.timeout(120)


def offer(system: System, attempt: int, names: tuple[str, ...]) -> set[Key]:
    """An intent to each name; the keys of their verdicts."""
    fields = [{"id": name, "to": f"bob@{name}", "service": "shop", "attempt": attempt} for name in names]
    system.feed.send([(INTENTS.name, None, json.dumps(each).encode()) for each in fields])
    system.feed.flush()
    return {("shop", str(each["id"]), attempt, str(each["to"])) for each in fields}


def judged(system: System, keys: set[Key]) -> dict[str, Verdict]:
    """The verdicts by intent id, when all are there."""
    system.verdicts.await_all(keys, SECONDS)
    return {key[1]: system.verdicts.verdicts[key] for key in keys}


def reasons(worker: WorkerProcess) -> str:
    """The reasons of /readyz; empty while it is ready."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/readyz", timeout=5).close()
        return ""
    except urllib.error.HTTPError as error:
        with error:
            return " ".join(json.load(error)["reasons"])


def trusted(worker: WorkerProcess) -> bool:
    """What the metric says."""
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=5) as answer:
        return b"sidestep_dns_trusted 1.0" in answer.read()


@pytest.mark.parametrize(
    ("lie", "why", "words"),
    [
        ((), "they deny domains that certainly exist", "they deny domains that certainly exist"),
        ((PORTAL,), "they give an address to names that do not exist", "they give an address for every name"),
    ],
    ids=["denies", "answers"],
)
def test_intents_wait_until_liars_are_mended(system: System, lie: tuple[str, ...], why: str, words: str) -> None:
    """Deferred with the reason, never dropped, and approved at the next attempt; readiness, metrics and log tell."""
    for name in CANARY_ZONES:
        system.names.set(name)
    system.names.set("*", *lie)
    workers = [system.start(role).await_ready() for role in ("screen", "decide")]
    first = offer(system, 1, ("gmail.com", "gone.test", GOOD[0]))
    verdicts = judged(system, first)
    assert {"gmail.com": "defer", "gone.test": "defer", GOOD[0]: "send"} == {
        name: verdict.action for name, verdict in verdicts.items()
    }
    assert "dns-unknown" == verdicts["gmail.com"].rules[0].id
    assert f"not to be believed, {words})" in verdicts["gmail.com"].rules[0].text
    wait_for(lambda: why in reasons(workers[0]), SECONDS, "/readyz says that the name servers lie")
    assert not trusted(workers[0])

    system.names.set("*")
    for name, records in CANARY_ZONES.items():
        system.names.set(name, *records)
    workers[0].await_ready()
    assert trusted(workers[0])
    second = offer(system, 2, ("gmail.com", "gone.test"))
    assert {"gmail.com": "send", "gone.test": "drop"} == {
        name: verdict.action for name, verdict in judged(system, second).items()
    }
    said = workers[0].said
    assert (1, 1) == (said.count("the name servers are not to be believed"), said.count("are to be believed again"))
    assert [worker.leave() for worker in workers] == [0, 0]
    assert_guarantees(system.connection, first | second, system.feed.origins, [workers[1].data])
