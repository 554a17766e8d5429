"""sidestep parse-feedback and sidestep feedback check."""

import json
from pathlib import Path

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
