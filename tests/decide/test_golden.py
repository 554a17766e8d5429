"""A log that meets every rule, and its verdicts, octet by octet: what a change of the fold changes shows in a diff.

    pytest tests/decide/test_golden.py --regenerate-golden

writes both files anew from the story below. Read the diff before you commit it: it is what users will see.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from sidestep.schemas import Evidence, HoldRecord, Listing, ListsRecord, MailboxFinding, MxFinding
from sidestep.schemas.codec import encode
from sidestep.streams.decide.policy_faults import RULES

DAY = 86_400_000
LIMITS = {"domain": "60/min,max_burst=3", "service": "30/min,max_burst=2"}


@pytest.fixture
def log_file(golden: Path) -> Path:
    """The evidence, one record a line."""
    return golden / "every-rule.log.json"


@pytest.fixture
def verdicts_file(golden: Path) -> Path:
    """What becomes of it, one verdict a line."""
    return golden / "every-rule.verdicts.json"


@pytest.fixture
def judged(request: pytest.FixtureRequest, new_world: Any, log_file: Path, verdicts_file: Path) -> Any:
    """The world after the golden log."""
    if request.config.getoption("--regenerate-golden", default=False):
        records = [encode(record) for record in _story(new_world)]
        log_file.write_bytes(_lines(records))
    world = new_world(None)
    for line in _records(log_file):
        world.append(line)
    if request.config.getoption("--regenerate-golden", default=False):
        verdicts_file.write_bytes(_lines(world.values()))
    return world


def _lines(records: list[bytes]) -> bytes:
    return b"[\n" + b",\n".join(records) + b"\n]\n"


def _records(path: Path) -> list[bytes]:
    return [line.rstrip(b",") for line in path.read_bytes().splitlines()[1:-1]]


def _story(new_world: Any) -> list[Evidence]:
    """Some fifty records, a second apart unless told otherwise."""
    now = new_world.start
    records: list[Evidence] = []

    def later(milliseconds: int = 1000) -> int:
        nonlocal now
        now += milliseconds
        return now

    def intent(id: str, to: str = "jane@example.com", **fields: Any) -> None:
        records.append(new_world.intent_record(id, to, at=later(), **fields))

    def feedback(event: str, to: str, **fields: Any) -> None:
        records.append(new_world.feedback_record(event, to, at=later(), **fields))

    records.append(new_world.policy_record(new_world.policy_text(**LIMITS), now))
    records.append(ListsRecord(version="lists-1", lists={"free": "abc"}, at=now))
    intent("plain")
    intent("plain")
    intent("syntax", "jane doe@example.com", syntax="whitespace", mx="", recipient_key=b"")
    intent("no-domain", "jane", syntax="no-at-sign", mx="", recipient_key=b"", domain="")
    intent("null-mx", "jane@nomail.example", mx="no", stream="transactional", campaign="c", source="form")
    intent("typo", "jane@gmial.com", classes=("typo",), suggestion="jane@gmail.com", mx="yes")
    intent("near", "jane@gmaik.com", classes=("near-miss",), suggestion="jane@gmail.com", metadata={"n": 1})
    intent("disposable", "jane@throw.example", classes=("disposable",))
    intent("role", "info@example.com", classes=("role",))
    intent("unknown", "jane@slow.example", mx="unknown")
    intent("unknown", "jane@slow.example", mx="unknown", attempt=2)
    intent("unknown", "jane@slow.example", mx="yes", attempt=3)
    intent("unknown", "jane@slow.example", mx="yes", attempt=4)
    intent("plain", "john@example.com")
    intent("plain", "john@example.com")
    intent("elsewhere", "john@example.org", reused=True)
    feedback("bounce", "gone@example.com", id="b1", hard=True, scope="recipient", reason="userunknown", service="shop")
    feedback("bounce", "gone@example.com", id="b1", hard=True, scope="recipient", reason="userunknown", service="shop")
    feedback("bounce", "jane@example.com", id="b2", hard=True, scope="us", reason="blocked")
    feedback("bounce", "asleep@example.com", scope="recipient", reason="suspend", occurred_at=now - 40 * DAY)
    feedback("complaint", "cross@example.com", service="shop")
    feedback("complaint", "sorry@example.com", service="shop")
    feedback("not-spam", "sorry@example.com", service="shop")
    feedback("unsubscribed", "quiet@example.com")
    feedback("opened", "info@example.com")
    later(60_000)
    intent("gone", "gone@example.com")
    intent("asleep", "asleep@example.com")
    intent("cross", "cross@example.com")
    intent("sorry", "sorry@example.com")
    intent("quiet-1", "quiet@example.com", stream="newsletter")
    intent("quiet-2", "quiet@example.com", stream="transactional")
    intent("role-2", "info@example.com", classes=("role",))
    records.append(HoldRecord(service="bank", until=later() + 5000, reason="complaints above 0.3 %", at=now))
    intent("held", service="bank")
    records.append(HoldRecord(service="bank", until=0, reason="", at=later()))
    intent("held", service="bank", attempt=2)
    for number in range(4):
        records.append(new_world.intent_record(f"burst-{number}", "jane@busy.example", at=now))
    records += [
        new_world.intent_record(f"crowd-{name}", "jane@busy.example", service=name, at=now)
        for name in ("bank", "club", "dorm")
    ]
    intent("test", "jane@busy.example", test=True)
    intent("back-again", "jane@nomail.example", mx="yes")
    later(800 * DAY)
    intent("gone-2", "gone@example.com")
    one = Listing("one", "0123456789ab", "trap.example", "trap")
    two = Listing("dbl.example", "2027-01-15T08:00:00Z", "trap.example 127.0.1.2", "spam")
    intent("listed", "jane@trap.example", listed=(one, two))
    intent("listed-once", "jane@trap.example", listed=(one,))
    intent("cluster", "jane@gmaal.com", classes=("typo", "trap-cluster"), suggestion="jane@gmail.com")
    intent("honeypot", "spamtrap@example.com", classes=("honeypot",))
    intent("machine", "x7k2q9vz4t@example.com", classes=("machine-made",))
    intent("parked", "jane@parked.example", classes=("parked",))
    intent("probed", "ghost@example.com", mailbox=MailboxFinding("no", "no-such-mailbox", now, 600))
    records.append(new_world.policy_record(new_world.policy_text(**LIMITS, provider="1/min"), later()))
    hosted = MxFinding("yes", "mx", now, 300, ("mx.google.com",), "google")
    intent("hosted-1", "jane@one.example", mx=hosted)
    intent("hosted-2", "jane@two.example", mx=hosted)
    return records


def test_the_golden_log_has_its_golden_verdicts(judged: Any, verdicts_file: Path):
    """Octet by octet, in the log's order."""
    assert verdicts_file.read_bytes().decode() == _lines(judged.values()).decode()


def test_the_golden_log_meets_every_rule(judged: Any):
    """Otherwise it would not be worth much."""
    named = {fired.id for verdict in judged.verdicts() for fired in verdict.rules}
    assert {*RULES, "id-reused", "already-decided"} == named
    assert {"send", "drop", "defer"} == {verdict.action for verdict in judged.verdicts()}


def test_the_golden_files_are_json(log_file: Path, verdicts_file: Path):
    """For whoever wants to read them with something else."""
    assert len(json.loads(log_file.read_bytes())) >= 40
    assert json.loads(verdicts_file.read_bytes())


def test_the_golden_log_in_one_batch_says_the_same(new_world: Any, log_file: Path, verdicts_file: Path):
    """And so does a replay."""
    world = new_world(None)
    world.append(*_records(log_file))
    assert _records(verdicts_file) == world.values()
