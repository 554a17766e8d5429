"""sidestep keys: the secret of the ledger's keys."""

from hashlib import sha256
from pathlib import Path

from click.testing import CliRunner

from sidestep.streams.cli import main


def test_rotate_makes_a_new_secret_beside_the_present_one(tmp_path: Path) -> None:
    """It says what to do next, and neither of them."""
    old = sha256(b"old").hexdigest()
    (tmp_path / "hash-key").write_text(old)
    (tmp_path / "hash-key").chmod(0o600)
    result = CliRunner().invoke(main, ["keys", "rotate", "--data-dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "start those again" in result.output
    assert old == (tmp_path / "hash-key.former").read_text()
    new = (tmp_path / "hash-key").read_text().strip()
    assert new != old
    assert new not in result.output and old not in result.output
    again = CliRunner().invoke(main, ["keys", "rotate", "--data-dir", str(tmp_path)])
    assert again.exit_code == 2
    assert new == (tmp_path / "hash-key").read_text().strip()


def test_rotate_leaves_a_given_secret_to_who_gave_it(tmp_path: Path) -> None:
    """The text says how."""
    given = {"SIDESTEP_HASH_KEY": sha256(b"given").hexdigest()}
    result = CliRunner().invoke(main, ["keys", "rotate", "--data-dir", str(tmp_path)], env=given)
    assert result.exit_code == 2
    assert "SIDESTEP_HASH_KEY_FORMER_FILE" in result.output
    assert [] == list(tmp_path.iterdir())
