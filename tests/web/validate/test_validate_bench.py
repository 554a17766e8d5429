"""The load measurement measures: a small run of the real thing, and honest clocks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def test_a_small_run() -> None:
    """Every request is answered with 200, and every figure is there; no number of this machine is asserted."""
    command = [sys.executable, "-m", "tests.bench.validate", "--rate", "100", "--seconds", "0.5", "--json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    figures = json.loads(ended.stdout)
    assert (figures["answers"], figures["not_200"]) == (50, 0)
    assert 0 < figures["p50"] <= figures["p99"] <= figures["max"]
    assert figures["server_cpu_share"] > 0
