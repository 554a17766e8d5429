"""Checks that know nothing of each other, all at once, none for longer than it may: what hangs, or breaks, is a row."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.terminal import printable
from sidestep.topics.errors import SidestepError


@dataclass(frozen=True)
class Check:
    """A check: its name in the table, and what finds its rows; that may block, and may raise."""

    name: str
    find: Callable[[], Iterable[CheckRow]]
    late: str = ""
    """What it means that it has not ended in time, where that is a fault."""


@dataclass
class _Running:
    check: Check
    rows: list[CheckRow] | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            self.rows = [row._replace(what=printable(row.what), mend=printable(row.mend)) for row in self.check.find()]
        except SidestepError as error:
            self.rows = [CheckRow(self.check.name, "fault", printable(str(error)))]
        except Exception as error:  # noqa: BLE001 - whatever breaks one check must not keep the others from the table
            said = printable(f"{type(error).__name__}: {error}")
            self.rows = [CheckRow(self.check.name, "fault", f"the check broke ({said})", "Please report it.")]
        self.ended.set()


def run_all(checks: Iterable[Check], seconds: float) -> list[CheckRow]:
    """The rows of all checks in their order. One that has not ended after `seconds` is unknown."""
    running = [_Running(check) for check in checks]
    for each in running:
        # daemons: a check that hangs in a library must not keep the process from ending
        threading.Thread(target=each.run, daemon=True, name=f"doctor-{each.check.name}").start()
    deadline = time.monotonic() + seconds
    return [row for each in running for row in _rows(each, deadline, seconds)]


def _rows(each: _Running, deadline: float, seconds: float) -> list[CheckRow]:
    each.ended.wait(max(0.0, deadline - time.monotonic()))
    if each.rows is None:
        if each.check.late:
            return [CheckRow(each.check.name, "fault", each.check.late)]
        return [CheckRow(each.check.name, "unknown", f"not found out within {seconds:.0f} s", "Run this again.")]
    return each.rows
