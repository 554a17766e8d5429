"""A log that meets every rule, its verdicts and tallies, octet by octet: what a change of the fold changes is a diff.

    pytest tests/decide/test_golden.py --regenerate-golden

writes all files anew from the story below. It refuses as long as the fold says something else about the log that stands
there and ENGINE (streams/decide/engine.py) is still the same. Read the diff before you commit it: it is what users will
see.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sidestep.schemas import (
    ErasureRecord,
    Evidence,
    HoldRecord,
    Listing,
    ListsRecord,
    MailboxFinding,
    MarksRecord,
    ModelRecord,
    ModelSnapshot,
    MxFinding,
    Pace,
    PaceRecord,
    SourceHoldRecord,
    SuppressRecord,
    TickRecord,
    TrapRecord,
)
from sidestep.schemas.codec import encode
from sidestep.schemas.generate import schema_text
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.rules.ladder import RULES
from tests.decide.world import World

DAY = 86_400_000
LIMITS = {"domain": "60/min,max_burst=3", "service": "30/min,max_burst=2", "tests": "1/min"}


class Golden:
    """The files: evidence, verdicts and tallies, one a line; and for each engine a digest of what it said."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "every-rule.log.json"
        self.verdicts = folder / "every-rule.verdicts.json"
        self.tallies = folder / "every-rule.tallies.json"
        self.engines = folder / "engines.json"

    def judged(self, new_world: type[World]) -> World:
        """A world after the log, record by record."""
        world = new_world(None)
        for line in _records(self.log):
            world.append(line)
        return world

    def said(self) -> str:
        """A digest of log, verdicts and tallies."""
        octets = b"".join(path.read_bytes() for path in (self.log, self.verdicts, self.tallies))
        return hashlib.sha256(octets).hexdigest()

    def regenerate(self, new_world: type[World]) -> None:
        """Write all of them. Fails where the fold has changed and its version has not."""
        if [_unversioned(line) for line in _records(self.verdicts)] != [
            _unversioned(value) for value in self.judged(new_world).values()
        ]:
            known = json.loads(self.engines.read_bytes())
            assert ENGINE not in known, "the fold says something else now: raise ENGINE in streams/decide/engine.py"
        self.log.write_bytes(_lines([encode(record) for record in _story(new_world)]))
        world = self.judged(new_world)
        self.verdicts.write_bytes(_lines(world.values()))
        self.tallies.write_bytes(_lines(world.tally_values()))
        engines = json.loads(self.engines.read_bytes()) | {ENGINE: self.said()}
        self.engines.write_text(json.dumps(engines, indent=2) + "\n", "utf-8")


@pytest.fixture
def files(request: pytest.FixtureRequest, golden: Path, new_world: type[World]) -> Golden:
    """The golden files, made anew if that was asked for."""
    files = Golden(golden)
    if request.config.getoption("--regenerate-golden", default=False):
        files.regenerate(new_world)
    return files


@pytest.fixture
def judged(files: Golden, new_world: type[World]) -> World:
    """The world after the golden log."""
    return files.judged(new_world)


def _unversioned(verdict: bytes) -> dict[str, Any]:
    return {name: value for name, value in json.loads(verdict).items() if name != "versions"}


def _lines(records: list[bytes]) -> bytes:
    return b"[\n" + b",\n".join(records) + b"\n]\n"


def _records(path: Path) -> list[bytes]:
    return [line.rstrip(b",") for line in path.read_bytes().splitlines()[1:-1]]


def _story(new_world: type[World]) -> list[Evidence]:
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
    intent("unknown", "jane@slow.example", mx="yes", attempt=9)
    intent("unknown", "jane@slow.example", mx="yes", attempt=9)
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
    feedback("complaint", "framed@example.com", service="shop", tied="")
    later(60_000)
    intent("framed", "framed@example.com")
    intent("gone", "gone@example.com")
    intent("asleep", "asleep@example.com")
    intent("cross", "cross@example.com")
    intent("sorry", "sorry@example.com")
    cross = new_world.keys.recipient("cross@example.com")
    records.append(MarksRecord("example.com", cross, "forged", "ops", later(), ("complaint",)))
    intent("cross-again", "cross@example.com")
    intent("quiet-1", "quiet@example.com", stream="newsletter")
    intent("quiet-2", "quiet@example.com", stream="transactional")
    intent("code", "jane@code.example", expires_at=later() + 60_000, created_at=now)
    intent("code-late", "jane@code.example", expires_at=now)
    intent("code-slow", "joe@slow.example", mx="unknown", expires_at=now + 60_000, created_at=now - 1000)
    intent("slow-2", "joe@slow.example", mx="unknown", created_at=now, consent_at=now, expires_at=now + DAY)
    intent("quiet-none", "quiet@example.com")
    intent("quiet-asked", "quiet@example.com", stream="Marketing", consent_at=now)
    intent("quiet-exempt", "quiet@example.com", stream="Transactional")
    feedback("subscribed", "quiet@example.com", id="s1", tied="")
    intent("quiet-back", "quiet@example.com", stream="newsletter")
    intent("spaced", " jane@example.com ", syntax="whitespace", mx="", recipient_key=b"", suggestion="jane@example.com")
    intent("plain", stream="newsletter", metadata={"n": 2})
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
    records.append(SuppressRecord("busy.example", "they asked for it", "ops", later(), until=now + 60_000))
    intent("stopped", "jane@busy.example")
    records.append(SuppressRecord("busy.example", "removed", "ops", later(), lifted=True))
    hit, busy = new_world.keys.event("trap", "1"), new_world.keys.recipient("jane@busy.example")
    records += [
        TrapRecord(
            "busy.example",
            "email-bounces/0/7",
            later(),
            busy,
            "by abusix",
            now,
            event_key=hit,
            tied="token",
            tied_at=now,
        )
    ] * 2
    intent("trapped", "jane@busy.example")
    records.append(TrapRecord("busy.example", "ops", later(), busy, lifted=True))
    intent("test", "jane@busy.example", test=True)
    intent("test-2", "jane@busy.example", test=True)
    intent("back-again", "jane@nomail.example", mx="yes")
    feedback("bounce", "again@example.com", id="b3", hard=True, scope="recipient", reason="userunknown", service="shop")
    later(400 * DAY)
    feedback("delivered", "again@example.com")
    later(400 * DAY)
    intent("gone-2", "gone@example.com")
    intent("recycled", "again@example.com")
    intent("recycled", "again@example.com", attempt=2, consent_at=now)
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
    strict = new_world.policy_text(**LIMITS)
    told = ("messages = 2", "least = 2", "learning_days = 0")
    for given, figure in zip(("messages = 1000", "least = 100", "learning_days = 7"), told, strict=True):
        strict = strict.replace(given, figure)
    records.append(new_world.policy_record(strict, later()))
    for number in range(3):
        intent(f"import-{number}", f"u{number}@import.example", source="import-2017")
        later(60_000)
    feedback("bounce", "u0@import.example", id="b4", hard=True, scope="recipient", reason="userunknown", service="shop")
    intent("import-3", "u3@import.example", source="import-2017", consent_at=now)
    intent("import-4", "u4@import.example", source="import-2017")
    records.append(SourceHoldRecord("shop", "import-2017", 0, "released", later()))
    intent("import-5", "u6@import.example", source="import-2017")
    feedback("bounce", "u0@import.example", id="b5", scope="us", reason="speeding", status="4.7.0", service="shop")
    intent("slow", "u5@import.example")
    records.append(PaceRecord(later(), {"google": Pace(900_000, 500, "has answered", 1, now + DAY, 900)}))
    intent("hosted-3", "jane@one.example", mx=hosted)
    intent("hosted-4", "jane@two.example", mx=hosted)
    warm = (
        new_world.policy_text(**LIMITS)
        .replace("services = []", 'services = ["shop"]')
        .replace("caps = [480, ", "caps = [1, ")
    )
    warm = warm.replace('# "newsletter@google" = "10000/min,max_burst=1000"', 'bank = "1/min"')
    records += [new_world.policy_record(warm, later()), PaceRecord(at=now)]
    for number in range(2):
        intent(f"warm-{number}", f"jane@w{number}.example", mx=hosted)
        intent(f"bank-{number}", f"joe@w{number}.example", mx=hosted, service="bank")
    intent("form-0", "reader@import.example", source="form")
    feedback("clicked", "reader@import.example", id="reader", service="shop")
    records.append(SourceHoldRecord("shop", "form", now + 60_000, "it is full of slips", now))
    intent("form-1", "u4@import.example", source="form")
    intent("form-2", "reader@import.example", source="form")
    learnt = ModelSnapshot(outcomes=1000, shifts={"never-mailed": 0.5, "listed-doubtful": 0.9})
    records.append(ModelRecord(version="model-1", at=later(), snapshot=encode(learnt).decode()))
    intent("learnt", "jane@doubtful.example", listed=(one,))
    sink, own = (MxFinding("yes", "mx", now, 300, (name,)) for name in ("in1.sink.example", "mx.gmial.com"))
    for name, kind in (("gmaik.example", "near-miss"), ("wbe.example", "faint-miss")):
        intent(f"at-{name}", f"jane@{name}", classes=(kind,), mx=sink)
    intent("collected", "jane@any.example", mx=sink)
    intent("misspelled", "jane@gmial.com", classes=("near-miss", "misspelling"), mx=own)
    for name in ("quiet", "gone"):  # what the one has said against mail stays; of the other nothing does
        feedback("delivered", f"{name}@example.com", id=f"before-{name}")
        records.append(ErasureRecord(new_world.keys.recipient(f"{name}@example.com"), "ops", later(), "asked for it"))
        feedback("delivered", f"{name}@example.com", id=f"late-{name}")
        intent(f"{name}-3", f"{name}@example.com", stream="newsletter")
    intent("named", "jane@fresh.example", service="post", token="0" * 30)
    for token in ("1" * 30, "0" * 30):
        records.append(new_world.sought_record("complaint", "named", "post", token, at=later(), id=token))
    records.append(new_world.sought_record("complaint", "nobody's", "post", at=later()))
    intent("named-2", "jane@fresh.example", service="post", stream="newsletter")
    records.append(TickRecord(at=later()))
    return records


def test_the_golden_log_has_its_golden_verdicts(judged: World, files: Golden) -> None:
    """Octet by octet, in the log's order."""
    assert files.verdicts.read_bytes().decode() == _lines(judged.values()).decode()


def test_the_golden_log_has_its_golden_tallies(judged: World, files: Golden) -> None:
    """Watch and auditors rest on them as mailers do on verdicts."""
    assert files.tallies.read_bytes().decode() == _lines(judged.tally_values()).decode()


def test_what_an_engine_says_never_changes(files: Golden) -> None:
    """A fold that says something else is another engine: verdicts name it, and an audit needs the old one."""
    engines = json.loads(files.engines.read_bytes())
    assert engines[ENGINE] == files.said(), "raise ENGINE in streams/decide/engine.py, then --regenerate-golden"
    assert {ENGINE} == {json.loads(line)["versions"]["engine"] for line in _records(files.verdicts)}


def test_the_golden_log_meets_every_rule(judged: World) -> None:
    """Otherwise it would not be worth much."""
    named = {fired.id for verdict in judged.verdicts() for fired in verdict.rules}
    assert {*(rule.id for rule in RULES), "id-reused", "already-decided", "attempt-out-of-turn"} == named
    assert {"send", "drop", "defer"} == {verdict.action for verdict in judged.verdicts()}


def test_the_golden_files_are_json(files: Golden) -> None:
    """For whoever wants to read them with something else."""
    assert len(json.loads(files.log.read_bytes())) >= 40
    assert json.loads(files.verdicts.read_bytes())
    assert json.loads(files.tallies.read_bytes())


def test_the_golden_log_in_one_batch_says_the_same(new_world: type[World], files: Golden) -> None:
    """And so does a replay."""
    world = new_world(None)
    world.append(*_records(files.log))
    assert _records(files.verdicts) == world.values()
    assert _records(files.tallies) == world.tally_values()


def test_the_golden_files_fit_the_json_schemas(files: Golden) -> None:
    """What is counted and said has the shape that the contract promises to who is not written in Python."""
    for name, path in (("evidence", files.log), ("verdict", files.verdicts), ("tally", files.tallies)):
        validator = jsonschema.Draft202012Validator(json.loads(schema_text(name)))
        for line in _records(path):
            validator.validate(json.loads(line))
