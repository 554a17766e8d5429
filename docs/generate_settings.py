"""Writes docs/settings.md from streams/settings.py: `python docs/generate_settings.py`; `--check` only compares."""

import sys
from dataclasses import Field, fields
from pathlib import Path

from sidestep.streams.settings import Settings

PAGE = Path(__file__).with_name("settings.md")

HEAD = """# Settings

Every knob is an environment variable; the `sidestep` command's options of the same name win over it. Durations are
seconds. A value that can't be used stops the command with a sentence that names the variable. This page is made by
`python docs/generate_settings.py` from `streams/settings.py`; a test fails when the two differ.

| variable | default | what it is |
|---|---|---|
"""

TAIL = """
A secret is never shown in logs or errors. Give it through the environment or a file that only the worker can read, not
on the command line.
"""


def render() -> str:
    """The page."""
    return HEAD + "".join(map(_row, fields(Settings))) + TAIL


def _row(setting: "Field[object]") -> str:
    default = f"`{setting.default}`" if setting.default != "" else "–"
    about = str(setting.metadata["about"]).replace("|", "\\|")
    secret = " **Secret.**" if setting.metadata["secret"] else ""
    return f"| `SIDESTEP_{setting.name.upper()}` | {default} | {about}{secret} |\n"


def main(arguments: list[str]) -> int:
    """0: written, or up to date; 1: `--check` found a difference."""
    if "--check" not in arguments:
        PAGE.write_text(render(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == render():
        return 0
    print("docs/settings.md is stale: run python docs/generate_settings.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
