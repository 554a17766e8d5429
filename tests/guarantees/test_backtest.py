"""A backtest beside running workers: what they decide is compared as it appears, and folded later it is the same."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sidestep.streams.audit.audit_partition import Span
from sidestep.streams.backtest.report import as_json
from sidestep.streams.backtest.run import backtest
from sidestep.streams.decide.policy_check import checked
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

COMMAND = (sys.executable, "-c", "from sidestep.streams.cli import main; main(prog_name='sidestep')", "backtest")
SAME = ("policy", "messages", "tests", "fates", "changes", "stops", "delays", "risk", "expected_trap_hits", "examples")


def followed(system: System, new: Path, traffic: Traffic) -> dict[str, Any]:
    """The report of a command that follows while there is traffic, and is ended."""
    said = system.folder / "follow.log"
    with said.open("wb") as err:
        command = [*COMMAND, "--follow", "--policy", str(new), "--json", "--broker", str(system.connection)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err)
        try:
            wait_for(lambda: "following" in said.read_text(), 60, "it follows", why=said.read_text)
            system.feed.send(traffic.some(1500, "beside"))
            system.feed.flush()
            system.verdicts.await_all(traffic.expected, 60)
            wait_for(lambda: "otherwise" in said.read_text(), 60, "a line now and then", why=said.read_text)
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert 0 == process.returncode, said.read_text()
    report: dict[str, Any] = json.loads(out)
    return report


def test_what_it_compares_beside_the_workers_is_what_the_log_tells_later(system: System) -> None:
    """With tighter limits; what they have judged before is left out."""
    traffic = Traffic(seed=58)
    screen, decide = (system.start(role).await_ready() for role in ("screen", "decide"))
    system.feed.send(traffic.some(600, "before"))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    before = len(traffic.expected)
    text = system.policy.read_text("utf-8").replace("300/min,max_burst=40", "60/min,max_burst=5")
    new = system.folder / "new.toml"
    new.write_text(text, "utf-8")
    since = time.time()
    report = followed(system, new, traffic)
    assert [screen.leave(), decide.leave()] == [0, 0]
    assert 0 == report["unjudged"] and 1 < report["messages"] <= len(traffic.expected) - before
    later = as_json(backtest(system.connection, checked(text), text, span=Span(since), processes=1))
    assert {name: later[name] for name in SAME} == {name: report[name] for name in SAME}
    assert any(change["rule_after"] == "domain-limit" for change in report["changes"])
