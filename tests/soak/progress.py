"""One line that says how a soak stands: rewritten in place on a terminal, every ten seconds elsewhere."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

PIPE_SECONDS = 10.0


@dataclass(frozen=True)
class Standing:
    """What the line is about. `elapsed` and `total` in seconds; `doing`: the faults under way, or the phase."""

    elapsed: float
    total: float
    doing: Sequence[str]
    acknowledged: int
    verdicts: int
    behind: int
    kills: int
    faults: int


def line(standing: Standing, width: int = 0) -> str:
    """As one line; cut to `width` columns, 0: as long as it is."""
    numbers = (
        f"acknowledged {standing.acknowledged:,}  verdicts {standing.verdicts:,}  behind {standing.behind:,}  "
        f"kills {standing.kills}  faults {standing.faults}"
    )
    text = f"{_clock(standing.elapsed)}/{_clock(standing.total)}  {numbers}  {', '.join(standing.doing)}".rstrip()
    return text if not width or len(text) <= width else text[: width - 1] + "…"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"


class Progress:
    """Writes it to a stream."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self._terminal = stream.isatty()
        self._next = 0.0

    def show(self, standing: Standing) -> None:
        """As it is now; may be called as often as one likes."""
        now = time.monotonic()
        if self._terminal:
            self._stream.write("\r" + line(standing, shutil.get_terminal_size().columns - 1) + "\x1b[K")
        elif now >= self._next:
            self._next = now + PIPE_SECONDS
            self._stream.write(line(standing) + "\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._stream.write(f"\r{text}\x1b[K\n" if self._terminal else f"{text}\n")
        self._stream.flush()
