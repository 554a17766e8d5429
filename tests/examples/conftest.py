"""Workers for the programs of examples/."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidestep.streams.local.nameserver import NameServer
from sidestep.topics import Connection
from tests.canaries import CANARY_ZONES
from tests.fixture_types import WaitUntil

SHIPPED = (Path(__file__).parents[2] / "streams/decide/policy.toml").read_text("utf-8")
ZONES = CANARY_ZONES | {
    "takes.example": ["MX 10 mx.takes.example."],
    "mx.takes.example": ["A 93.184.215.14"],
    "takes-none.example": ["MX 0 ."],
    "gmail.com": ["MX 10 mx.takes.example."],
}


@pytest.fixture
def workers(clean_topics: Connection, tmp_path: Path, wait_until: WaitUntil) -> Iterator[str]:
    """Both roles at work with a limit of one message a second and domain; gives the broker's address."""
    policy = tmp_path / "policy.toml"
    policy.write_text(re.sub(r'(?<=^default = )"3000/min,max_burst=500"', '"1/s,max_burst=1"', SHIPPED, flags=re.M))
    sidestep = [str(Path(sys.executable).with_name("sidestep")), "worker", "--role", "all", "--web-port", "0"]
    with NameServer(ZONES) as dns, (tmp_path / "worker.log").open("wb") as log:
        options = ["--broker", str(clean_topics), "--data-dir", str(tmp_path / "data"), "--policy", str(policy)]
        worker = subprocess.Popen([*sidestep, *options, "--dns", f"127.0.0.1:{dns.port}"], stdout=log, stderr=log)
        yield str(clean_topics)
        worker.terminate()
        assert worker.wait(30) == 0, (tmp_path / "worker.log").read_text()
