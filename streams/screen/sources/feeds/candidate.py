"""The candidate for a feed's next version: fetched, trusted, read, put through the gate. Keeps nothing."""

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from sidestep.streams.screen.lock_breaks import LockBreaks
from sidestep.streams.screen.sources.feeds.book import FeedForm, compiled
from sidestep.streams.screen.sources.feeds.download import Download, FetchFailed
from sidestep.streams.screen.sources.feeds.fetch import FetchedFiles, Fetcher, Validators
from sidestep.streams.screen.sources.feeds.gate import GateFaults, gate, replaced
from sidestep.streams.screen.sources.feeds.parse import (
    ENTRIES_MOST,
    Entries,
    EntryKind,
    ParsedFeed,
    TooMuch,
    lines_of,
    read,
    thresholds,
)
from sidestep.streams.screen.sources.feeds.refresh import RefreshProgress
from sidestep.streams.screen.sources.feeds.trust import checksum_fault, older, serial_of, signature_fault
from sidestep.streams.screen.sources.file import Feed

CHECKSUM_MAX = 65_536
SIGNATURE_MAX = 1_024

PARSE_SECONDS = 30.0
"""Of a processor for reading a list: a million lines take some four, and what none of them is an entry no more."""

SHARE = 0.5
"""How long a list waits beside the time that it is read for: nobody waits for a list, but intents wait for the
interpreter."""


class Previous(Struct, frozen=True):
    """What a candidate is compared with."""

    form: FeedForm | None = None
    """Form in use; None: there is none."""
    same_source: bool = False
    """It was taken from the same source, and not from one that the sources file named before."""
    serial: int = 0


class Candidate(Struct, frozen=True):
    """A candidate for the next version of a feed. With unsound faults it has no form."""

    validators: Validators
    octets: int
    faults: GateFaults
    form: FeedForm | None = None
    entries: Entries = []
    left_out: tuple[str, ...] = ()
    """Sentences about lines that can't be read, too few to refuse the list for."""
    serial: int = 0
    """Number in what was signed that grows from one version to the next; 0: there is none."""


async def candidate(
    name: str,
    feed: Feed,
    validators: Validators,
    previous: Previous,
    large: Collection[str],
    fetcher: Fetcher,
    scratch: Path,
    progress: RefreshProgress,
) -> Candidate | None:
    """The candidate that a feed's source gives now; None: nothing has changed.

    `validators`: of what the source gave last. `scratch`: an empty folder.
    Raises FetchFailed, TimeoutError, OSError.
    """
    async with asyncio.timeout(feed.timeout):
        folder = _subfolder(scratch, "list")
        fetched = await fetcher.fetch(
            feed.source,
            validators,
            folder,
            feed.max_octets,
            lambda count: progress.octets(name, count),
            feed.redirects,
        )
        if fetched is None:
            return None
        distrust, serial = await _distrust(feed, fetched, fetcher, scratch)
    distrust = distrust or older(serial, previous.serial)
    if distrust:
        return Candidate(fetched.validators, fetched.octets, GateFaults((distrust,)))
    # in a thread: a million lines take seconds
    found = await asyncio.to_thread(_examined, name, feed, fetched, previous, large, progress)
    return replace(found, serial=serial)


def read_files(
    name: str, kind: EntryKind, files: Collection[Download], progress: RefreshProgress, most: int = ENTRIES_MOST
) -> ParsedFeed:
    """The entries in files on disk, `most` of them. Raises TooMuch."""
    line_max = thresholds()["line_max"]
    with ExitStack() as stack:
        opened = [(file.label, stack.enter_context(file.path.open("rb"))) for file in files]
        parts = [(label, lines_of(file, line_max)) for label, file in opened]
        return read(parts, kind, lambda count: progress.lines(name, count), most, _until(PARSE_SECONDS))


def _until(seconds: float) -> Callable[[], None]:
    """A check that raises TooMuch when this thread has worked for so long from now on, and that lets others work."""
    end, breaks = time.thread_time() + seconds, LockBreaks(SHARE)

    def check() -> None:
        breaks.look()
        if time.thread_time() > end:
            raise TooMuch(f"reading it takes longer than {seconds:g} s")

    return check


def _examined(
    name: str,
    feed: Feed,
    fetched: FetchedFiles,
    previous: Previous,
    large: Collection[str],
    progress: RefreshProgress,
) -> Candidate:
    try:
        parsed = read_files(name, feed.kind, fetched.files, progress, feed.max_entries)
    except TooMuch as error:
        return Candidate(fetched.validators, fetched.octets, GateFaults((str(error),)))
    progress.lines(name, parsed.lines)
    before = previous.form
    faults = gate(parsed, feed.kind, before.size if before is not None else None, large)
    if faults.unsound:
        return Candidate(fetched.validators, fetched.octets, faults)
    form = compiled(feed.kind, parsed.entries)
    if before is not None and before.kind == form.kind and previous.same_source and not feed.changing:
        faults = replace(faults, replaced=replaced(before.index, form.index))
    return Candidate(fetched.validators, fetched.octets, faults, form, parsed.entries, left_out(parsed))


def left_out(parsed: ParsedFeed) -> tuple[str, ...]:
    """Sentences about the lines of a feed that can't be read."""
    if not parsed.unreadable:
        return ()
    return (f"{parsed.unreadable} of {parsed.lines} lines are unreadable and left out", *parsed.examples)


async def _distrust(feed: Feed, fetched: FetchedFiles, fetcher: Fetcher, scratch: Path) -> tuple[str, int]:
    """The sentence that speaks against the file being its publisher's, "" for none; and the serial that is signed."""
    if not feed.checksum and not feed.signature:
        return "", 0
    if len(fetched.files) != 1:
        return "a directory has no checksum or signature: name one file, or leave both out", 0
    file = fetched.files[0]
    if feed.checksum:
        published = await _beside("checksum", feed, fetcher, scratch, CHECKSUM_MAX)
        if not isinstance(published, bytes):
            return published, 0
        if fault := checksum_fault(published, file.label, file.sha256):
            return fault, 0
    if feed.signature:
        signature = await _beside("signature", feed, fetcher, scratch, SIGNATURE_MAX)
        if not isinstance(signature, bytes):
            return signature, 0
        content = await asyncio.to_thread(file.path.read_bytes)
        return await asyncio.to_thread(signature_fault, content, signature, feed.public_key), serial_of(content)
    return "", 0


async def _beside(
    what: Literal["checksum", "signature"], feed: Feed, fetcher: Fetcher, scratch: Path, most: int
) -> bytes | str:
    """The octets of a file beside the feed, or why there are none. Raises FetchFailed where it may be there later."""
    source = feed.checksum if what == "checksum" else feed.signature
    try:
        return await fetcher.text(source, _subfolder(scratch, what), most, feed.redirects)
    except FetchFailed as error:
        if error.answered:
            return f"there is no {what}: {error}"
        raise FetchFailed(f"the {what} can't be fetched: {error}") from None


def _subfolder(scratch: Path, name: str) -> Path:
    folder = scratch / name
    folder.mkdir()
    return folder
