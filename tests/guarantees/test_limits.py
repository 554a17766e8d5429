"""Workers that get too few file handles or too little memory: they leave with an error, and nothing is lost by it."""

import shutil

import pytest

from tests.guarantees.harness.model import assert_guarantees
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import SIDESTEP, wait_for

REFUSED = 2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_limits_on_files_and_memory(system: System) -> None:
    """Too few files: refused at the start, with the limit to raise. Too little memory: it works, or
    ends. With what it needs it goes on from where they died."""
    if shutil.which("prlimit") is None:
        pytest.skip("there is no prlimit here, which sets the limits")
    traffic = Traffic(seed=27)
    screen = system.start("screen").await_ready()
    data = system.folder / "limited"
    for limit in ("--nofile=48", "--as=320000000"):
        system.feed.send(traffic.some(200, limit.strip("-").replace("=", "-")))
        system.feed.flush()
        limited = system.start("decide", data, command=("prlimit", limit, *SIDESTEP))
        wait_for(lambda: not limited.alive or limited.readyz()[0] == 200, 90, f"{limit}: ready, or gone")  # noqa: B023
        if limit.startswith("--nofile"):
            assert limited.ended(30) == REFUSED, limited.said[-3000:]
            assert "raise the limit (ulimit -n" in limited.said
        limited.kill()
    last = system.start("decide", data).await_ready()
    system.verdicts.await_all(traffic.expected, 60)
    assert screen.leave() == 0
    last.await_nothing_waits()
    assert last.leave() == 0
    assert_guarantees(system.connection, traffic.expected, system.feed.origins, [data])
