"""A policy file that changes under running workers, with a real broker."""

import json

import pytest

from sidestep.streams.decide.policy_text import version_of
from sidestep.topics.catalog import INTENTS
from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.records import Key
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import wait_for

SECONDS = 30.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_changed_policy_reaches_every_partition_of_running_workers(system: System) -> None:
    """A broken file is refused by a worker that says so and stays ready, and the policy before it goes on everywhere;
    mended it is taken, without a restart."""
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
    assert [screen.leave(), decide.leave()] == [0, 0]
    assert_guarantees(system.connection, expected, system.feed.origins, [decide.data])
