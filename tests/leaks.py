"""Addresses in what the product keeps and says beside its topics: logs of processes, scrapes, files of ledgers.

Local parts of the traffic that tests make begin with MARK. So a local part is found without its at sign as well, as in
a text that was cut, and in files that hold at signs of other kinds. What a command prints was asked for, and is not
looked at; nor are Kafka's own segments, where addresses stand by design for as long as docs/personal-data.md says.
"""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

MARK = "quillfeather"
"""Begins local parts."""

_MARKED = re.compile(re.escape(MARK).encode())
_ADDRESS = re.compile(rb"[^\s*@\"'<>(),:;=/\\]@[A-Za-z0-9-]+\.[A-Za-z]|" + _MARKED.pattern)
_SEGMENT = re.compile(r"\d{20}\.log")
_LEDGER = re.compile(r"\d{6}\.(?:log|sst)")
"""RocksDB's own names; its rows may be called SERVICE@DOMAIN."""
_SAID = (".log", ".out", ".err", ".metrics")
_LONGEST = 300


def in_rows(where: str, rows: Iterable[tuple[bytes, bytes | None]]) -> list[str]:
    """Rows of a ledger or records of a compacted topic, as octets, in which an address of the traffic stands."""
    return [f"{where}: {key!r} {value!r}" for key, value in rows if _MARKED.search(key) or _MARKED.search(value or b"")]


def in_folder(folder: Path) -> list[str]:
    """Where an address stands below a folder: file, line and what is there."""
    return [place for path, pattern in _files(folder) for place in _in_file(path, pattern)]


def _files(folder: Path) -> Iterator[tuple[Path, re.Pattern[bytes]]]:
    for where, _, names in os.walk(folder):
        for name in names:
            if _LEDGER.fullmatch(name):
                yield Path(where, name), _MARKED
            elif name.endswith(_SAID) and not _SEGMENT.fullmatch(name):
                yield Path(where, name), _ADDRESS


def _in_file(path: Path, pattern: re.Pattern[bytes]) -> list[str]:
    try:
        octets = path.read_bytes()
    except OSError:  # a socket, or gone by now
        return []
    if not pattern.search(octets):
        return []
    found = [(number, line) for number, line in enumerate(octets.split(b"\n"), 1) if pattern.search(line)]
    return [f"{path}:{number}: {line[:_LONGEST].decode('utf-8', 'backslashreplace')}" for number, line in found]


class LogWatch(logging.Handler):
    """Hears what the product logs inside the tests' own process, before any formatter masks it: our own code must put
    no address there at all. `sidestep.test…` are loggers of tests."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """logging's hook."""
        if not record.name.startswith("sidestep.") or record.name.startswith("sidestep.test"):
            return
        said = " ".join(map(str, (record.getMessage(), *vars(record).values()))).encode("utf-8", "backslashreplace")
        if _ADDRESS.search(said):
            self.found.append(f"{record.pathname}:{record.lineno}: {record.getMessage()[:_LONGEST]}")

    def taken(self) -> list[str]:
        """What was found since the last time."""
        found, self.found = self.found, []
        return found
