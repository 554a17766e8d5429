"""An audit has the same memory for a short log and for one that is four times as long."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidestep.schemas.codec import encode
from tests.audit.audited_files import write_records
from tests.audit.world_log import audited_world, copy_of
from tests.decide.world import LOG, START, intent, policy
from tests.kafka_records import delivered

SHORT, LONG = 8_000, 32_000
TOGETHER = 1_000
MORE_KILOBYTES = 8_000
"""Kept in memory, the rows of the records between are three times as much, with what waits for them more."""


def judged_files(folder: Path, count: int) -> Path:
    """A log of mail to mailboxes of their own at a few domains, and all that Decide makes of it."""
    folder.mkdir()
    world = audited_world()
    made = [encode(policy())]
    for number in range(count):
        to = f"mailbox-{number}@d{number % 50}.example.com"
        made.append(encode(intent(f"id-{number}", to=to, at=START + 100 * number)))
    world.log = [delivered(number, value, tp=LOG, key=b"key") for number, value in enumerate(made)]
    for start in range(0, len(made), TOGETHER):
        world.judge.judge(world.log[start : start + TOGETHER])
    for topic, records in copy_of(world).topics.items():
        write_records(folder / topic.replace("/", "-"), records)
    return folder


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="says how much memory a process has had")
def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    """Rows and what waits for its like lie on disk."""
    most = {}
    for count in (SHORT, LONG):
        folder = judged_files(tmp_path / str(count), count)
        command = [sys.executable, "-m", "tests.audit.audited_files", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=150)
        most[count], proved, faults = map(int, done.stdout.split())
        assert (count, 0) == (proved, faults)
    assert most[LONG] - most[SHORT] < MORE_KILOBYTES, most
