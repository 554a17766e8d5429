"""Feeds, DNSBLs and reputation services in real workers: they reach the verdict, by list, version and entry. A feed
that changes is in force without a restart; and a source in trouble neither stops nor rejects anything."""

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sidestep.schemas import IntentEvidence, ListsRecord
from sidestep.schemas.codec import decode_evidence
from sidestep.topics.catalog import EVIDENCE, INTENTS
from sidestep.topics.connection import Connection
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import wait_for

pytestmark = pytest.mark.timeout(120)

SECONDS = 30.0
DBL = {
    "TEST.dbl.example": ["A 127.0.0.2"],
    f"{GOOD[1]}.dbl.example": ["A 127.0.1.4"],
    f"{GOOD[2]}.dbl.example": ["A 127.0.1.2"],
    f"{GOOD[3]}.broken.example": ["A 127.0.1.2"],
}


class Answers(BaseHTTPRequestHandler):
    """A reputation service: one domain is bad."""

    def do_GET(self) -> None:
        """What it says of the domain at the end of the path."""
        body = json.dumps({"risk": "high" if self.path.endswith(GOOD[2]) else "low"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Not into the test's output."""


@pytest.fixture
def service() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _sources(folder: Path, service: str) -> Path:
    path = folder / "sources.toml"
    path.write_text(
        f"""
        [dnsbl."dbl.example"]
        codes = "spamhaus-dbl"
        [dnsbl."broken.example"]
        [feeds.traps]
        source = "traps.txt"
        reason = "trap"
        refresh = 1
        [reputation.oracle]
        url = "{service}/{{domain}}"
        path = "risk"
        listed_values = ["high"]
        """,
        "utf-8",
    )
    return path


def _send(system: System, number: int, name: str) -> tuple[str, str, int, str]:
    fields = {"id": str(number), "to": f"jane@{name}", "service": "shop"}
    system.feed.send([(INTENTS.name, None, json.dumps(fields).encode())])
    system.feed.flush()
    key = ("shop", str(number), 1, fields["to"])
    system.verdicts.await_all({key}, SECONDS)
    return key


def test_what_sources_say_reaches_the_verdict(system: System, service: str) -> None:
    """One list flags, two reject; the evidence has list, version, entry and reason of each."""
    system.names.load("")
    for name, records in DBL.items():
        system.names.set(name, *records)
    traps = system.folder / "traps.txt"
    traps.write_text("# ours\nother.example\n", "utf-8")
    sources = _sources(system.folder, service)
    workers = [system.start(role, sources=sources).await_ready() for role in ("screen", "decide")]
    keys = {name: _send(system, number, name) for number, name in enumerate(GOOD[:4])}
    rules = {name: [rule.id for rule in system.verdicts.verdicts[key].rules] for name, key in keys.items()}
    # two zones and a service ask; broken.example lists no TEST, so that what it says counts for nothing
    assert {GOOD[0]: [], GOOD[1]: ["listed-doubtful", "trap-risk"], GOOD[2]: ["listed"], GOOD[3]: []} == rules
    assert "dbl.example (phish: " in system.verdicts.verdicts[keys[GOOD[1]]].rules[0].text
    _change_the_feed(system, traps)
    # the log says with which version of the feed is judged from where on
    wait_for(lambda: 2 == len(_versions(system.connection)), SECONDS, "the feed's new version in the log")
    assert [worker.leave() for worker in workers] == [0, 0]
    _assert_evidence(system.connection)


def _change_the_feed(system: System, traps: Path) -> None:
    """A new entry is in force soon after it was written, without a restart."""
    traps.write_text(f"# ours\n{GOOD[4]}\n", "utf-8")
    deadline = time.monotonic() + SECONDS
    number = 100
    while not system.verdicts.verdicts[_send(system, number, GOOD[4])].rules:
        assert time.monotonic() < deadline, "the feed's new entry never came into force"
        number += 1
        time.sleep(0.2)
    rule, risk = system.verdicts.verdicts["shop", str(number), 1, f"jane@{GOOD[4]}"].rules
    assert ("listed-doubtful", "trap-risk") == (rule.id, risk.id)
    assert f"traps (trap: {GOOD[4]}, version " in rule.text


def _assert_evidence(connection: Connection) -> None:
    records = [decode_evidence(message.value()) for message in read(connection, EVIDENCE.name)]
    listed = {r.domain: {(x.list, x.reason) for x in r.listed} for r in records if isinstance(r, IntentEvidence)}
    assert {("dbl.example", "phish")} == listed[GOOD[1]]
    assert {"dbl.example", "oracle"} == {name for name, _ in listed[GOOD[2]]}


def _versions(connection: Connection) -> set[str]:
    records = [decode_evidence(message.value()) for message in read(connection, EVIDENCE.name)]
    return {record.lists["traps"] for record in records if isinstance(record, ListsRecord)}


def test_sources_in_trouble_reject_nothing(system: System) -> None:
    """Neither a zone that does not answer nor a service that is not there, nor a feed that can't be read."""
    system.names.fault("TEST.dbl.example", "drop")
    sources = _sources(system.folder, "http://127.0.0.1:9")
    workers = [system.start(role, sources=sources).await_ready() for role in ("screen", "decide")]
    keys = [_send(system, number, name) for number, name in enumerate(GOOD)]
    assert {("send", 0)} == {
        (verdict.action, len(verdict.rules)) for verdict in (system.verdicts.verdicts[key] for key in keys)
    }
    with urllib.request.urlopen(f"http://127.0.0.1:{workers[0].port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert 'sidestep_source_usable{kind="dnsbl",source="dbl.example"} 0.0' in text
    assert 'sidestep_source_usable{kind="feed",source="traps"} 0.0' in text
    assert [worker.leave() for worker in workers] == [0, 0]
