"""The README's code runs as it stands, against a real broker and real workers."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidestep.schemas import EmailIntent, Verdict
from sidestep.schemas.codec import decode, encode
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.local.nameserver import NameServer
from sidestep.topics import Publisher
from sidestep.topics.connection import Connection

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)
ZONES = {"gmail.com": ["MX 10 mx.gmail.com."], "mx.gmail.com": ["A 93.184.215.14"]}


def code(block: str, address: str) -> str:
    """A block of the README for this broker."""
    assert "127.0.0.1:9092" in block
    return block.replace("127.0.0.1:9092", address)


@pytest.fixture
def workers(clean_topics: Connection, tmp_path: Path) -> Iterator[str]:
    """Both roles at work, as a user starts them; gives the broker's address."""
    command = [str(Path(sys.executable).parent / "sidestep"), "worker", "--role", "all", "--broker", str(clean_topics)]
    with NameServer(ZONES) as dns, (tmp_path / "worker.log").open("wb") as log:
        options = ["--data-dir", str(tmp_path / "data"), "--dns", f"127.0.0.1:{dns.port}", "--web-port", "0"]
        worker = subprocess.Popen([*command, *options], stdout=log, stderr=log)
        yield str(clean_topics)
        worker.terminate()
        assert worker.wait(30) == 0, (tmp_path / "worker.log").read_text()


def test_a_service_publishes_and_a_mailer_reads(workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the README shows of publishing and reading works, and the verdict says what the README says."""
    exec(code(BLOCKS[0], workers), {})
    reading = threading.Thread(target=exec, args=(code(BLOCKS[1], workers), {}), daemon=True)
    reading.start()
    reading.join(60)
    assert not reading.is_alive()
    assert "send to ada@gmail.com\n" == capsys.readouterr().out


def test_the_readmes_mailer_survives_what_is_no_verdict(workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As somebody's hand may write it with another client: the next verdict comes all the same."""
    with Publisher(workers) as publisher:
        publisher.publish_bytes("email-approved", b'{"x":1}')
    exec(code(BLOCKS[0], workers), {})
    reading = threading.Thread(target=exec, args=(code(BLOCKS[1], workers), {}), daemon=True)
    reading.start()
    reading.join(60)
    assert not reading.is_alive()
    assert "send to ada@gmail.com\n" == capsys.readouterr().out


def test_the_intent_of_the_readme_is_sound() -> None:
    """The line that the README pipes into `sidestep publish` is a sound intent."""
    line = re.search(r"echo '(\{.*?\})'", README)
    assert line
    assert "w-1" == decode(EmailIntent, line[1].encode()).id


def test_the_verdict_of_the_readme_is_one() -> None:
    """As workers of this version write it: nothing is missing that a reader could look for."""
    shown = re.search(r"```json\n(.*?)```", README, re.S)
    assert shown
    verdict = decode(Verdict, shown[1].encode())
    assert verdict.versions.engine == ENGINE
    assert json.loads(shown[1]) == json.loads(encode(verdict)) | {"risk": verdict.risk}
