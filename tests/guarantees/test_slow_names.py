"""A name that nobody answers for holds up its own intents and nobody else's."""

import json
import re
import time
import urllib.request

import pytest

from sidestep.topics.catalog import INTENTS
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Input, Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess

DNS_TIMEOUT = 8.0
AT_ONCE = DNS_TIMEOUT / 2
"""Seconds: far more than a verdict takes, and too few for anything that waited for the slow name."""

pytestmark = pytest.mark.timeout(120)


def send_to_one_partition(system: System, records: list[Input]) -> None:
    """All of it to partition 0 of email-intents, so that the records are neighbours."""
    for topic, key, value in records:
        system.feed.produce(topic, key=key, value=value, partition=0)
    system.feed.flush()


def intents_to(names: list[str], label: str) -> tuple[list[Input], set[Key]]:
    """An intent to each name, and the keys of the verdicts."""
    fields = [{"id": f"{label}-{n}", "to": f"a@{name}", "service": "shop"} for n, name in enumerate(names)]
    records: list[Input] = [(INTENTS.name, None, json.dumps(f).encode()) for f in fields]
    return records, {(f["service"], f["id"], 1, f["to"]) for f in fields}


def test_a_silent_name_holds_up_nobody_else(system: System) -> None:
    """Neighbours in its batch and in later ones have their verdicts while it waits; it is deferred when time is up."""
    traffic = Traffic(seed=11)
    system.names.set("slow.example", "MX 10 mx.slow.example")
    system.names.set("mx.slow.example", "A 93.184.215.14")
    system.names.fault("slow.example", "drop")
    workers = [system.start(role, dns_timeout=DNS_TIMEOUT).await_ready() for role in ("screen", "decide")]
    slow, slow_keys = intents_to(["slow.example"] * 20, "slow")
    began = time.monotonic()
    send_to_one_partition(system, [*slow[:10], *traffic.plain(50, "same batch"), *slow[10:]])
    system.verdicts.await_all(traffic.expected, AT_ONCE)
    while time.monotonic() - began < AT_ONCE:
        send_to_one_partition(system, traffic.plain(50, "later batch"))
        system.verdicts.await_all(traffic.expected, AT_ONCE)
    assert slow_keys.isdisjoint(system.verdicts.seen)
    system.verdicts.await_all(slow_keys, DNS_TIMEOUT + 5)
    for key in slow_keys:
        verdict = system.verdicts.verdicts[key]
        assert ("defer", "dns-unknown") == (verdict.action, verdict.rules[0].id)
    assert [w.leave() for w in workers] == [0, 0]
    assert_guarantees(system.connection, traffic.expected | slow_keys, system.feed.origins, [workers[1].data])


def test_a_full_car_park_is_bounded_and_loses_nothing(system: System) -> None:
    """The partition pauses while as many wait as may; in the end every intent has its verdict."""
    traffic = Traffic(seed=12)
    names = [f"silent{number}.example" for number in range(200)]
    for name in names:
        system.names.fault(name, "drop")
    parked_max, batch_max = 20, 40
    workers = [
        system.start(role, dns_timeout=1.0, parked_max=parked_max, batch_max=batch_max).await_ready()
        for role in ("screen", "decide")
    ]
    slow, slow_keys = intents_to(names, "silent")
    plain = traffic.plain(200, "neighbour")
    send_to_one_partition(system, [record for pair in zip(slow, plain, strict=True) for record in pair])
    most: list[int] = [0]
    system.verdicts.await_all(traffic.expected | slow_keys, 60, lambda: most.append(parked(workers[0])))
    assert 0 < max(most) <= parked_max + batch_max
    assert {system.verdicts.verdicts[key].action for key in slow_keys} == {"defer"}
    assert [w.leave() for w in workers] == [0, 0]
    assert_guarantees(system.connection, traffic.expected | slow_keys, system.feed.origins, [workers[1].data])


def parked(screen: WorkerProcess) -> int:
    """Intents that wait for DNS, as /metrics has it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{screen.port}/metrics", timeout=5) as answer:
        figures = re.findall(r"^sidestep_parked_records\{[^}]*\} (\S+)$", answer.read().decode(), re.M)
    return round(sum(map(float, figures)))
