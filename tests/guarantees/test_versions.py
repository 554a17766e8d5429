"""Workers of two versions in the same groups, as during an upgrade that takes its time."""

import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sidestep.schemas import PolicyRecord, Verdict
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.partition_rows import EngineRow
from sidestep.topics.catalog import EVIDENCE
from tests.guarantees.harness.model import assert_same_rows, changelog_rows, ledger_rows, published
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import SESSION_SECONDS

OLDER = (sys.executable, "-m", "tests.guarantees.harness.older")
LACKS = "honeypot-address"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def judged(system: System, traffic: Traffic, label: str) -> None:
    """Traffic of all kinds that has its verdicts."""
    system.feed.send(traffic.some(200, label))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, SESSION_SECONDS + 40)
    traffic.answered(list(system.verdicts.verdicts.values())[-50:])


def without_the_rule(policy: Path) -> Path:
    """The policy file as the older version knows it."""
    text = re.sub(rf"\[rules\.{LACKS}\].*?(?=\n\[)", "", policy.read_text(), flags=re.DOTALL)
    older = policy.with_name("older.toml")
    older.write_text(text)
    return older


def policies(system: System) -> dict[int, list[str]]:
    """The versions of the policy that stand in the log, by partition."""
    found: dict[int, list[str]] = {}
    for message in read(system.connection, EVIDENCE.name):
        record = decode_evidence(message.value())
        if isinstance(record, PolicyRecord):
            found.setdefault(message.partition(), []).append(record.version)
    return found


def assert_noted(rows: dict[bytes, EngineRow], verdicts: list[Verdict]) -> None:
    """An audit knows of each record who has folded it: each verdict names the engine that the ledger says."""
    begun = [(int.from_bytes(key, "big"), row.engine) for key, row in sorted(rows.items())]
    assert all(one[1] != other[1] for one, other in pairwise(begun))
    for verdict in verdicts:
        assert verdict.versions.engine == [who for offset, who in begun if offset <= verdict.evidence.offset][-1]


def test_old_and_new_workers_take_turns(system: System) -> None:
    """An older Decide leaves out the rule that it does not know, its successor has the whole policy again. No verdict
    comes twice or never, each says by which engine; the policy changes when somebody starts with another, no more.
    """
    traffic = Traffic(seed=26)
    older: dict[str, Any] = {"command": OLDER, "older_lacks": LACKS}
    screens = [system.start("screen").await_ready()]
    old = system.start("decide", **older).await_ready()
    judged(system, traffic, "old")
    new = system.start("decide").await_ready("ok", "standby")
    judged(system, traffic, "both")
    assert old.leave() == 0
    judged(system, traffic, "new")
    old = system.start("decide", old.data, **older).await_ready("ok", "standby")
    new.kill()
    judged(system, traffic, "old again")

    # its policy file has to be of its version: a rule that it does not know is a mistake there, and said to be one
    refused = system.start("screen", **older)
    assert refused.ended(30) == 3 and f"[rules.{LACKS}]: no such rule" in refused.said
    screens.append(system.start("screen", policy=without_the_rule(system.policy), **older).await_ready())
    judged(system, traffic, "two screens")
    new = system.start("decide", new.data).await_ready("ok", "standby")
    assert old.leave() == 0
    judged(system, traffic, "new again")

    assert [screen.leave() for screen in screens] == [0, 0]
    new.await_nothing_waits()
    assert new.leave() == 0
    assert {verdict.versions.engine for verdict in system.verdicts.verdicts.values()} == {"0", ENGINE}
    assert all(len(versions) == len(set(versions)) == 2 for versions in policies(system).values())
    for partition, rows in changelog_rows(system.connection).items():
        found = ledger_rows(new.data / "ledger" / "decide" / str(partition))[1]
        assert_same_rows(f"ledger of {partition}", rows, found)
        assert_noted(rows["engines"], published(system.connection).get(partition, []))
