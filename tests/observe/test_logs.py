"""What a log line looks like, and what can't be done with one."""

import io
import json
import logging
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.errors import SettingsError
from sidestep.streams.masking import without_local_parts
from sidestep.streams.observe.logs import (
    REPEATED_MOST,
    WINDOW_SECONDS,
    JsonFormatter,
    RepetitionFilter,
    TextFormatter,
    configure,
    escaped,
    rfc3339,
)

ANY_TEXT = st.text(st.characters())
"""Lone surrogates and all."""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)


def _logged(message: str, *args: object, log_format: str = "json", level: str = "info", **extra: object) -> str:
    stream = io.StringIO()
    configure(log_format, level, stream)
    logging.getLogger("sidestep.test").warning(message, *args, extra=extra)
    return stream.getvalue()


def _record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "name": "sidestep.test", "levelname": "INFO"} | extra)


def test_json_lines_hold_every_field() -> None:
    """Time in UTC, level, logger, message with its arguments, and the extra fields with their types."""
    entry = json.loads(_logged("batch of %d", 7, partition=3, seconds=0.5, topic="email-evidence", ok=True))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry == {
        "level": "warning",
        "logger": "sidestep.test",
        "message": "batch of 7",
        "partition": 3,
        "seconds": 0.5,
        "topic": "email-evidence",
        "ok": True,
    }


def test_text_lines_can_be_read() -> None:
    """Time, level, logger, message, then key=value; values with spaces are quoted."""
    line = _logged("batch done", log_format="text", partition=3, why="it was full")
    assert re.fullmatch(r'\S+Z WARNING sidestep\.test  batch done  partition=3  why="it was full"\n', line)


def test_auto_follows_the_stream() -> None:
    """A terminal gets text, a pipe gets JSON."""
    for stream, json_expected in ((Terminal(), False), (io.StringIO(), True)):
        configure("auto", "info", stream)
        logging.getLogger("sidestep.test").info("hello")
        assert stream.getvalue().startswith("{") is json_expected


def test_exceptions_are_kept() -> None:
    """A traceback is one field of the JSON line, and indented lines below a text line."""
    for log_format in ("json", "text"):
        stream = io.StringIO()
        configure(log_format, "info", stream)
        try:
            raise ValueError("broken\n2026-01-01T00:00:00.000Z INFO    sidestep  all is well")
        except ValueError:
            logging.getLogger("sidestep.test").exception("failed")
        first, *rest = stream.getvalue().splitlines()
        if log_format == "json":
            assert "ValueError: broken" in json.loads(first)["exception"]
            assert not rest
        else:
            assert any("ValueError: broken" in line for line in rest)
            assert all(line.startswith("    ") for line in rest)


def test_the_level_is_obeyed() -> None:
    """What is below the level is not written."""
    assert _logged("hello", level="error") == ""


@pytest.mark.parametrize("level", ["debug", "info"])
def test_other_libraries_are_quiet(level: str) -> None:
    """Faust, mode and aiokafka write warnings through our handler and nothing below, whatever they had set up."""
    logging.getLogger("aiokafka").addHandler(logging.StreamHandler(io.StringIO()))
    stream = io.StringIO()
    configure("json", level, stream)
    for name in ("faust.app", "mode.worker", "aiokafka.consumer"):
        logging.getLogger(name).info("joined")
        logging.getLogger(name).warning("lost")
    messages = [json.loads(line)["message"] for line in stream.getvalue().splitlines()]
    assert messages == ["lost", "lost", "lost"]
    assert not logging.getLogger("aiokafka").handlers


@pytest.mark.parametrize(("log_format", "level", "name"), [("xml", "info", "FORMAT"), ("json", "loud", "LEVEL")])
def test_unknown_settings_are_refused(log_format: str, level: str, name: str) -> None:
    """The message names the setting and what may be chosen."""
    with pytest.raises(SettingsError, match=rf"SIDESTEP_LOG_{name}=.*expected one of"):
        configure(log_format, level, io.StringIO())


def test_an_extra_field_cannot_replace_a_core_field() -> None:
    """A field called time or level is kept under another name."""
    entry = json.loads(_logged("hello", level_=1, time="never"))
    assert entry["message"] == "hello"
    assert entry["time_"] == "never"
    assert entry["time"] != "never"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no such user jane.doe+x@example.com", "no such user ***@example.com"),
        ('"jane doe"@example.com, jörg@müller.example', "***@example.com, ***@müller.example"),
        ('{"to":"jane@example.com"}', '{"to":"***@example.com"}'),
        ("at 5 @ noon, 3@", "at 5 @ noon, 3@"),
    ],
)
def test_local_parts_do_not_reach_the_log(text: str, expected: str) -> None:
    """An address in a library's message loses what identifies the person."""
    assert without_local_parts(text) == expected
    assert json.loads(_logged("%s", text))["message"] == expected
    assert json.loads(_logged("x", detail=text))["detail"] == expected


def test_local_parts_do_not_reach_the_log_by_exceptions() -> None:
    """Nor does one in the text of an exception."""
    stream = io.StringIO()
    configure("json", "info", stream)
    try:
        raise ValueError("bad address jane@example.com")
    except ValueError:
        logging.getLogger("sidestep.test").exception("failed")
    assert "jane@" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_exceptions_drive_no_terminal(log_format: str) -> None:
    """Control characters in the text of an exception are escaped too."""
    stream = io.StringIO()
    configure(log_format, "info", stream)
    try:
        raise ValueError("\x1b[2J\x9b\r\u202e")
    except ValueError:
        logging.getLogger("sidestep.test").exception("failed")
    assert all(line.isprintable() for line in stream.getvalue().split("\n"))


@given(ANY_TEXT, ANY_TEXT)
def test_nothing_breaks_out_of_a_json_line(message: str, value: str) -> None:
    """Whatever is logged: one line, printable ASCII, valid JSON, and the message comes back."""
    line = JsonFormatter().format(_record(message, field=value))
    assert line.isascii()
    assert line.isprintable()
    entry = json.loads(line)
    assert entry["message"] == without_local_parts(message)
    assert entry["field"] == without_local_parts(value)


@given(ANY_TEXT, ANY_TEXT)
def test_nothing_breaks_out_of_a_text_line(message: str, value: str) -> None:
    """Whatever is logged: one line without control characters, that can be written as UTF-8."""
    line = TextFormatter().format(_record(message, field=value))
    assert line.isprintable()
    line.encode()


def test_control_characters_come_out_as_escapes() -> None:
    """Line ends and terminal sequences are shown, not obeyed."""
    assert escaped("a\r\n\x1b[2J\x7f\x9b\u202eb") == "a\\r\\n\\x1b[2J\\x7f\\x9b\\u202eb"


def test_values_that_json_has_no_word_for_are_text() -> None:
    """NaN, octets and objects become text: a line is always valid JSON."""
    entry = json.loads(_logged("x", nan=float("nan"), octets=b"\xff", many=[1, 2], none=None))
    assert (entry["nan"], entry["octets"], entry["many"], entry["none"]) == ("nan", "b'\\xff'", "[1, 2]", None)


def test_times_are_rfc_3339() -> None:
    """UTC with milliseconds, also where rounding could carry over."""
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_767_323_045.9996) == "2026-01-02T03:04:05.999Z"


def test_a_long_text_is_scanned_in_reasonable_time() -> None:
    """A megabyte without an address does not hold the loop up."""
    text = "a" * 1_000_000 + "@"
    start = time.perf_counter()
    without_local_parts(text)
    assert time.perf_counter() - start < 1


class Clock:
    """Time that stands still until moved."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def _line(message: str, level: int = logging.ERROR, name: str = "kafka") -> logging.LogRecord:
    """A log record."""
    return logging.LogRecord(name, level, "", 0, message, (), None)


def test_repetitions_are_held_back() -> None:
    """Lines that differ only in numbers and in the client's name count as the same."""
    repetitions = RepetitionFilter(Clock())
    passed = [repetitions.filter(_line(f"FAIL [thrd:client-{n}]: connect failed after {n} ms")) for n in range(100)]
    assert [True] * REPEATED_MOST == passed[:REPEATED_MOST]
    assert not any(passed[REPEATED_MOST:])


def test_the_next_window_tells_how_many_there_were() -> None:
    """Nothing vanishes without a trace."""
    clock = Clock()
    repetitions = RepetitionFilter(clock)
    for _ in range(REPEATED_MOST + 7):
        repetitions.filter(_line("no route"))
    clock.now = WINDOW_SECONDS
    record = _line("no route")
    assert repetitions.filter(record)
    assert "no route (7 more like this before)" == record.getMessage()


def test_other_lines_pass() -> None:
    """Another message, another logger, and everything below warning."""
    repetitions = RepetitionFilter(Clock())
    for _ in range(50):
        repetitions.filter(_line("no route"))
    assert repetitions.filter(_line("disk full"))
    assert repetitions.filter(_line("no route", name="dns"))
    assert all(repetitions.filter(_line("working", logging.INFO)) for _ in range(50))
