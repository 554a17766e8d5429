"""The candidate for a feed's next version: fetched, trusted, read, put through the gate. Keeps nothing."""

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from sidestep.streams.screen.sources.feeds.book import FeedForm, compiled
from sidestep.streams.screen.sources.feeds.download import Download, FetchFailed
from sidestep.streams.screen.sources.feeds.fetch import FetchedFiles, Fetcher, Validators
from sidestep.streams.screen.sources.feeds.gate import GateFaults, gate
from sidestep.streams.screen.sources.feeds.parse import Entries, EntryKind, ParsedFeed, read
from sidestep.streams.screen.sources.feeds.refresh import RefreshProgress
from sidestep.streams.screen.sources.feeds.trust import checksum_fault, signature_fault
from sidestep.streams.screen.sources.file import Feed

CHECKSUM_MAX = 65_536
SIGNATURE_MAX = 1_024


class Candidate(Struct, frozen=True):
    """A candidate for the next version of a feed. With unsound faults it has no form."""

    validators: Validators
    octets: int
    faults: GateFaults
    form: FeedForm | None = None
    entries: Entries = []
    left_out: tuple[str, ...] = ()
    """Sentences about lines that can't be read, too few to refuse the list for."""


async def candidate(
    name: str,
    feed: Feed,
    validators: Validators,
    previous: int | None,
    large: Collection[str],
    fetcher: Fetcher,
    scratch: Path,
    progress: RefreshProgress,
) -> Candidate | None:
    """The candidate that a feed's source gives now; None: nothing has changed.

    `validators`: of what the source gave last. `previous`: entries of the form in use. `scratch`: an empty folder.
    Raises FetchFailed, TimeoutError, OSError.
    """
    async with asyncio.timeout(feed.timeout):
        folder = _subfolder(scratch, "list")
        fetched = await fetcher.fetch(
            feed.source, validators, folder, feed.max_octets, lambda count: progress.octets(name, count)
        )
        if fetched is None:
            return None
        distrust = await _distrust(feed, fetched, fetcher, scratch)
    if distrust:
        return Candidate(fetched.validators, fetched.octets, GateFaults((distrust,)))
    # in a thread: a million lines take seconds
    return await asyncio.to_thread(_examined, name, feed.kind, fetched, previous, large, progress)


def read_files(name: str, kind: EntryKind, files: Collection[Download], progress: RefreshProgress) -> ParsedFeed:
    """The entries in files on disk."""
    with ExitStack() as stack:
        parts = [(file.label, stack.enter_context(file.path.open("rb"))) for file in files]
        return read(parts, kind, lambda count: progress.lines(name, count))


def _examined(
    name: str,
    kind: EntryKind,
    fetched: FetchedFiles,
    previous: int | None,
    large: Collection[str],
    progress: RefreshProgress,
) -> Candidate:
    parsed = read_files(name, kind, fetched.files, progress)
    progress.lines(name, parsed.lines)
    faults = gate(parsed, kind, previous, large)
    if faults.unsound:
        return Candidate(fetched.validators, fetched.octets, faults)
    form = compiled(kind, parsed.entries)
    return Candidate(fetched.validators, fetched.octets, faults, form, parsed.entries, left_out(parsed))


def left_out(parsed: ParsedFeed) -> tuple[str, ...]:
    """Sentences about the lines of a feed that can't be read."""
    if not parsed.unreadable:
        return ()
    return (f"{parsed.unreadable} of {parsed.lines} lines are unreadable and left out", *parsed.examples)


async def _distrust(feed: Feed, fetched: FetchedFiles, fetcher: Fetcher, scratch: Path) -> str:
    """The sentence that speaks against the file being its publisher's; "" for none."""
    if not feed.checksum and not feed.signature:
        return ""
    if len(fetched.files) != 1:
        return "a directory has no checksum or signature: name one file, or leave both out"
    file = fetched.files[0]
    if feed.checksum:
        published = await _beside("checksum", feed.checksum, fetcher, _subfolder(scratch, "checksum"), CHECKSUM_MAX)
        if not isinstance(published, bytes):
            return published
        if fault := checksum_fault(published, file.label, file.sha256):
            return fault
    if feed.signature:
        signature = await _beside("signature", feed.signature, fetcher, _subfolder(scratch, "signature"), SIGNATURE_MAX)
        if not isinstance(signature, bytes):
            return signature
        content = await asyncio.to_thread(file.path.read_bytes)
        return await asyncio.to_thread(signature_fault, content, signature, feed.public_key)
    return ""


async def _beside(what: str, source: str, fetcher: Fetcher, folder: Path, most: int) -> bytes | str:
    """The octets of a file beside the feed, or why there are none. Raises FetchFailed where it may be there later."""
    try:
        return await fetcher.text(source, folder, most)
    except FetchFailed as error:
        if error.answered:
            return f"there is no {what}: {error}"
        raise FetchFailed(f"the {what} can't be fetched: {error}") from None


def _subfolder(scratch: Path, name: str) -> Path:
    folder = scratch / name
    folder.mkdir()
    return folder
