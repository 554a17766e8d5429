"""The ledgers' rows of mailboxes and domains, as of now: of the newest snapshots where they lie in a folder, and of the
ledger's changelog behind them, in a temporary database. Only reads Kafka, joins no group. Blocks.

A mailbox or a domain takes two looks into databases on disk; memory holds their bounded caches.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from rocksdict import Cache

from sidestep.streams.audit.beginning import CACHE_OCTETS, newest_snapshot, open_store
from sidestep.streams.audit.on_disk import OnDisk
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES
from sidestep.streams.errors import LedgerError, PartitionsChanged, SnapshotRefused
from sidestep.streams.explain.key_in_force import require_key_in_force
from sidestep.streams.importing.list_file import Progress
from sidestep.streams.importing.told_histories import KnownRows
from sidestep.streams.partition_note import GROWING, begun_with, is_draining, misfit
from sidestep.streams.runtime.changelog_ends import TOMBSTONE_SECONDS
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.to_the_end import batches_to_end
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.control import read_notes
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.log_layout import AS_WRITTEN, LogLayout, by_mailbox, layout_of
from sidestep.streams.snapshots.changelogs import misfit_now
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotManifest
from sidestep.topics.catalog import EVIDENCE, IDS_CHANGELOG, LEDGER_CHANGELOG
from sidestep.topics.cluster import admin_client, require
from sidestep.topics.connection import Connection
from sidestep.topics.errors import NotLetIn
from sidestep.topics.stretch import topic_of

NAME = "sidestep-reader-import"
"""Of the client; who may read at all may name a group of this name, which is never joined (topics/acls.py)."""
DOMAINS_REMEMBERED = 50_000
CHANGELOGS = {"rows": LEDGER_CHANGELOG.name, "window": IDS_CHANGELOG.name}
GONE = b""
"""What stands for a row whose end the changelog tells: a snapshot below may still have it."""


class LedgerSource(NamedTuple):
    """Whose ledgers, and where their snapshots are; empty: nobody says."""

    connection: Connection
    keys: Keys
    snapshots_url: str


class Histories:
    """What the ledgers know."""

    def __init__(
        self, keys: Keys, layouts: Sequence[LogLayout], partitions: int, below: Mapping[int, OnDisk], new: OnDisk
    ):
        """`below`: snapshots by partition; `new`: what the changelogs have said since."""
        self._keys = keys
        self._below = below
        self._new = new
        self._places = lru_cache(DOMAINS_REMEMBERED)(
            lambda domain: list(dict.fromkeys(layout.partition(domain, partitions) for layout in layouts))
        )

    def of(self, address: ParsedAddress) -> KnownRows:
        """The rows of an address and its domain, where the address is one."""
        if address.reason:
            return KnownRows(None, None)
        places = self._places(address.domain)
        keys = [self._keys.recipient(address.identity)]
        if self._keys.former is not None:
            keys.append(self._keys.former.recipient(address.identity))
        recipient = self._first(places, [BOUNCE_HISTORY.prefix + key for key in keys])
        domain = self._first(places, [DOMAIN_RATES.prefix + address.domain.encode()])
        return KnownRows(
            BOUNCE_HISTORY.decode(recipient) if recipient else None, DOMAIN_RATES.decode(domain) if domain else None
        )

    def _first(self, places: Sequence[int], keys: list[bytes]) -> bytes | None:
        """The first of these rows that there is."""
        for place in places:
            found = self._new.get_many([_placed(place, key) for key in keys])
            if None in found and place in self._below:
                older = self._below[place].get_many(keys)
                found = [was if now is None else now for now, was in zip(found, older, strict=True)]
            if values := [value for value in found if value]:
                return values[0]
        return None


@contextmanager
def histories(source: LedgerSource, progress: Progress) -> Iterator[Histories]:
    """The rows as of now. Raises SidestepError: NotLetIn, HashKeyMismatch, PartitionsChanged, …"""
    connection = source.connection
    topics = require(admin_client(connection), connection, [EVIDENCE.name, LEDGER_CHANGELOG.name])
    numbers = sorted(topics[EVIDENCE.name].partitions)
    require_key_in_force(connection, source.keys)
    layouts = _layouts(connection, len(numbers))
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="sidestep-import-")))
        cache, below = Cache(CACHE_OCTETS), dict[int, OnDisk]()
        new = opened.enter_context(closing(OnDisk(folder / "new", cache)))
        with progress("reading histories", len(numbers)) as show:
            read = 0
            for done, number in enumerate(numbers, 1):
                store, start = _snapshot(source, number, folder, cache)
                if store is not None:
                    below[number] = opened.enter_context(closing(store))
                for records in batches_to_end(connection, LEDGER_CHANGELOG.name, [number], NAME, start):
                    new.put(_changes(number, records))
                    read += len(records)
                    show(done - 1, read)
                show(done, read)
        yield Histories(source.keys, layouts, len(numbers), below, new)


def _layouts(connection: Connection, partitions: int) -> list[LogLayout]:
    """How the log is laid out: as it is noted; in both ways where notes may not be read, as by auditors."""
    try:
        notes = read_notes(connection)
    except NotLetIn:
        return [by_mailbox(), AS_WRITTEN]
    note, here = begun_with(notes), {EVIDENCE.name: partitions}
    if is_draining(note, here):
        raise PartitionsChanged(GROWING)
    if found := misfit(note, here):
        raise PartitionsChanged(found)
    return [layout_of(notes)]


def _snapshot(source: LedgerSource, partition: int, folder: Path, cache: Cache) -> tuple[OnDisk | None, int]:
    """The rows of the newest one of a partition, and the offset of the changelog behind it; without any: its beginning.
    One in an object store would have to be copied whole, which takes longer than reading the changelog."""
    if source.snapshots_url and (place := SnapshotPlace(source.snapshots_url)).local:
        with suppress(SnapshotRefused, LedgerError):  # the changelog has everything
            manifest = newest_snapshot(place, topic_of(source.connection, EVIDENCE.name).cluster, partition)
            if manifest is not None and not misfit_now(source.connection, CHANGELOGS, manifest, TOMBSTONE_SECONDS):
                return _lent(place, manifest, folder / str(partition), cache), manifest.positions["rows"] + 1
    return None, 0


def _lent(place: SnapshotPlace, manifest: SnapshotManifest, folder: Path, cache: Cache) -> OnDisk:
    place.fetch(manifest, folder, lend=True, stores=("rows",))
    return open_store(manifest, folder, "rows", cache)


def _changes(partition: int, records: Sequence[Record]) -> Iterator[tuple[bytes, bytes]]:
    wanted = (BOUNCE_HISTORY.prefix, DOMAIN_RATES.prefix)
    for record in records:
        key = record.key()
        if key is not None and key.startswith(wanted):
            yield _placed(partition, key), record.value() or GONE


def _placed(partition: int, key: bytes) -> bytes:
    return partition.to_bytes(4, "big") + key
