"""The last good form of a feed on disk: survives kills at any point, and two processes in the same folder.

folder/NAME/state.json names folder/NAME/VERSION.txt, the entries. Both are written beside and renamed, the entries
first; so whatever state.json is read, what it names is complete. Old forms stay for a while: another process may have
read its state.json a moment ago.
"""

import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from sidestep.schemas.typed import json_as
from sidestep.streams.screen.sources.feeds.book import FeedForm, as_lines, form_of_digests, form_of_names
from sidestep.streams.screen.sources.feeds.fetch import Validators
from sidestep.streams.screen.sources.feeds.parse import WIDTHS, Entries, EntryKind

log = logging.getLogger("sidestep.streams.screen.sources.feeds")

OLD = 3600.0
"""Seconds after which files that nothing names are removed."""


class FeedState(Struct, frozen=True):
    """The state of a feed as state.json keeps it. Times are milliseconds since 1970, 0 for never."""

    kind: EntryKind = "domains"
    version: str = ""
    """Empty: nothing was ever taken."""
    entries: int = 0
    octets: int = 0
    """Of the source's files."""
    digest: str = ""
    """BLAKE2b of the form's file."""
    serial: int = 0
    """Of the form's list, where it is signed and has one."""
    validators: Validators = Validators()
    terms: str = ""
    """Terms on which the form was taken, see location.terms."""
    asked: str = ""
    """Terms on which the last attempt was made."""
    source: str = ""
    """Without secrets."""
    taken_at: int = 0
    checked_at: int = 0
    outcome: str = ""
    """Of the last attempt: taken, unchanged, refused, failed."""
    why: tuple[str, ...] = ()
    failures: int = 0
    """In a row."""
    next_at: int = 0


class LastGood:
    """The last good form of a feed, in its folder. Methods do I/O and may raise OSError, unless they say otherwise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = folder / "state.json"

    def state(self) -> FeedState:
        """The state on disk; a fresh one where there is none or it is damaged, which is logged. Never raises."""
        try:
            return json_as(self._state.read_bytes(), FeedState)
        except FileNotFoundError:
            return FeedState()
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            log.warning("a feed's state can't be read, as if there were none: %s (%s)", self._state, error)
            return FeedState()

    def stamp(self) -> int:
        """The stamp of state.json: changes with it; 0 where there is none. Never raises."""
        try:
            return self._state.stat().st_mtime_ns
        except OSError:
            return 0

    def form(self, state: FeedState) -> FeedForm | None:
        """The form that `state` names; None where there is none or it is damaged, which is logged. Never raises."""
        if not state.version:
            return None
        path = self._path(state.version)
        try:
            octets = path.read_bytes()
            if _digest(octets) == state.digest:
                return _form(state, octets)
            log.warning("a feed's last good form is damaged, as if there were none: %s", path)
        except (OSError, ValueError) as error:
            log.warning("a feed's last good form can't be read, as if there were none: %s (%s)", path, error)
        return None

    def holds(self, form: FeedForm) -> bool:
        """Is the file of this form there? Never raises."""
        return self._path(form.version).exists()

    def take(self, state: FeedState, form: FeedForm, entries: Entries) -> FeedState:
        """Write a new form, then the state that names it. Returns the state with the form's version and digest."""
        digest = self._replace(self._path(form.version), (f"{entry}\n".encode() for entry in as_lines(entries)))
        state = replace(state, kind=form.kind, version=form.version, entries=form.size, digest=digest)
        self.note(state)
        self._sweep(state.version)
        return state

    def note(self, state: FeedState) -> None:
        """Write the state alone."""
        self._replace(self._state, [msgspec.json.format(msgspec.json.encode(state)), b"\n"])

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder for downloads; gone afterwards."""
        path = self._folder / f"{secrets.token_hex(8)}.part"
        path.mkdir(parents=True, mode=0o700)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _path(self, version: str) -> Path:
        return self._folder / f"{version}.txt"

    def _replace(self, path: Path, parts: Iterable[bytes]) -> str:
        """Write a file whole or not at all. The digest of what was written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # not the process id: two containers that share the folder may have the same
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
        try:
            # lists of addresses are nobody else's business
            with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:  # noqa: PTH123
                digest = _written(parts, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # noqa: PTH105 - tests stop here
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync(path.parent)
        return digest

    def _sweep(self, version: str) -> None:
        """Remove files that nothing names any more: old forms, and what a kill left behind."""
        before = time.time() - OLD  # as files have it, whatever clock the caller lives by
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                if path.name not in ("state.json", f"{version}.txt") and path.stat().st_mtime < before:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _form(state: FeedState, octets: bytes) -> FeedForm:
    if state.kind in WIDTHS:
        return form_of_digests(state.kind, bytes.fromhex(octets.decode()), state.version)  # passes over the line ends
    return form_of_names(state.kind, octets.decode().split("\n")[:-1], state.version)


def _written(parts: Iterable[bytes], file: BinaryIO) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        file.write(part)
        digest.update(part)
    return digest.hexdigest()


def _digest(octets: bytes) -> str:
    return blake2b(octets, digest_size=16).hexdigest()


def _sync(folder: Path) -> None:
    """Have the folder itself survive a power cut, and so a rename in it. Windows has no such thing."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
