"""Logs: readable lines on a terminal, one JSON object a line everywhere else.

Log lines hold what senders wrote, so nothing in them may pass for another line or drive a terminal: control characters
come out as escapes. Sidestep's own code logs no addresses; those in the texts of libraries' exceptions lose their local
part here (masking.py).
"""

import json
import logging
import math
import re
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from sidestep.streams.errors import SettingsError
from sidestep.streams.masking import without_local_parts

FORMATS = ("auto", "text", "json")
LEVELS = ("debug", "info", "warning", "error")

# They tell at info what only their authors need: every join, every fetch, every service that starts.
_LOUD = ("faust", "mode", "aiokafka", "kafka", "aiohttp", "asyncio", "urllib3")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CORE = frozenset({"time", "level", "logger", "message", "exception"})

_PLAIN = re.compile(r"[\w.:/+-]+")

REPEATED_MOST = 3
"""Warnings and errors of a kind that are written in each window."""
WINDOW_SECONDS = 10.0
_KINDS = 500  # remembered; more start afresh

# What differs between repetitions: numbers, and the client that librdkafka names in brackets.
_PARTICULARS = re.compile(r"\[[^\]]*\]|\d+")


def configure(log_format: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log of the process to `stream` (standard error). Raises SettingsError for an unknown format or level.

    Called once, first thing in a command. A Faust worker keeps it when started with `override_logging=False`.
    """
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(log_format, stream.isatty()))
    handler.addFilter(RepetitionFilter())
    if level.lower() not in LEVELS:
        raise SettingsError(f"SIDESTEP_LOG_LEVEL={level!r}: expected one of {', '.join(LEVELS)}")
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name in _LOUD:
        _quieten(logging.getLogger(name), root.level)


def _formatter(log_format: str, terminal: bool) -> logging.Formatter:
    if log_format not in FORMATS:
        raise SettingsError(f"SIDESTEP_LOG_FORMAT={log_format!r}: expected one of {', '.join(FORMATS)}")
    readable = log_format == "text" or (log_format == "auto" and terminal)
    return TextFormatter() if readable else JsonFormatter()


def _quieten(logger: logging.Logger, level: int) -> None:
    logger.handlers, logger.propagate = [], True
    # at debug too: aiokafka would write out whole records, addresses and all
    logger.setLevel(max(level, logging.WARNING))


class RepetitionFilter(logging.Filter):
    """Keeps a client that tries a thousand times from writing a thousand lines.

    Lets through the first few warnings and errors of a kind in each window; the next window's first says how many more
    there were. What is alike but for numbers and names in brackets is of a kind. Nothing below warning is touched.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """logging's hook: whether the line is written."""
        if record.levelno < logging.WARNING:
            return True
        kind = (record.name, record.levelno, _PARTICULARS.sub("#", record.getMessage())[:80])
        now = self._clock()
        began, count = self._kinds.get(kind, (now, 0))
        if now - began >= WINDOW_SECONDS:
            if count > REPEATED_MOST:
                more = count - REPEATED_MOST
                record.msg, record.args = f"{record.getMessage()} ({more} more like this before)", ()
            began, count = now, 0
        if len(self._kinds) >= _KINDS:
            self._kinds.clear()
        self._kinds[kind] = (began, count + 1)
        return count < REPEATED_MOST


class JsonFormatter(logging.Formatter):
    """time (RFC 3339, UTC), level, logger, message, the extra fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII: whatever is not printable ASCII is escaped as JSON has it."""
        entry = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_local_parts(record.getMessage()),
        }
        entry |= {f"{name}_" if name in _CORE else name: value for name, value in _extra(record).items()}
        if exception := _exception(self, record):
            entry["exception"] = exception
        return json.dumps(entry)


class TextFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678Z WARNING sidestep.x  message  key=value`, then the exception, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and one more for each line of the exception."""
        message = escaped(without_local_parts(record.getMessage()))
        head = f"{rfc3339(record.created)} {record.levelname:<7} {escaped(record.name)}  {message}"
        pairs = "".join(f"  {escaped(name)}={_value(value)}" for name, value in _extra(record).items())
        # indented, so that no line of an exception's text can pass for a log line
        trace = "".join(f"\n    {escaped(line)}" for line in _exception(self, record).splitlines())
        return head + pairs + trace


def rfc3339(seconds: float) -> str:
    """Unix seconds as RFC 3339 text, UTC, milliseconds."""
    whole, thousandths = divmod(int(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{thousandths:03d}Z"


def escaped(text: str) -> str:
    """`text` with everything unprintable (controls, line ends, bidi marks, lone surrogates) as a backslash escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: _scalar(value) for name, value in vars(record).items() if name not in _STANDARD}


def _scalar(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return without_local_parts(str(value))


def _value(value: Any) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else escaped(json.dumps(text, ensure_ascii=False))


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return without_local_parts("\n".join(parts))
