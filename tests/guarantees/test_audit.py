"""An audit of what real workers have written: all of it is proved, and what somebody changes in it is found."""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sidestep.streams.audit.audit_partition import PartitionAuditor, Span
from sidestep.streams.audit.findings import AuditReport, PartitionAudit
from sidestep.streams.audit.kept import Kept, KeptLog
from sidestep.streams.audit.reading import open_log, read_extents
from sidestep.streams.audit.run import audit
from sidestep.streams.cli import main
from sidestep.streams.commands.audit import as_json_lines
from sidestep.topics.connection import Connection
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import wait_for
from tests.guarantees.test_kills import feed_until_death

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

EVENTS = 3000
PAGE = Path(__file__).parents[2] / "docs" / "audit.md"


def lived_through_a_lot(system: System) -> int:
    """Traffic with bounces, a worker killed in its transaction, another policy, a hold. How many verdicts there are."""
    traffic = Traffic(seed=56)
    screen = system.start("screen").await_ready()
    watch = system.start("watch").await_ready()
    feed_until_death(system, traffic, system.start("decide", failpoint="inside-transaction:5"), "killed")
    decide = system.start("decide").await_ready()
    system.feed.send(traffic.some(EVENTS // 2, "before"))
    assert_proved(audit(system.connection, processes=1))  # while Decide works
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    held = CliRunner().invoke(
        main, ["hold", "add", "crm", "--until", "1h", "--reason", "a test", "--broker", str(system.connection)]
    )
    assert held.exit_code == 0, held.output
    system.policy.write_text(system.policy.read_text("utf-8").replace("300/min,max_burst=40", "600/min,max_burst=50"))
    screen.leave()
    screen = system.start("screen").await_ready()
    traffic.answered(list(system.verdicts.verdicts.values())[-200:])
    system.feed.send(traffic.some(EVENTS // 2, "after"))
    system.feed.flush()
    system.verdicts.await_all(traffic.expected, 60)
    assert [screen.leave(), decide.leave(), watch.leave()] == [0, 0, 0]
    assert len({verdict.versions.policy for verdict in system.verdicts.verdicts.values()}) == 2
    assert any(rule.id == "service-on-hold" for verdict in system.verdicts.verdicts.values() for rule in verdict.rules)
    return len(traffic.expected)


def assert_proved(report: AuditReport) -> None:
    """Nothing is wrong."""
    assert [] == [finding for each in report.partitions for finding in each.findings]
    assert report.right


def copied(connection: Connection, partition: int) -> KeptLog:
    """All that Kafka keeps of a partition, in memory."""
    log = open_log(connection, read_extents(connection), partition, proofs=False)
    names = ("evidence", "approved", "rejected", "changelog", "ids")
    whole = {name: replace(getattr(log, name), records=list(getattr(log, name).records)) for name in names}
    return KeptLog(**whole, tallies=[replace(each, records=list(each.records)) for each in log.tallies])


def spoilt(log: KeptLog, topic: str, at: int, kept: list[Kept]) -> PartitionAudit:
    """What an audit finds where these records stand in place of the one at an index."""
    partition = getattr(log, topic)
    records = list(partition.records)
    records[at : at + 1] = kept
    return PartitionAuditor(replace(log, **{topic: replace(partition, records=records)}), Span()).audit()


def assert_tampering_is_found(log: KeptLog) -> None:
    """One record of each kind changed, dropped, repeated and out of order."""
    verdicts, evidence = list(log.rejected.records), list(log.evidence.records)
    verdict, at = verdicts[5], len(evidence) // 2
    changed = verdict._replace(value=(verdict.value or b"").replace(b'"rejected"', b'"approved"'))
    for records, outcome in (([changed], "differs"), ([], "missing"), ([verdict, verdict], "repeated")):
        (finding,) = spoilt(log, "rejected", 5, records).findings
        place = f"email-rejected/{log.partition}" + ("" if outcome == "missing" else f"/{verdict.offset}")
        assert ("verdict", outcome, place) == finding[:3]
    records = [*log.approved.records, *log.rejected.records]
    judged = {msgspec.json.decode(kept.value or b"")["evidence"]["offset"] for kept in records}
    at = next(i for i in range(at, len(evidence)) if {kept.offset for kept in evidence[i : i + 2]} <= judged)
    one, other = evidence[at], evidence[at + 1]
    place = f"email-evidence/{log.partition}/{one.offset}"
    dropped = spoilt(log, "evidence", at, [])
    assert place in [each.evidence for each in dropped.findings if each.outcome == "extra"]
    reordered = spoilt(log, "evidence", at, [other._replace(offset=one.offset)])
    assert place in [each.evidence for each in reordered.findings if each.outcome == "differs"]
    rows = list(log.changelog.records)
    last = {kept.key: index for index, kept in enumerate(rows)}
    index = next(i for key, i in last.items() if key and key[:1] == b"r")
    found = spoilt(log, "changelog", index, [rows[index]._replace(value=b"\x91\x01")]).findings
    assert [("row", "differs", f"email-ledger-changelog/{log.partition}/{rows[index].offset}")] == [
        f[:3] for f in found
    ]


def assert_goes_on(connection: Connection, folder: Path, report: AuditReport) -> None:
    """Killed whenever a partition has just been finished, and once before any was: in the end the same report."""
    sidestep = str(Path(sys.executable).with_name("sidestep"))
    command = [sidestep, "audit", "--json", "--resume", str(folder), "--broker", str(connection)]
    for finished in (0, 1, 2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        wait_for(lambda: process.poll() is not None or len(list(folder.glob("*.json"))) > finished, 60, "a partition")  # noqa: B023
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # those that it has started, too
        process.wait(10)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (0, list(as_json_lines(report))) == (done.returncode, done.stdout.splitlines()), done.stderr


def script_of_the_page() -> str:
    """The one script that stands in docs/audit.md, among shorter pieces of Python."""
    pieces = [piece.split("```")[0] for piece in PAGE.read_text("utf-8").split("```python\n")[1:]]
    return next(piece for piece in pieces if piece.startswith('"""python prove.py'))


def test_all_that_workers_have_written_is_proved(system: System, tmp_path: Path) -> None:
    """After a kill, another policy and a hold; by the library, the command, and a stranger's thirty lines."""
    verdicts = lived_through_a_lot(system)
    report = audit(system.connection, processes=2)
    assert_proved(report)
    assert all(each.counts["watch-row"]["proved"] and not each.unwatched for each in report.partitions)
    assert f"proved={verdicts}/{verdicts}" == report.line()
    assert_goes_on(system.connection, tmp_path / "state", report)
    done = CliRunner().invoke(main, ["audit", "--partition", "1", "--broker", str(system.connection)])
    assert done.exit_code == 0, done.output
    proved = report.partitions[1].proved
    assert f"proved={proved}/{proved}" == done.output.splitlines()[-1]
    script = tmp_path / "prove.py"
    script.write_text(script_of_the_page(), "utf-8")
    run = subprocess.run(
        [sys.executable, script, str(system.connection), "1"], capture_output=True, text=True, timeout=60
    )
    assert (0, "", f"{proved} of {proved} verdicts are proved\n") == (run.returncode, run.stderr, run.stdout)
    assert_tampering_is_found(copied(system.connection, 1))
