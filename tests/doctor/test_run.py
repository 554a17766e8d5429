"""Checks that break or hang are rows of the table, and keep nobody else from it; and how the table is shown."""

import json
import threading
import time
from collections.abc import Iterator

import pytest
from click import unstyle

from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.doctor.run import Check, run_all
from sidestep.streams.doctor.show import as_json, as_table
from sidestep.streams.errors import SettingsError


def _sound() -> Iterator[CheckRow]:
    yield CheckRow("sound", "ok", "as it should be")


def _refused() -> Iterator[CheckRow]:
    raise SettingsError("SIDESTEP_X: mend it")


def _broken() -> Iterator[CheckRow]:
    yield CheckRow("broken", "ok", "half of it")
    raise KeyError("x\x1bc")


def test_a_check_that_breaks_or_hangs_is_a_row() -> None:
    """An error of ours is a fault with its sentence, any other one says so, and what hangs is unknown in time."""
    hung = threading.Event()

    def hanging() -> list[CheckRow]:
        hung.wait(30)
        return []

    began = time.monotonic()
    checks = [Check("hanging", hanging), Check("broken", _broken), Check("refused", _refused), Check("sound", _sound)]
    rows = run_all(checks, 0.3)
    hung.set()
    assert time.monotonic() - began < 5
    assert [("hanging", "unknown"), ("broken", "fault"), ("refused", "fault"), ("sound", "ok")] == [
        (row.check, row.status) for row in rows
    ]
    assert "KeyError" in rows[1].what and "\x1b" not in rows[1].what
    assert "SIDESTEP_X: mend it" == rows[2].what


def test_what_must_not_be_late_is_a_fault() -> None:
    """A Kafka that is out of reach, say."""
    hung = threading.Event()

    def hanging() -> list[CheckRow]:
        hung.wait(30)
        return []

    (row,) = run_all([Check("connection", hanging, "nothing comes back")], 0.1)
    hung.set()
    assert ("fault", "nothing comes back") == (row.status, row.what)


ROWS = [
    CheckRow("disk", "ok", "55.0 GiB free"),
    CheckRow("certificate", "warning", "word " * 30, "Renew it: chmod 600 /a/very/" + "long/" * 30 + "path"),
    CheckRow("dns", "unknown", "nobody was asked"),
    CheckRow("files", "fault", "open", "chmod 700 x"),
]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_table_fits_the_terminal(columns: int) -> None:
    """But for a path, which stays whole so that it can be copied; the last line counts."""
    lines = [unstyle(line) for line in as_table(ROWS, columns)]
    long = [line for line in lines if len(line) > columns]
    assert 1 == len(long) and "/long/long/" in long[0]
    assert "1 ok, 1 warning, 1 fault, 1 unknown" == lines[-1]
    assert lines[0].split() == ["ok", "disk", "55.0", "GiB", "free"]
    assert "  chmod 700 x" in lines[-3]


def test_programs_get_one_object() -> None:
    """With everything that people see."""
    found = json.loads(as_json(ROWS))
    assert ("fault", 4) == (found["status"], len(found["checks"]))
    assert {"check": "files", "status": "fault", "what": "open", "mend": "chmod 700 x"} == found["checks"][3]
