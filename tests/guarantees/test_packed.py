"""Half a megabyte of a topic that becomes 450 MB: who may not have as much dies of it, and is started again."""

import json

import pytest

from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.runtime.cut_record import UNPACKED_MOST
from sidestep.topics.catalog import DEAD_LETTERS, INTENTS
from tests.guarantees.harness import attacks
from tests.guarantees.harness.records import Key, read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import wait_for
from tests.guarantees.test_under_attack import LIMITED

BOMBS = {"gzip": 450_000_000, "lz4": 240_000_000}
"""Octets by what packs them; lz4 makes of more than a topic takes."""


def honest(system: System, number: int) -> Key:
    """An intent in the partition that is attacked."""
    id, to = f"honest-{number}", f"a{number}@{GOOD[number % len(GOOD)]}"
    value = json.dumps({"id": id, "to": to, "service": "honest"}).encode()
    system.feed.produce(INTENTS.name, partition=0, value=value)
    system.feed.flush()
    return "honest", id, 1, to


@pytest.mark.timeout(240)
def test_a_worker_dies_at_most_once_of_a_batch_that_unpacks_to_too_much(system: System) -> None:
    """Of one that gzip has packed and of one of lz4, which come while it runs, with honest intents before, between and
    behind them: each of these is approved, once, and a dead letter for each batch says where it stays."""
    system.policy.write_bytes(SHIPPED.read_bytes())
    worker = system.start("all", command=LIMITED).await_ready()
    intents = [honest(system, 0)]
    system.verdicts.await_all(intents, 60)
    for codec, octets in BOMBS.items():
        attacks.Attacker(system, codec, octets).send(iter([(INTENTS.name, b" " * octets)]))
        intents.append(honest(system, len(intents)))

    def all_judged() -> bool:
        if not worker.alive:
            worker.start_again()
            assert len(worker.exits) <= len(BOMBS), worker.said[-3000:]
        system.verdicts.poll()
        return system.verdicts.verdicts.keys() >= set(intents)

    wait_for(all_judged, 150, "honest intents are judged", why=lambda: worker.said[-3000:])
    assert {"send"} == {system.verdicts.verdicts[key].action for key in intents}
    assert system.verdicts.repeated() == []
    assert worker.await_ready().leave() == 0
    letters = [dict(letter.headers() or ())["text"] for letter in read(system.connection, DEAD_LETTERS.name)]
    wanted = {b"the record at offset %d would be more than %d octets" % (at, UNPACKED_MOST) for at in (1, 3)}
    assert wanted == {letter and letter.partition(b" when")[0] for letter in letters}
