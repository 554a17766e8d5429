"""Why a bounce was understood as it was: what decided stands among what was weighed, each rule with its line."""

import json
from pathlib import Path

import pytest

from sidestep.streams.screen.feedback.classify import shipped, shipped_texts
from sidestep.streams.screen.feedback.lint import example_of
from sidestep.streams.screen.feedback.origin import Origin
from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import classify, outcome_of, parse
from sidestep.streams.screen.feedback.why import Weighed, places_of, weighed

LAYOUTS = Path(__file__).parent / "layouts"
PLACES = places_of(shipped_texts())


def why(outcome: Outcome) -> list[Weighed]:
    """By the rules that ship."""
    return weighed(outcome, shipped(), PLACES)


def said(text: str, **fields: str) -> Outcome:
    """Of the notification of a provider that quotes the server."""
    body = {"RecordType": "Bounce", "ID": 1, "Email": "kuro@example.net", "Details": text} | fields
    return parse(json.dumps(body).encode())[0]


@pytest.mark.parametrize("file", sorted(LAYOUTS.glob("*.eml")), ids=lambda file: file.stem)
def test_one_ruling_decided_and_it_is_the_outcomes(file: Path) -> None:
    """Of every bounce: its rule and reason, among those that were weighed."""
    for outcome in parse(file.read_bytes()):
        if outcome.diagnostic is not None:
            (decided,) = (ruling for ruling in why(outcome) if ruling.decided)
            assert (outcome.reason, outcome.rule) == (decided.reason, decided.rule)
            assert decided.words != "provider"


def test_every_rule_has_its_line() -> None:
    """In the file that has it, under its name."""
    texts = {name: text.splitlines() for name, text in shipped_texts().items()}
    for rule in shipped().every_rule():
        file, _, line = PLACES[rule.name].partition(":")
        written = texts[file][int(line) - 1]
        assert written.startswith("name = ")
        assert rule.name.endswith(written.split('"')[1])
    assert {f"status {code}" for code in shipped().statuses} <= PLACES.keys()


def test_every_rule_decides_its_example_in_the_first_place() -> None:
    """Nothing stands before what decides, where the reply itself does."""
    for rule in shipped().every_rule():
        diagnostic = example_of(rule)
        ruling = classify(diagnostic)
        first = why(outcome_of(diagnostic, ruling, Origin(), "text"))[0]
        assert first.decided or first.reason in ("onhold", "undefined"), rule.name


def test_what_else_spoke_for_a_reason_follows() -> None:
    """In the order in which it was weighed, each once, with its file; the last is nothing."""
    outcome = said("552 5.2.2 mailbox full", Type="SoftBounce")
    found = why(outcome)
    assert found[0].decided
    assert [False] * (len(found) - 1) == [ruling.decided for ruling in found[1:]]
    assert {"status 5.2.2"} < {ruling.rule for ruling in found}
    assert {"statuses.toml"} < {ruling.place.partition(":")[0] for ruling in found}
    assert len(found) == len(set(found))
    assert ("onhold", "nothing", "") == found[-1][:3]


def test_a_providers_category_that_decided_goes_first() -> None:
    """Where the server's words say nothing, or nobody has quoted any."""
    found = why(said("", Type="HardBounce"))
    assert Weighed("userunknown", "postmark category", "webhooks/postmark.py", "provider", True) == found[0]
    assert "nothing" == found[1].rule


def test_the_whole_report_is_asked_where_the_reply_says_nothing() -> None:
    """And shown as that, whether it decided or not."""
    report = (
        b"From: MAILER-DAEMON@mx.example.org\nSubject: failure\nContent-Type: text/plain\n\n"
        b"The user unknown in our directory.\n\nFinal-Recipient: rfc822; ada@example.com\nAction: failed\n"
        b"Status: 5.0.0\nDiagnostic-Code: smtp; 550 zzz\n"
    )
    (outcome,) = parse(report)
    words = [ruling.words for ruling in why(outcome)]
    assert ["reply", "report"] == list(dict.fromkeys(words))


def test_what_is_no_bounce_was_not_weighed() -> None:
    """Its form says what it is."""
    opened = b'[{"event": "open", "email": "ada@example.com", "sg_event_id": "1", "sg_message_id": "2"}]'
    assert [] == why(parse(opened)[0])
