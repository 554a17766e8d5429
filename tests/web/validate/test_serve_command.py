"""`sidestep serve` as an operator meets it: tokens, where it listens, TLS, how it stops."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import parse as parse_policy
from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.local.ports import free_port
from sidestep.streams.screen.policy_history import AppliedPolicy
from sidestep.streams.web.validate.tokens import line_of
from sidestep.topics.catalog import CONTROL
from sidestep.topics.connection import Connection
from tests.fixture_types import WaitUntil
from tests.private_files import open_to_others

pytestmark = pytest.mark.usefixtures("logs_as_they_were")
COMMAND = [sys.executable, "-c", "from sidestep.streams.cli import main; main()", "serve"]
TOKEN = "sidestep_of-the-command"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(line_of("tests", TOKEN))
    path.chmod(0o600)
    return path


@pytest.fixture
def pem(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, with those who vouch for it, and its key."""
    authority = DevelopmentCA(tmp_path / "ca")
    issued = authority.issue("serve", ["127.0.0.1"])
    return issued.certificate, issued.key


@contextmanager
def _running(log: Path, *options: object) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIDESTEP_")}
    with log.open("wb") as file:
        process = subprocess.Popen([*COMMAND, *map(str, options)], stderr=file, stdout=file, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(url: str, context: ssl.SSLContext | None = None) -> Any:
    """The result, or None while nobody listens."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/validate", b'{"address": "info@good.example"}', headers)
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as response:
            return json.load(response)
    except OSError:
        return None


def _listed(url: str, context: ssl.SSLContext) -> Any:
    """The result once the feed has been read."""
    found = _ask(url, context)
    return found if "ours" in [listing["list"] for listing in found["listed"]] else None


def test_it_serves_over_tls_until_it_is_told_to_stop(
    tmp_path: Path, tokens: Path, pem: tuple[Path, Path], wait_until: WaitUntil
) -> None:
    """From options to an answer, feeds included; SIGTERM ends it with 0, and its log holds neither token nor
    address."""
    port, log = free_port(), tmp_path / "log"
    sources = tmp_path / "sources.toml"
    sources.write_text('[feeds.ours]\nsource = "ours.txt"\nreason = "trap"\n')
    (tmp_path / "ours.txt").write_text("good.example\n")
    trusting = ssl.create_default_context(cafile=str(DevelopmentCA(tmp_path / "ca").certificate))
    with NameServer({"good.example": ["MX 10 mx.good.example"], "mx.good.example": ["A 93.184.215.14"]}) as ns:
        options = ("--port", port, "--tokens", tokens, "--dns", f"{ns.host}:{ns.port}", "--tls-cert", pem[0],
                   "--tls-key", pem[1], "--sources", sources, "--data-dir", tmp_path / "data")  # fmt: skip
        with _running(log, *options) as process:
            found = wait_until(lambda: process.poll() is not None or _ask(f"https://127.0.0.1:{port}", trusting), 20)
            assert found is not True, log.read_text()
            assert found["outcome"] == "approved" and "role-address" in [rule["id"] for rule in found["rules"]]
            found = wait_until(lambda: _listed(f"https://127.0.0.1:{port}", trusting))
            assert ("good.example", "trap") == (found["listed"][-1]["entry"], found["listed"][-1]["reason"])
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, log.read_text()
    assert [] == open_to_others(tmp_path / "data"), "copies of feeds may be of addresses"
    said = log.read_text()
    assert "left cleanly" in said and TOKEN not in said and "good.example" not in said


def _put_in_force(connection: Connection, text: str, at: int) -> str:
    """Note a policy as workers and operators do. Its version."""
    policy = parse_policy(text)
    applied = AppliedPolicy(policy.version, policy.name, text, at, "ops")
    producer = Producer(connection.librdkafka())
    producer.produce(CONTROL.name, encode(applied), applied.key)
    producer.produce(CONTROL.name, encode({"version": policy.version}), "policy")
    producer.flush()
    return policy.version


def test_it_follows_the_policy_in_force(
    clean_topics: Connection, tmp_path: Path, tokens: Path, wait_until: WaitUntil
) -> None:
    """Asked to, it answers by what verdicts are judged by, also when that changes; without any it does not start."""
    asked = ("--in-force", "--broker", clean_topics, "--tokens", tokens)
    assert "no policy is in force in this Kafka" in _refused(*asked)
    shipped = SHIPPED.read_text("utf-8")
    version = _put_in_force(clean_topics, shipped, 1)
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}"
    with (
        NameServer({"good.example": ["MX 10 mx.good.example"], "mx.good.example": ["A 93.184.215.14"]}) as ns,
        _running(log, *asked, "--port", port, "--name-servers", f"{ns.host}:{ns.port}") as process,
    ):
        found = wait_until(lambda: process.poll() is not None or _ask(url), 20)
        assert found is not True, log.read_text()
        assert (version, True) == (found["versions"]["policy"], _tells_of_roles(found))
        off, count = re.subn(r'(\[rules\.role-address\].*\n)mode = "flag"', r'\1mode = "off"', shipped)
        assert 1 == count
        version = _put_in_force(clean_topics, off, 2)
        wait_until(lambda: _ask(url)["versions"]["policy"] == version, 30)
        assert not _tells_of_roles(_ask(url))


def _tells_of_roles(found: Any) -> bool:
    return "role-address" in [rule["id"] for rule in found["rules"]]


def _refused(*options: object) -> str:
    result = CliRunner().invoke(main, ["serve", *map(str, options)], env={"SIDESTEP_TOKENS": None})
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    return result.stderr


def test_without_tokens_it_does_not_start(tmp_path: Path) -> None:
    """And says how to make one."""
    for options in ((), ("--tokens", tmp_path / "none")):
        assert "sidestep serve --new-token NAME" in _refused(*options)


def test_a_new_token_is_printed_once_with_its_line(tmp_path: Path) -> None:
    """The line, put into the file, lets the token in; nothing is written anywhere."""
    result = CliRunner().invoke(main, ["serve", "--new-token", "web-form"])
    shown, line = (text.split(":", 1)[1].strip() for text in result.stdout.splitlines())
    assert line == line_of("web-form", shown) and shown not in line
    assert CliRunner().invoke(main, ["serve", "--new-token", "no name"]).exit_code == 2


@pytest.mark.parametrize(
    "options",
    [
        ("--rate", "fast"),
        ("--port", 70_000),
        ("--host", "no such host"),
        ("--host", "0.0.0.0"),
        ("--host", ""),
        ("--tls-cert", "none.pem"),
        ("--policy", "none.toml"),
        ("--sources", "none.toml"),
        ("--dns", "127.0.0.1:x"),
    ],
)
def test_options_that_make_no_sense_are_told_at_the_start(tokens: Path, options: tuple[object, ...]) -> None:
    """One line each, that names the option or the variable."""
    said = _refused("--tokens", tokens, *(("--dns", "127.0.0.1:1") if "--dns" not in options else ()), *options)
    assert said.startswith("sidestep: ") and said.count("\n") == 1


def test_a_port_that_is_taken_is_told(tokens: Path) -> None:
    """With what to do."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        said = _refused("--tokens", tokens, "--dns", "127.0.0.1:1", "--port", holder.getsockname()[1])
    assert "taken on 127.0.0.1; choose another one" in said
