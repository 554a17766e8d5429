"""What strangers have written steers no terminal, whichever command shows it, and makes no second line."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from sidestep.schemas import Anomaly, Bounce, IntentEvidence, Listing, MailboxFinding, ModelRecord, MxFinding
from sidestep.schemas.verdicts import FiredRule, LogPosition, Verdict, Versions
from sidestep.streams.audit.audit_partition import Span
from sidestep.streams.audit.chain_statement import ChainHeads, HeadOf
from sidestep.streams.audit.check_chain import CheckedHead
from sidestep.streams.audit.findings import AuditFinding, AuditReport, PartitionAudit
from sidestep.streams.backtest import report as backtest_report
from sidestep.streams.backtest.counts import BacktestCounts
from sidestep.streams.backtest.fate import MessageFate
from sidestep.streams.backtest.messages import MessageRow
from sidestep.streams.cli import COMMANDS, main
from sidestep.streams.commands import (
    acls,
    audit,
    backtest_lines,
    chain,
    explain,
    hold,
    incident_lines,
    letter_lines,
    lists,
    marks,
    model,
    quarantine,
    render,
    snapshot,
    suppress,
    topics,
    trap,
    waiting,
)
from sidestep.streams.commands.foreign_feedback import ForeignFeedback
from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.tables import DomainRow, RecipientRow, SourceRow, Trapped
from sidestep.streams.doctor import show
from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.explain.events import LifeEvent
from sidestep.streams.explain.life import LifeStory
from sidestep.streams.explain.story import OtherVerdict, UnjudgedStory, VerdictStory
from sidestep.streams.explain.witness import RuleStep, Signal, Witnessed
from sidestep.streams.personal import handover, proof
from sidestep.streams.personal.found import TopicTraces
from sidestep.streams.personal.kept_until import KeptTopic
from sidestep.streams.redrive.letter import DeadLetter, LetterGroup, LetterOrigin, RedriveCount
from sidestep.streams.rights import forms
from sidestep.streams.rights.granted import RightsFinding
from sidestep.streams.screen.holds import Hold
from sidestep.streams.screen.quarantine_notes import QuarantineNote
from sidestep.streams.screen.sources.feeds.refresh import FeedStatus
from sidestep.streams.screen.sources.file import SourcesFile
from sidestep.streams.screen.suppressions import Suppression
from sidestep.streams.screen.suppressions import as_json as suppression_json
from sidestep.streams.screen.traps import KnownTrap
from sidestep.streams.screen.traps import as_json as trap_json
from sidestep.streams.settings import Settings
from sidestep.streams.snapshots.record import SnapshotManifest, SnapshotRef
from sidestep.streams.snapshots.standing import StandingSnapshot
from sidestep.streams.terminal import json_line, printable, printable_lines
from sidestep.topics.catalog import CONTROL
from sidestep.topics.needs import Shortfall
from sidestep.topics.received import Received, Unreadable

EVIL = "a\x1b[2J\x1b]0;x\x07\x9b31m\x7f\u202e\u2066\u200e\ue000b\r\nFORGED\n\x1b[32mOK\x85\u2028FORGED\v\fFORGED"
"""What a terminal would act on: C0, DEL, C1, bidi controls; and line ends, behind which another line would begin."""

_OURS = re.compile(r"\x1b\[[0-9;]*m")
"""Colours that commands give their own words. A stranger's would be found all the same: EVIL has other controls."""

HEADS = ChainHeads(EVIL, EVIL, (HeadOf(1, 2, EVIL),))
CHECKED = CheckedHead(1, 2, "broken", EVIL, EVIL)
VERDICT = Verdict(
    id=EVIL, to=EVIL, service=EVIL, decision="rejected", action="drop", rules=[FiredRule("x", EVIL)],
    evidence=LogPosition("email-evidence", 0, 1), versions=Versions(EVIL), decided_at=1.0, metadata={EVIL: EVIL},
)  # fmt: skip
DEFERRED = structs.replace(VERDICT, action="defer", retry_at=1e300, expires_at=1e300)
ANOMALY = Anomaly(
    id=EVIL, subject="service", name=EVIL, pattern=EVIL, text=EVIL, severity="notice", score=0.5, features={},
    window_start=0, window_end=60, at=60, source=EVIL, campaign=EVIL, samples=[EVIL],
)  # fmt: skip
FOREIGN = ForeignFeedback(EVIL.encode(), [Bounce(recipient=EVIL, reply=EVIL)], [EVIL])
FEED = FeedStatus(EVIL, "domains", EVIL, 1, EVIL, 0, 0, EVIL, (EVIL,), 0)
ROWS = [CheckRow("x", "fault", printable(EVIL), printable(EVIL))]
"""As run_all gives them: doctor/run.py makes them printable, tests/doctor/test_run.py looks."""
LETTER = DeadLetter(
    0, 1, 2, EVIL, EVIL, LetterOrigin(EVIL, 0, 1), EVIL.encode(), EVIL.encode(), ((EVIL, EVIL.encode()),), True, 1
)
COLLECTIVE = replace(LETTER, key=None, value=None, headers=None, cut=False, ranges=((1, 2),))
LETTERS = LetterGroup(EVIL, EVIL, 1, 1, 1, 2)
QUARANTINED = QuarantineNote(EVIL, EVIL, -1, 1, EVIL, EVIL)
HOLD, SUPPRESSION, TRAP = (
    Hold(EVIL, 10**15, EVIL, 1, 1, EVIL),
    Suppression(EVIL, EVIL, EVIL, 1),
    KnownTrap(EVIL, EVIL, 1),
)
PROOF = proof.ErasureProof(
    [TopicTraces(KeptTopic(CONTROL.name, False, True, 1, 1), live={(0, EVIL.encode()): b"{}"})], 1
)
HANDOVER = handover.Handover(
    EVIL, 1, [{"first mailed by": EVIL}], [{"what": EVIL}], [handover.PersonalRecord("x", 0, 1, 1, EVIL, EVIL)]
)
SHORTFALL = Shortfall("fault", EVIL, EVIL, EVIL, EVIL, EVIL, EVIL)
AUDIT = AuditReport(
    [PartitionAudit(0, stopped=EVIL, findings=[AuditFinding("verdict", "differs", EVIL, EVIL, EVIL, EVIL)])]
)
_INTENT = IntentEvidence(
    id=EVIL, service=EVIL, to=EVIL, at=2, domain=EVIL, id_key=b"", content_key=b"", recipient_key=b"", syntax=EVIL,
    mx=MxFinding("yes", EVIL, 1, 1, (EVIL,), EVIL), classes=(EVIL,), suggestion=EVIL, stream=EVIL, campaign=EVIL,
    source=EVIL, origin=EVIL, proved=EVIL, mailbox=MailboxFinding("no", EVIL),
    listed=(Listing(EVIL, EVIL, EVIL, EVIL, exchange=EVIL),),
)  # fmt: skip
_SEEN = Witnessed(
    None, [RuleStep(EVIL, EVIL, "stops", EVIL, EVIL)], [], [Signal(EVIL, EVIL, 0.1)], 0.1, RecipientRow(service=EVIL),
    DomainRow(first_seen=1, provider=EVIL, exchange=EVIL, trap=Trapped(1, EVIL, EVIL)), SourceRow(), 2,
)  # fmt: skip
_OTHER = OtherVerdict(1, EVIL, EVIL, 1.0, EVIL)
STORY = VerdictStory(verdict=VERDICT, place=EVIL, evidence=_INTENT, seen=_SEEN, difference=EVIL, others=(_OTHER,))
LIFE = LifeStory(0, _SEEN.recipient, _SEEN.domain, (LifeEvent(1, 2, EVIL, True, EVIL),), 1)
UNJUDGED = UnjudgedStory(
    service=EVIL, id=EVIL, others=(_OTHER,), evidence=EVIL, dead_letters=((EVIL, EVIL),), unseen=(EVIL,)
)
CHANGED = BacktestCounts(policies=Counter({EVIL: 1}), says_otherwise=[EVIL])
CHANGED.add(
    MessageRow(
        1, EVIL, EVIL, EVIL, b"", 1, MessageFate("send", "", "", 0.1, 1), MessageFate("drop", EVIL, EVIL, 0.1, 1)
    ),
    False,
    "email-evidence/0",
)
BACKTEST = backtest_report.BacktestReport(EVIL, "x", [0], Span(), CHANGED)
_MANIFEST = SnapshotManifest(
    cluster=EVIL,
    group=EVIL,
    role=EVIL,
    topic=EVIL,
    partition=0,
    marker=1,
    log_time_ms=1,
    taken_at=1.0,
    engine=EVIL,
    positions={EVIL: 1},
    ages={},
    files={},
)
SNAPSHOT = StandingSnapshot(SnapshotRef(EVIL, EVIL, 0, "19700101T000001.000000Z-1"), _MANIFEST, "", 1.0)
RIGHTS = RightsFinding("fault", EVIL, EVIL, EVIL, EVIL)


def _received(value: Any) -> Received:
    return Received("email-intents", 0, 1, 0, EVIL.encode(), value, {EVIL: EVIL.encode(), "n": None})


def _model() -> Iterable[str]:
    snapshot = json.dumps({"outcomes": 1, "policy": 1.0, "shifts": {EVIL: 0.1}, "spreads": {}, "seen": {}})
    return model.described(ModelRecord(EVIL, 1, snapshot), parse(read_policy(Settings())))


FOR_PEOPLE: dict[str, tuple[Callable[[], Iterable[str]], ...]] = {
    "tail": (
        lambda: [render.as_text_line(_received(VERDICT))],
        lambda: [render.as_text_line(_received(ANOMALY))],
        lambda: [render.as_text_line(_received(EVIL.encode()))],
        lambda: [render.as_text_line(_received(Unreadable(EVIL, EVIL, EVIL.encode())))],
        lambda: [render.as_text_line(_received(FOREIGN))],
    ),
    "audit": (lambda: audit.described(AUDIT),),
    "snapshot": (lambda: snapshot.described([SNAPSHOT, SNAPSHOT._replace(manifest=None, refused=EVIL)]),),
    "explain": (
        lambda: explain.described(STORY),
        lambda: explain.described(STORY, short=True),
        lambda: explain.described(UNJUDGED),
        lambda: explain.lived(LIFE),
    ),
    "backtest": (lambda: backtest_lines.described(BACKTEST),),
    "anomalies": (lambda: incident_lines.table([ANOMALY], 0.0),),
    "hold": (lambda: hold._as_table([HOLD], 2, 1),),
    "suppress": (lambda: suppress._table([SUPPRESSION]),),
    "trap": (lambda: trap._table([TRAP]),),
    "dead-letters": (
        lambda: letter_lines.table([LETTERS]),
        lambda: [letter_lines.as_line(LETTER, 1), letter_lines.as_line(COLLECTIVE, 1)],
        lambda: [*letter_lines.described(LETTER, 1), *letter_lines.described(COLLECTIVE, 2)],
        lambda: letter_lines.summary(RedriveCount(1, 1, 1, Counter({EVIL: 1})), False),
        lambda: quarantine._as_table([QUARANTINED]),
    ),
    "deferred": (
        lambda: waiting.table(waiting.grouped([DEFERRED], 0.0)),
        lambda: [waiting.as_line(DEFERRED, 0.0)],
    ),
    "chain": (lambda: chain.described_checks(HEADS, [CHECKED]), lambda: chain.described_heads(HEADS)),
    "marks": (lambda: marks.described(RecipientRow(service=EVIL)),),
    "forget": (lambda: proof.described(PROOF),),
    "export": (lambda: handover.as_lines(HANDOVER),),
    "model": (lambda: map(printable, _model()),),
    "doctor": (lambda: show.as_table(ROWS, 100),),
    "lists": (lambda: lists._as_text([FEED], {}, SourcesFile(), 0.0).splitlines(),),
    "topics": (lambda: topics._as_block(SHORTFALL).split("\n"),),
    "acls": (lambda: acls._as_block(RIGHTS).split("\n"),),
}
"""Lines of commands that need a cluster, or what is in one."""
FOR_PROGRAMS: dict[str, tuple[Callable[[], str], ...]] = {
    "tail": (
        lambda: render.as_json_line(_received(VERDICT)),
        lambda: render.as_json_line(_received(EVIL.encode())),
        lambda: render.as_json_line(_received(FOREIGN)),
        lambda: render.as_json_line(_received(Unreadable(EVIL, EVIL, b""))),
    ),
    "audit": (lambda: next(iter(audit.as_json_lines(AUDIT))),),
    "snapshot": (lambda: next(iter(snapshot.as_json_lines([SNAPSHOT._replace(refused=EVIL)]))),),
    "chain": (lambda: next(iter(chain.checked_json([CHECKED]))),),
    "explain": (
        lambda: explain.object_line(STORY),
        lambda: explain.object_line(UNJUDGED),
        lambda: explain.life_line(LIFE),
    ),
    "backtest": (lambda: json_line(backtest_report.as_json(BACKTEST)),),
    "hold": (lambda: next(iter(hold._as_json([HOLD]))),),
    "suppress": (lambda: suppression_json(SUPPRESSION),),
    "trap": (lambda: trap_json(TRAP),),
    "dead-letters": (
        lambda: letter_lines.group_json(LETTERS),
        lambda: letter_lines.as_json_line(LETTER, 1),
        lambda: letter_lines.whole_json(COLLECTIVE, 1),
        lambda: letter_lines.whole_json(LETTER, 1),
        lambda: quarantine._as_json(QUARANTINED),
    ),
    "deferred": (
        lambda: waiting.group_json(*waiting.grouped([DEFERRED], 0.0)),
        lambda: waiting.as_json_line(DEFERRED, 0.0),
    ),
    "marks": (lambda: marks.as_json_line(0, RecipientRow(service=EVIL)),),
    "forget": (lambda: proof.as_json(PROOF),),
    "export": (lambda: next(iter(list(handover.as_json_lines(HANDOVER))[-1:])),),
    "doctor": (lambda: show.as_json(ROWS),),
    "lists": (lambda: lists._as_json([FEED], {}, SourcesFile()),),
    "acls": (lambda: forms.as_json("screen", EVIL, []),),
}
OF_FILES = {
    "parse-feedback",
    "feedback",
    "check-address",
    "import",
    "policy",
    "signers",
    "verdict-keys",
    "publish",
    "lists",
    "schema",
}
"""Commands that show what stands in a file; the tests below run them."""
OWN_WORDS = {"keys", "worker", "up", "demo", "simulate", "serve", "receive", "ready", "replay"}
"""Commands that show nothing of strangers on their standard output; logs are for tests/observe/test_logs.py."""


def _assert_tame(output: str) -> None:
    assert output
    for line in output.rstrip("\n").split("\n"):
        plain = _OURS.sub("", line)
        assert plain.isprintable(), ascii(line)
        assert not plain.lstrip().startswith("FORGED"), ascii(line)


def _run(*arguments: object, text: str | bytes = "", code: int = 0) -> Result:
    # in colours, since click takes all escape sequences out where there are none
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], input=text, color=True)
    assert code == done.exit_code, done.output
    return done


def test_every_command_is_looked_at() -> None:
    """A new command stands in one of the lists of this file."""
    assert set(COMMANDS) == FOR_PEOPLE.keys() | FOR_PROGRAMS.keys() | OF_FILES | OWN_WORDS


@pytest.mark.parametrize("command", FOR_PEOPLE)
def test_lines_for_people_steer_no_terminal(command: str) -> None:
    """No control character but our colours, no line that a stranger began."""
    for lines in FOR_PEOPLE[command]:
        for line in lines():
            if line:
                _assert_tame(line)
                assert "\n" not in line


@pytest.mark.parametrize("command", FOR_PROGRAMS)
def test_lines_for_programs_steer_no_terminal(command: str) -> None:
    """JSON on one line, in printable ASCII, with all that was in it."""
    for make in FOR_PROGRAMS[command]:
        line = make()
        assert line.isascii() and line.isprintable()
        json.loads(line)


def test_parse_feedback_steers_no_terminal() -> None:
    """Whatever stands in a webhook's body, and in the name of its file; with --json all of it comes back."""
    body = json.dumps(
        {"RecordType": "Bounce", "Type": "HardBounce", "ID": 1, "Email": f"x{EVIL}@d.example", "Details": EVIL}
    )
    _assert_tame(_run("parse-feedback", "-", text=body, code=0).output)
    _assert_tame(_run("parse-feedback", "--explain", "-", text=body, code=0).output)
    _assert_tame(_run("parse-feedback", "--explain", "--json", "-", text=body, code=0).stdout)
    said = _run("parse-feedback", "--json", "-", text=body, code=0).stdout
    assert said.isascii()
    _assert_tame(said)
    assert "\x9b" in json.loads(said.splitlines()[0])["reply"]


def test_files_steer_no_terminal(tmp_path: Path) -> None:
    """Lines that can't be read, names in files that can't be used, and what can."""
    stranger = json.dumps(f"x{EVIL}@d.example")
    _assert_tame(_run("check-address", "--offline", text=f"{stranger}\n", code=0).output)
    _assert_tame(_run("check-address", "--offline", text=f"{{{EVIL}\n".encode(), code=1).output)
    _assert_tame(_run("check-address", "--offline", "--json", text=f"{stranger}\n").output)
    listed = tmp_path / "list.csv"
    # no line ends: a row of a CSV file may have some, but a column that is found by its name has none
    evil = EVIL.replace("\r", "").replace("\n", "")
    listed.write_text(f"a{evil},email,source\n" + f"{evil},x{evil}@d.example,s{evil}\n" * 30, "utf-8")
    page = tmp_path / "page.html"
    options = ("--offline", "--delimiter", ",", "--html", page, "--source", f"a{evil}")
    _assert_tame(_run("import", listed, *options, code=1).output)
    assert not set(page.read_text("utf-8")) & set("\x1b\x07\x9b\x7f\u202e")
    feed = tmp_path / "feed.txt"
    feed.write_bytes("\n".join(["good.example"] * 20 + [f"x {EVIL}"]).encode())
    _assert_tame(_run("lists", "check", feed, "--kind", "domains", code=1).output)
    rules = tmp_path / "phrases.toml"
    rules.write_text(f"[{json.dumps(printable(EVIL))}]\nphrases = ['\x9b2J\u202e']\n")
    _assert_tame(_run("feedback", "check", rules, code=1).output)
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "a\\u001b[2J\\nFORGED\u202e"\n["\\u009b\\nFORGED"]\nx = 1\n')
    _assert_tame(_run("policy", "check", policy, code=1).output)


def test_names_in_the_signers_file_steer_no_terminal(tmp_path: Path) -> None:
    """Services and streams that keys sign for."""
    signers = tmp_path / "signers.toml"
    signers.write_text(
        f'[keys.k]\nservices = ["a\\u001b[2J\\nFORGED"]\nstreams = ["\\u202e"]\npublic_key = "{"A" * 43}="\n', "utf-8"
    )
    signers.chmod(0o600)
    done = CliRunner().invoke(main, ["signers", "check", str(signers)], color=True)
    _assert_tame(done.output)


def test_errors_steer_no_terminal(tmp_path: Path) -> None:
    """The last words of a command may name a file, or what stands in one."""
    _assert_tame(_run("policy", "check", tmp_path / "a\x1b[2J\x9b\u202e", code=2).output)


@given(st.text(st.characters()))
def test_printable_is_printable(text: str) -> None:
    """Whatever is shown: one line, as long as before; of several lines each."""
    assert printable(text).isprintable()
    assert len(text) == len(printable(text))
    lines = printable_lines(text).split("\n")
    assert len(lines) == len(text.split("\n")) and all(map(str.isprintable, lines))


@given(st.recursive(st.text(st.characters()), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_lines_are_printable(value: object) -> None:
    """Printable ASCII, and the same value for whoever reads it."""
    line = json_line(value)
    assert line.isascii() and line.isprintable()
    assert value == json.loads(line)
