"""The umask of the command line: what a command writes is its owner's alone."""

import os
from pathlib import Path

from click.testing import CliRunner

from sidestep.streams.cli import main
from tests.private_files import open_to_others


def test_whoever_calls_a_command_keeps_the_umask(tmp_path: Path) -> None:
    """Also after an error; meanwhile nobody else can read what is written."""
    before = os.umask(0o022)
    try:
        for arguments in (["simulate", "--scale", "0.02", "--out", str(tmp_path / "out")], ["no-such-command"]):
            CliRunner().invoke(main, arguments)
            assert 0o022 == os.umask(0o022)
    finally:
        os.umask(before)
    assert (tmp_path / "out" / "email-intents.ndjson").exists() and [] == open_to_others(tmp_path / "out")
