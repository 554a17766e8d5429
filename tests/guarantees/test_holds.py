"""A hold under way, with real workers: in force in all partitions or in none, whenever its writer dies."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sidestep.topics.catalog import INTENTS
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Input, Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD

SECONDS = 30.0

pytestmark = pytest.mark.timeout(180)


def hold(system: System, *arguments: str, **settings: str) -> int:
    """`sidestep hold`, as an operator runs it; its exit code."""
    ours = {"SIDESTEP_BROKER": str(system.connection), "SIDESTEP_GROUP": system.folder.name}
    ours |= {f"SIDESTEP_{name.upper()}": value for name, value in settings.items()}
    command = [str(Path(sys.executable).with_name("sidestep")), "hold", *arguments]
    return subprocess.run(command, env={**os.environ, **ours}, check=False, timeout=60).returncode


def intents(service: str, label: str) -> tuple[list[Input], set[Key]]:
    """One to each of the traffic's domains, so to every partition of the log; and the keys of the verdicts."""
    fields = [{"id": f"{label}-{domain}", "to": f"{label}@{domain}", "service": service} for domain in GOOD]
    records: list[Input] = [(INTENTS.name, None, json.dumps(f).encode()) for f in fields]
    return records, {(f["service"], f["id"], 1, f["to"]) for f in fields}


def test_a_hold_is_in_force_everywhere_or_nowhere(system: System) -> None:
    """Killed before its commit a hold does nothing; committed it defers the service's intents in all partitions, until
    it is released."""
    _, decide = workers = [system.start(role).await_ready() for role in ("screen", "decide")]
    expected: set[Key] = set()

    def actions(service: str, label: str) -> set[tuple[str, str]]:
        """Of the verdicts of new intents of the service: what to do, and the first rule."""
        records, keys = intents(service, label)
        expected.update(keys)
        system.feed.send(records)
        system.feed.flush()
        system.verdicts.await_all(keys, SECONDS)
        verdicts = [system.verdicts.verdicts[key] for key in keys]
        return {(v.action, v.rules[0].id if v.rules else "") for v in verdicts}

    add = ("add", "shop", "--until", "1h", "--reason", "complaints")
    assert {("send", "")} == actions("shop", "before")
    assert -signal.SIGKILL == hold(system, *add, failpoint="hold-before-commit")
    assert 0 == hold(system, "add", "news", "--until", "1h", "--reason", "an old list")
    assert {("send", "")} == actions("shop", "killed")
    assert {("defer", "service-on-hold")} == actions("news", "held")
    assert 0 == hold(system, *add)
    assert {("defer", "service-on-hold")} == actions("shop", "held")
    assert 0 == hold(system, "release", "shop")
    assert {("send", "")} == actions("shop", "released")
    assert [worker.leave() for worker in workers] == [0, 0]
    assert_guarantees(system.connection, expected, system.feed.origins, [decide.data])
