"""sidestep parse-feedback and sidestep feedback check."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidestep.streams.commands.feedback import feedback, parse_feedback
from sidestep.streams.screen.feedback.classify import shipped_texts

SAID = "550 5.1.1 no such user"
BODY = json.dumps(
    {"RecordType": "Bounce", "Type": "HardBounce", "ID": 42, "Email": "kuro@example.net", "Details": SAID}
)


def test_one_json_object_an_outcome(tmp_path: Path) -> None:
    """With the fields that scripts rely on, and the file each came from."""
    file = tmp_path / "body.json"
    file.write_text(BODY)
    done = CliRunner().invoke(parse_feedback, ["--json", str(file), str(file)])
    first, second = map(json.loads, done.output.splitlines())
    assert first == second
    assert {
        "file": str(file), "kind": "bounce", "recipient": "kuro@example.net", "status": "5.1.1", "reply": SAID,
        "reason": "userunknown", "hard": True, "scope": "recipient",
    }.items() <= first.items()  # fmt: skip


def test_a_line_for_people() -> None:
    """From standard input, without --json."""
    done = CliRunner().invoke(parse_feedback, ["-"], input=BODY)
    assert "bounce kuro@example.net userunknown hard recipient 5.1.1" in done.output


def test_a_line_tells_what_happened_and_to_which_intent() -> None:
    """A press of a link and an unsubscription are two things."""
    event = {
        "email": "ada@example.org",
        "timestamp": 1714979289,
        "sg_message_id": "m1",
        "sidestep_intent_id": "order-17",
    }
    body = [event | {"event": "open", "sg_event_id": "1"}, event | {"event": "unsubscribe", "sg_event_id": "2"}]
    done = CliRunner().invoke(parse_feedback, ["-"], input=json.dumps(body))
    opened, gone = done.output.splitlines()
    assert opened.endswith("engagement opened ada@example.org intent order-17")
    assert gone.endswith("engagement unsubscribed ada@example.org intent order-17")
    assert 0 == done.exit_code


def test_explain_tells_what_was_weighed() -> None:
    """Below the outcome: what was looked at, what decided, what else spoke for a reason, with file and line."""
    done = CliRunner().invoke(parse_feedback, ["--explain", "-"], input=BODY)
    outcome, looked_at, decided, *others = done.output.splitlines()
    assert "bounce kuro@example.net userunknown hard recipient 5.1.1" in outcome
    assert f"    looked at: status 5.1.1, reply 550, command RCPT, kind smtp; {SAID}" == looked_at
    assert decided.startswith("  >  1  userunknown")
    assert ".toml:" in decided
    assert any("status 5.1.1" in line and "statuses.toml:" in line for line in (decided, *others))
    assert "nothing" == others[-1].split()[-1]


def test_explain_is_for_programs_too() -> None:
    """With all fields of what it would say without."""
    plain, explained = (
        json.loads(CliRunner().invoke(parse_feedback, ["--json", *more, "-"], input=BODY).output)
        for more in ((), ("--explain",))
    )
    assert plain == {name: value for name, value in explained.items() if name not in ("looked_at", "weighed")}
    first = explained["weighed"][0]
    assert {"reason": "userunknown", "words": "reply", "decided": True}.items() <= first.items()
    assert (plain["rule"], SAID) == (first["rule"], explained["looked_at"]["text"])


def test_explain_says_where_nothing_was_weighed() -> None:
    """What is no bounce has no reason."""
    opened = '[{"event": "open", "email": "ada@example.org", "sg_event_id": "1", "sg_message_id": "m"}]'
    done = CliRunner().invoke(parse_feedback, ["--explain", "-"], input=opened)
    assert done.output.endswith("    nothing was weighed: its form says what it is\n")


def test_what_is_in_a_frame_is_read() -> None:
    """As Screen does."""
    framed = b"\0\0\0\0\7" + BODY.encode()
    done = CliRunner().invoke(parse_feedback, ["-"], input=framed)
    assert "bounce kuro@example.net userunknown hard recipient 5.1.1" in done.output
    assert 0 == done.exit_code


def test_the_end_of_a_files_name_says_what_it_is(tmp_path: Path) -> None:
    """As for `publish`: every message of an mbox is read; elsewhere, and where it is said otherwise, the first."""
    message = "From: {}@example.org\nAuto-Submitted: auto-replied\nSubject: away\n\nOn holiday until Monday.\n\n"
    two = "".join(f"From x Mon Jan  1 00:00:00 2026\n{message.format(name)}" for name in ("ada", "eve"))
    mbox, other = tmp_path / "two.mbox", tmp_path / "two.txt"
    for file in (mbox, other):
        file.write_text(two)

    def recipients(*arguments: str) -> list[str]:
        lines = CliRunner().invoke(parse_feedback, ["--json", *arguments]).stdout.splitlines()
        return [json.loads(line)["recipient"] for line in lines]

    assert ["ada@example.org", "eve@example.org"] == recipients(str(mbox))
    assert ["ada@example.org"] == recipients(str(other)) == recipients("--content-type", "message/rfc822", str(mbox))


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        ("", "neither our schema nor any report or webhook that we know"),
        ('{"event": "bounced", "who": "me@example.org"}', "neither our schema nor any report or webhook that we know"),
        ('[{"event": "open",', "it begins as JSON does, and is none"),
        ('{"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example/t0ken"}', "opens the SubscribeURL"),
        ('{"Type": "UnsubscribeConfirmation"}', "a subscription has ended"),
        ('{"notificationType": "Lost", "mail": {"messageId": "1"}}', "of ses, in which nothing stands that counts"),
        ('{"recipient": "ada@example.org", "status": "9.9"}', "`$.status`"),
    ],
)
def test_what_screen_could_not_read_leaves_with_1_and_says_why(tmp_path: Path, octets: str, why: str) -> None:
    """So that a CI can look at what it recorded; without quoting what stands there, and after all files were read."""
    strange, known = tmp_path / "strange", tmp_path / "known"
    strange.write_text(octets)
    known.write_text(BODY)
    done = CliRunner().invoke(parse_feedback, [str(strange), str(known)])
    assert (1, True) == (done.exit_code, "kuro@example.net userunknown" in done.stdout)
    assert why in done.stderr
    assert done.stderr.startswith(f"{strange}: ")
    assert "t0ken" not in done.stderr and "me@example.org" not in done.stderr


def test_the_rules_are_checked() -> None:
    """Exit code 0 and how many there are."""
    done = CliRunner().invoke(feedback, ["check"])
    assert (0, True) == (done.exit_code, done.output.startswith("OK: "))


def test_a_fault_in_a_rule_file_is_told(tmp_path: Path) -> None:
    """Exit code 1 and a sentence; a file of another name is refused."""
    file = tmp_path / "phrases.toml"
    file.write_text(
        shipped_texts()["phrases.toml"].replace('"virus detected"', '"Virus detected"', 1), encoding="utf-8"
    )
    done = CliRunner().invoke(feedback, ["check", str(file)])
    assert (1, True) == (done.exit_code, "in lower case" in done.output)
    broken = tmp_path / "mtas.toml"
    broken.write_text("[[first]\n")
    assert 1 == CliRunner().invoke(feedback, ["check", str(broken)]).exit_code
    other = tmp_path / "rules.toml"
    other.write_text("")
    assert 2 == CliRunner().invoke(feedback, ["check", str(other)]).exit_code
