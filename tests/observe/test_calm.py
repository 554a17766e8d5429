"""A client that tries again and again must not fill the disk, and must not hide anything else."""

import logging

from sidestep.streams.observe.calm import ALLOWED, WINDOW_SECONDS, Calm


class Clock:
    """Time that stands still until moved."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def line(message: str, level: int = logging.ERROR, name: str = "kafka") -> logging.LogRecord:
    """A log record."""
    return logging.LogRecord(name, level, "", 0, message, (), None)


def test_repetitions_are_held_back() -> None:
    """Lines that differ only in numbers and in the client's name count as the same."""
    calm = Calm(Clock())
    passed = [calm.filter(line(f"FAIL [thrd:client-{n}]: connect failed after {n} ms")) for n in range(100)]
    assert [True] * ALLOWED == passed[:ALLOWED]
    assert not any(passed[ALLOWED:])


def test_the_next_window_tells_how_many_there_were() -> None:
    """Nothing vanishes without a trace."""
    clock = Clock()
    calm = Calm(clock)
    for _ in range(ALLOWED + 7):
        calm.filter(line("no route"))
    clock.now = WINDOW_SECONDS
    record = line("no route")
    assert calm.filter(record)
    assert "no route (7 more like this before)" == record.getMessage()


def test_other_lines_pass() -> None:
    """Another message, another logger, and everything below warning."""
    calm = Calm(Clock())
    for _ in range(50):
        calm.filter(line("no route"))
    assert calm.filter(line("disk full"))
    assert calm.filter(line("no route", name="dns"))
    assert all(calm.filter(line("working", logging.INFO)) for _ in range(50))
