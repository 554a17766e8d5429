"""`sidestep signers` and `sidestep publish --sign`: keys that fit together, and no secret on the screen."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidestep.streams.cli import main
from sidestep.streams.screen.signers import Signers
from sidestep.streams.screen.signers_file import read_signers
from sidestep.topics.catalog import INTENTS
from sidestep.topics.connection import Connection
from sidestep.topics.signer import Signer
from sidestep.topics.signing import HEADER
from tests.guarantees.harness.records import read
from tests.kafka_records import TP, delivered


def run(*arguments: object, text: str = "") -> Result:
    """One command."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=text)


def _file(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("algorithm", ["hmac-sha-256", "ed25519"])
def test_a_new_key_and_its_lines_fit_together(tmp_path: Path, algorithm: str) -> None:
    """The secret is in a file that nobody else reads and nowhere else; what it signs, the lines let through."""
    secret = tmp_path / "shop.key"
    made = run("signers", "new-key", "shop-1", "--service", "shop", "--file", secret, "--algorithm", algorithm)
    assert (0, 0o600) == (made.exit_code, stat.S_IMODE(secret.stat().st_mode))
    assert secret.read_text().strip().partition(":")[2] not in made.output
    signers = read_signers(_file(tmp_path / "signers.toml", made.stdout), 60.0)
    assert "shop-1" == _proved(signers, Signer("shop-1", secret))
    checked = run("signers", "check", tmp_path / "signers.toml")
    assert f"shop-1: {algorithm}, for shop\nsignatures: required\n" == checked.output


def _proved(signers: Signers, signer: Signer) -> str:
    import time

    headers = [(name, bytes(value)) for name, value in signer.sign(TP.topic, b"{}")]  # type: ignore[arg-type]
    check = signers.of_topic(TP.topic)
    return check.prove(check.look(delivered(0, b"{}", headers=headers), time.time()), "shop", "")


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    """The records that it has signed are still on their way."""
    secret = _file(tmp_path / "shop.key", "mine")
    refused = run("signers", "new-key", "shop-1", "--service", "shop", "--file", secret)
    assert (2, "mine") == (refused.exit_code, secret.read_text())
    assert "another --file" in refused.output
    assert 2 == run("signers", "new-key", "a;b", "--service", "shop", "--file", tmp_path / "new").exit_code


def test_what_is_wrong_with_the_file_is_said(tmp_path: Path) -> None:
    """With exit code 2, and where."""
    checked = run("signers", "check", _file(tmp_path / "signers.toml", "[keys.x]\n"))
    assert 2 == checked.exit_code and "missing required field `services`" in checked.output


def test_published_lines_are_signed(clean_topics: Connection, tmp_path: Path) -> None:
    """Each with the key that is named; one option without the other is a slip."""
    secret = tmp_path / "shop.key"
    made = run("signers", "new-key", "shop-1", "--service", "shop", "--file", secret)
    line = '{"id":"1","to":"a@d0.example","service":"shop"}\n'
    options = ["--broker", str(clean_topics), "--sign", "shop-1", "--key-file", secret]
    assert 0 == run("publish", *options, "-", text=line).exit_code
    (record,) = read(clean_topics, INTENTS.name)
    signers = read_signers(_file(tmp_path / "signers.toml", made.stdout), 60.0)
    assert [HEADER] == [name for name, _ in record.headers() or ()]
    check = signers.of_topic(INTENTS.name)
    assert "shop-1" == check.prove(check.look(record, record.timestamp()[1] / 1000), "shop", "")
    refused = run("publish", "--broker", str(clean_topics), "--sign", "shop-1", "-", text=line)
    assert 2 == refused.exit_code and "go together" in refused.output
