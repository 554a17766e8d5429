"""The line that says how a soak stands."""

import io

from tests.soak import progress
from tests.soak.progress import Progress, Standing, line

STANDING = Standing(754.0, 1800.0, ["broker-freeze 0 12 s", "kill 1"], 1234567, 1234000, 567, 34, 61)
WHOLE = (
    "12:34/30:00  acknowledged 1,234,567  verdicts 1,234,000  behind 567  kills 34  faults 61  "
    "broker-freeze 0 12 s, kill 1"
)


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_the_line_has_everything() -> None:
    """Time, counts, and what goes on."""
    assert WHOLE == line(STANDING)


def test_a_line_fits_the_terminal() -> None:
    """Numbers stand before what goes on, so that these are cut last."""
    assert WHOLE[:79] + "…" == line(STANDING, 80)
    assert WHOLE == line(STANDING, len(WHOLE))


def test_a_terminal_gets_one_line_rewritten_in_place() -> None:
    """What is said beside it stays."""
    terminal = Terminal()
    shown = Progress(terminal)
    shown.show(STANDING)
    shown.show(STANDING)
    shown.say("done")
    text = terminal.getvalue()
    assert text.count("\r") == 3
    assert text.count("\n") == 1
    assert text.endswith("\rdone\x1b[K\n")


def test_a_pipe_gets_a_line_now_and_then() -> None:
    """And nothing that only a terminal understands."""
    pipe = io.StringIO()
    shown = Progress(pipe)
    shown.show(STANDING)
    shown.show(STANDING)
    assert pipe.getvalue() == WHOLE + "\n"
    assert progress.PIPE_SECONDS == 10
