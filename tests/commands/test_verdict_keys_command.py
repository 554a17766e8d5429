"""`sidestep verdict-keys` and `sidestep tail --verdict-keys`: halves that fit together, and no secret on the screen."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.errors import SettingsError
from sidestep.streams.settings import load
from sidestep.topics.connection import Connection
from sidestep.topics.verdict_keys import read_verdict_keys
from sidestep.topics.verdict_signer import VerdictSigner
from tests.topics.proved import APPROVED, keys_file, signer
from tests.topics.test_subscribe import verdict
from tests.topics.test_verify import proved, write


def run(*arguments: object) -> Result:
    """One command."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_new_key_and_its_line_fit_together(tmp_path: Path) -> None:
    """Decide's half is in a file that nobody else reads, and nowhere else; what it signs, the line lets through."""
    secret, readers = tmp_path / "decide.key", tmp_path / "verdict-keys.toml"
    made = run("verdict-keys", "new", "decide.2026", "--file", secret)
    assert (0, 0o600) == (made.exit_code, stat.S_IMODE(secret.stat().st_mode))
    assert secret.read_text().strip().partition(":")[2] not in made.output
    readers.write_text(f"[keys]\n{made.stdout}", "utf-8")
    readers.chmod(0o644)
    assert VerdictSigner("decide.2026", secret).public_key in made.stdout
    assert [b"decide.2026"] == list(read_verdict_keys(readers))
    assert "decide.2026\n" == run("verdict-keys", "check", readers).output


def test_a_key_is_never_written_over_and_a_bad_file_is_told(tmp_path: Path) -> None:
    """Exit code 2, and what to do."""
    secret = tmp_path / "decide.key"
    secret.write_text("mine")
    refused = run("verdict-keys", "new", "decide", "--file", secret)
    assert (2, "mine", True) == (refused.exit_code, secret.read_text(), "another --file" in refused.output)
    assert 2 == run("verdict-keys", "new", "a;b", "--file", tmp_path / "new").exit_code
    assert 2 == run("verdict-keys", "check", secret).exit_code


def test_tail_tells_forgeries_from_verdicts(clean_topics: Connection, tmp_path: Path) -> None:
    """In both forms; topics of anything else have no proofs."""
    readers = keys_file(tmp_path / "verdict-keys.toml", decide := signer(tmp_path))
    write(clean_topics, APPROVED, *proved(decide, APPROVED, 1), (encode(verdict(2)), None))
    tail = ("tail", "--broker", clean_topics, "--topic", APPROVED, "--from-beginning", "--count", 2)
    shown = run(*tail, "--verdict-keys", readers).output.splitlines()
    assert "send  shop/order-1 -> ada@example.org" in shown[0]
    assert "not proved (proof-missing)" in shown[1] and "example.org" not in shown[1]
    lines = [json.loads(line) for line in run(*tail, "--json", "--verdict-keys", readers).output.splitlines()]
    assert ("order-1", "proof-missing") == (lines[0]["value"]["id"], lines[1]["error"]["code"])
    other = run("tail", "--topic", "email-tallies", "--verdict-keys", readers)
    assert 2 == other.exit_code and "email-tallies has none" in other.output


@pytest.mark.parametrize("name", ["VERDICT_KEY", "VERDICT_KEY_FILE"])
def test_the_key_and_its_file_go_together(name: str) -> None:
    """One without the other is a slip: verdicts would go out without a proof."""
    with pytest.raises(SettingsError, match="go together"):
        load({f"SIDESTEP_{name}": "x"})
