"""A policy file that changes under running workers, with a real broker."""

import json
import re

import pytest
from click.testing import CliRunner

from sidestep.streams.cli import main
from sidestep.streams.decide.policy_text import version_of
from sidestep.topics.catalog import INTENTS
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import wait_for

SECONDS = 30.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def run(system: System, *arguments: str, code: int = 0) -> str:
    """`sidestep policy`, as an operator runs it."""
    done = CliRunner().invoke(main, ["policy", *arguments, "--broker", str(system.connection)])
    assert done.exit_code == code, done.output
    return done.output


def test_a_changed_policy_reaches_every_partition_of_running_workers(system: System) -> None:
    """A broken file is refused by a worker that says so and stays ready, and the policy before it goes on everywhere;
    mended it is taken, without a restart. One that is applied by hand stays, though a worker starts with an older one,
    until somebody goes back by name."""
    screen, decide = (system.start(role).await_ready() for role in ("screen", "decide"))
    text = system.policy.read_text("utf-8")
    expected: set[Key] = set()

    def versions(label: str) -> set[str]:
        """The policies by which new intents are judged, at least one in each partition."""
        intents = [{"id": f"{label}-{domain}", "to": f"{label}@{domain}", "service": "shop"} for domain in GOOD]
        keys = {("shop", each["id"], 1, each["to"]) for each in intents}
        expected.update(keys)
        system.feed.send((INTENTS.name, None, json.dumps(each).encode()) for each in intents)
        system.feed.flush()
        system.verdicts.await_all(keys, SECONDS)
        return {system.verdicts.verdicts[key].versions.policy for key in keys}

    assert {version_of(text)} == versions("before")
    system.policy.write_text(text.replace('mode = "reject"', 'mode = "maybe"', 1), "utf-8")
    wait_for(lambda: f"The policy file {system.policy} can't be used: [rules." in screen.notes(), 20, "it is told")
    assert ((200, "ok"), 1.0) == (screen.readyz(), screen.metric("sidestep_policy_refused")[""])
    assert {version_of(text)} == versions("broken")

    mended = text + "# mended\n"
    system.policy.write_text(mended, "utf-8")
    wait_for(lambda: not screen.metric("sidestep_policy_refused")[""], 20, "it is taken")
    assert "" == screen.notes()
    assert {version_of(mended)} == versions("mended")

    applied = system.folder / "applied.toml"
    applied.write_text(text.replace('name = "', 'name = "by hand, ', 1), "utf-8")
    assert "is in force in all 4 partitions" in run(system, "apply", str(applied), "--by", "ann")
    assert {version_of(applied.read_text("utf-8"))} == versions("applied")
    assert "in force already" in run(system, "apply", str(applied))
    before, after = run(system, "show", "--in-force").splitlines()[0], run(system, "history").splitlines()[1]
    assert all("by hand, " in line and line.endswith("by ann") for line in (before, after))
    name = re.findall('name="([^"]+)"', " ".join(decide.metric("sidestep_policy_partitions")))
    assert len(name) == 1 and name[0].startswith("by hand, ")

    assert 0 == screen.leave()
    screen = system.start("screen").await_ready()
    assert f"is an older one: {version_of(mended)} was in force until" in screen.notes()
    assert ((200, "ok"), 1.0) == (screen.readyz(), screen.metric("sidestep_policy_refused")[""])
    assert {version_of(applied.read_text("utf-8"))} == versions("older")
    assert "--force" in run(system, "apply", str(system.policy), code=2)
    assert "is in force in all 4 partitions" in run(system, "apply", str(system.policy), "--force")
    assert {version_of(mended)} == versions("forced")
    assert [screen.leave(), decide.leave()] == [0, 0]
    assert_guarantees(system.connection, expected, system.feed.origins, [decide.data])
