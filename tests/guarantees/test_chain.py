"""The chain through a worker's death between commit and local write, and in the hands of the next one; its heads
signed, and held against the topics by the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidestep.streams.audit.kept import Chained
from sidestep.streams.audit.read_chain import open_chained
from sidestep.streams.audit.reading import read_extents
from sidestep.streams.audit.run import audit
from sidestep.streams.audit.walk_chain import ChainWalk
from sidestep.streams.cli import main
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.test_kills import feed_until_death
from tests.topics.proved import keys_file, signer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
DEATHS = ("after-commit:4", "before-commit:3")


def run(system: System, *arguments: object, code: int = 0) -> str:
    """A command's output."""
    done = CliRunner().invoke(main, ["chain", *map(str, arguments), "--broker", str(system.connection)])
    assert code == done.exit_code, done.output
    return done.output


def without(chained: Chained, index: int) -> Chained:
    """One record of the log is gone."""
    records = list(chained.evidence.records)
    del records[index]
    return chained._replace(evidence=replace(chained.evidence, records=records))


def test_a_chain_outlives_its_workers(system: System, tmp_path: Path) -> None:
    """The second with the folder of the first, which lags behind by a transaction; the last with an empty one."""
    traffic = Traffic(seed=60)
    screen = system.start("screen").await_ready()
    for failpoint in DEATHS:
        worker = system.start("decide", data=system.folder / "ledgers", failpoint=failpoint)
        feed_until_death(system, traffic, worker, failpoint)
    decide = system.start("decide").await_ready()
    system.feed.send(traffic.some(200, "after"))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    keys = keys_file(tmp_path / "keys.toml", signer(tmp_path))
    file, key = tmp_path / "heads.json", tmp_path / "decide-2026.key"
    run(system, "export", file, "--key", key, "--key-id", "decide-2026")
    heads = json.loads(file.read_text("utf-8"))["said"]["heads"]
    assert [each["head"] for each in map(json.loads, run(system, "heads", "--json").splitlines())] == [
        each["head"] for each in heads
    ]
    run(system, "export", file, "--key", key, "--key-id", "decide-2026", code=2)
    system.feed.send(traffic.some(100, "later"))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    assert [screen.leave(), decide.leave()] == [0, 0]
    assert f"holds={len(heads)}/{len(heads)}" == run(system, "check", file, "--verdict-keys", keys).splitlines()[-1]

    report = audit(system.connection, processes=1)
    assert report.right, [finding for each in report.partitions for finding in each.findings]
    assert all(each.chained_from == 0 and each.counts["link"]["proved"] for each in report.partitions if each.proved)
    most = max(report.partitions, key=lambda each: each.records).partition
    chained = open_chained(system.connection, read_extents(system.connection), most)
    gone = list(chained.evidence.records)[7].offset
    faults = [fault for link in ChainWalk(*without(chained, 7)).links() for fault in link.faults]
    assert [gone] == [fault.evidence for fault in faults if fault.evidence <= gone <= fault.until]
