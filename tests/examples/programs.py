"""Programs in examples/, started as a person starts them."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def command(name: str, *arguments: object) -> list[str]:
    """An example as a person starts it."""
    return [sys.executable, str(EXAMPLES / name), *map(str, arguments)]


def run(name: str, *arguments: object) -> tuple[int, str]:
    """Exit code and what it said, of an example that ends by itself."""
    done = subprocess.run(command(name, *arguments), capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "", done.stderr[-3000:]
    return done.returncode, done.stdout


class Running:
    """An example that goes on until it is ended."""

    def __init__(self, log: Path, name: str, *arguments: object):
        self._log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(command(name, *arguments), stdout=file, stderr=file)

    @property
    def said(self) -> str:
        """All that it and earlier runs with this log said."""
        return self._log.read_text("utf-8")

    def kill(self) -> None:
        """SIGKILL, and its end."""
        self.process.kill()
        self.process.wait(10)
