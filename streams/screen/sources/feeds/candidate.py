"""One new version of a feed, from its source up to the gate: fetched, trusted, read, judged. Keeps nothing."""

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from sidestep.streams.screen.sources.feeds.book import Form, compiled
from sidestep.streams.screen.sources.feeds.fetch import Fetched, Fetcher, Mark
from sidestep.streams.screen.sources.feeds.gate import Faults, gate
from sidestep.streams.screen.sources.feeds.outcome import Progress
from sidestep.streams.screen.sources.feeds.parse import Entries, Kind, Reading, read
from sidestep.streams.screen.sources.feeds.sink import FetchFailed, Sink
from sidestep.streams.screen.sources.feeds.trust import checksum_fault, signature_fault
from sidestep.streams.screen.sources.file import Feed

CHECKSUM_MAX = 65_536
SIGNATURE_MAX = 1_024


class Candidate(Struct, frozen=True):
    """What came. With unsound faults there is no form."""

    mark: Mark
    octets: int
    faults: Faults
    form: Form | None = None
    entries: Entries = []
    left_out: tuple[str, ...] = ()
    """Sentences about lines that can't be read, too few to refuse the list for."""


async def candidate(
    name: str,
    feed: Feed,
    mark: Mark,
    previous: int | None,
    large: Collection[str],
    fetcher: Fetcher,
    scratch: Path,
    progress: Progress,
) -> Candidate | None:
    """None: the source gives what it gave when it was marked. Raises FetchFailed, TimeoutError, OSError.

    `previous`: entries of the form in use. `scratch`: an empty folder.
    """
    async with asyncio.timeout(feed.timeout):
        place = _below(scratch, "list")
        fetched = await fetcher.fetch(
            feed.source, mark, place, feed.max_octets, lambda count: progress.octets(name, count)
        )
        if fetched is None:
            return None
        distrust = await _distrust(feed, fetched, fetcher, scratch)
    if distrust:
        return Candidate(fetched.mark, fetched.octets, Faults((distrust,)))
    # in a thread: a million lines take seconds
    return await asyncio.to_thread(_judged, name, feed.kind, fetched, previous, large, progress)


def read_files(name: str, kind: Kind, files: Collection[Sink], progress: Progress) -> Reading:
    """The lines of files on disk."""
    with ExitStack() as stack:
        parts = [(file.label, stack.enter_context(file.path.open("rb"))) for file in files]
        return read(parts, kind, lambda count: progress.lines(name, count))


def _judged(
    name: str, kind: Kind, fetched: Fetched, previous: int | None, large: Collection[str], progress: Progress
) -> Candidate:
    reading = read_files(name, kind, fetched.files, progress)
    progress.lines(name, reading.lines)
    faults = gate(reading, kind, previous, large)
    if faults.unsound:
        return Candidate(fetched.mark, fetched.octets, faults)
    form = compiled(kind, reading.entries)
    return Candidate(fetched.mark, fetched.octets, faults, form, reading.entries, left_out(reading))


def left_out(reading: Reading) -> tuple[str, ...]:
    """Sentences about lines that can't be read."""
    if not reading.unreadable:
        return ()
    return (f"{reading.unreadable} of {reading.lines} lines are unreadable and left out", *reading.examples)


async def _distrust(feed: Feed, fetched: Fetched, fetcher: Fetcher, scratch: Path) -> str:
    """What speaks against the file being its publisher's, as a sentence; "" for nothing."""
    if not feed.checksum and not feed.signature:
        return ""
    if len(fetched.files) != 1:
        return "a directory has no checksum or signature: name one file, or leave both out"
    file = fetched.files[0]
    if feed.checksum:
        published = await _beside("checksum", feed.checksum, fetcher, _below(scratch, "checksum"), CHECKSUM_MAX)
        if not isinstance(published, bytes):
            return published
        if fault := checksum_fault(published, file.label, file.sha256):
            return fault
    if feed.signature:
        signature = await _beside("signature", feed.signature, fetcher, _below(scratch, "signature"), SIGNATURE_MAX)
        if not isinstance(signature, bytes):
            return signature
        content = await asyncio.to_thread(file.path.read_bytes)
        return await asyncio.to_thread(signature_fault, content, signature, feed.public_key)
    return ""


async def _beside(what: str, source: str, fetcher: Fetcher, place: Path, most: int) -> bytes | str:
    """Its octets, or why there are none. Raises FetchFailed where a later attempt may find it."""
    try:
        return await fetcher.text(source, place, most)
    except FetchFailed as error:
        if error.answered:
            return f"there is no {what}: {error}"
        raise FetchFailed(f"the {what} can't be fetched: {error}") from None


def _below(scratch: Path, name: str) -> Path:
    place = scratch / name
    place.mkdir()
    return place
