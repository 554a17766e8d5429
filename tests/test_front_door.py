"""The pages of docs/for/: one screen each, and every command in them exists, with its options."""

import re
import shlex
from pathlib import Path

import click
import pytest

from sidestep.streams.cli import main

PAGES = sorted((Path(__file__).parents[1] / "docs/for").glob("*.md"))
SCREEN = 45
"""Lines."""


def commands(page: Path) -> list[str]:
    """What a reader would type after `sidestep`: in blocks, and in the text."""
    text = page.read_text()
    blocks = re.findall(r"^(?:.*\| |\.venv/bin/)?sidestep (.+?)(?:\s{2,}#.*)?$", text, re.MULTILINE)
    return [*blocks, *re.findall(r"`sidestep ([^`]+)`", text)]


def parse(words: list[str], command: click.Command) -> None:
    """As the command line is read; nothing is run. Raises click.UsageError."""
    while isinstance(command, click.Group):
        if not words:
            return  # `sidestep forget`, named as a whole
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no sidestep … {words[0]}"
        command, words = found, words[1:]
    for word in words:
        if word.startswith("--"):
            assert any(word in option.opts for option in command.params), f"{command.name} has no {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_exists(page: Path) -> None:
    """With the options that are shown."""
    found = commands(page)
    assert found or page.stem == "newcomer"
    for line in found:
        parse(shlex.split(line.split(" > ")[0]), main)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_one_screen(page: Path) -> None:
    """Whoever needs more is led on."""
    assert len(page.read_text().splitlines()) <= SCREEN


def test_there_is_one_for_everybody_and_the_index_leads_to_each() -> None:
    """At its top."""
    assert 7 == len(PAGES)
    top = (PAGES[0].parents[1] / "README.md").read_text().split("Everything else")[0]
    assert all(f"(for/{page.name})" in top for page in PAGES)
