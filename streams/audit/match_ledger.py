"""The ledger of the fold beside its changelogs, both as they go on: what either has said of a row waits until the other
one says the same. Pure.

Of a key the last record counts, as it does in recovery: what it says of the row must be what the fold has left there,
octet by octet; or, where another version has written it, field by field. So whatever still waits in the end is looked
up in the fold's own table. What only the fold has said since both agreed is looked for in the changelog once more.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from math import inf
from typing import NamedTuple

import msgspec

from sidestep.streams.audit.findings import AuditFinding, Kind, PartitionAudit
from sidestep.streams.audit.kept import Kept, KeptPartition
from sidestep.streams.audit.key_values import Change, InMemory, KeyValues
from sidestep.streams.audit.pending import MOST, Pending
from sidestep.streams.audit.rows_apart import Apart, apart, id_at, row_name
from sidestep.streams.audit.standing import StandingRow
from sidestep.streams.chain import STORED
from sidestep.streams.decide.tables import ENGINES
from sidestep.streams.runtime.manifest import MARKER
from sidestep.streams.runtime.tables import unpack_pairs

TOGETHER = 5_000
"""Rows of a state taken together."""
AHEAD = 20_000
"""Offsets that a changelog is read further than its part of the log: fewer rows are written in one stretch than in
another."""

OURS = (MARKER, STORED)
"""Records of the ledger itself, which no fold makes."""

Told = Callable[[int], None]
"""Hears how many offsets more have been read."""

NewStore = Callable[[str], KeyValues]
"""A name -> an empty store."""

Said = tuple[bytes, bytes | None, int]
"""A record of a changelog: key, row, offset."""


class HowFar(NamedTuple):
    """How a log was judged, by its ledger."""

    until: float
    """The last offset; -1: Decide has written nothing yet. A changelog without its marker tells nothing of it: inf."""
    engines: KeyValues
    """Rows of who has judged it, each as a StandingRow."""
    chain: bytes | None = None
    """The row that says where the chain has come to."""


class RowMatch:
    """Compares one changelog. `folded`: the store in which the fold leaves its rows. `known`, each time: what stood
    there before, of the keys that were looked up. `most`: how many rows may wait in memory."""

    def __init__(
        self,
        kind: Kind,
        kept: KeptPartition,
        folded: KeyValues,
        audit: PartitionAudit,
        new_store: NewStore = lambda _: InMemory(),
        told: Told = lambda _: None,
        most: int = MOST,
    ):
        self._kind = kind
        self._kept = kept
        self._folded = folded
        self._audit = audit
        self._told = told
        self._said = Pending[bytes | None](
            lambda: new_store(f"said-{kind}"),
            lambda value: StandingRow(0, value).packed(),
            lambda octets: StandingRow.unpacked(octets).value,
            most,
        )
        self._stands = Pending[StandingRow](
            lambda: new_store(f"stands-{kind}"), StandingRow.packed, StandingRow.unpacked, most
        )
        self._records = self._some(kept)
        self._next = kept.start
        self._marker = -1
        self._rows = 0
        """That the fold has left, …"""
        self._old = 0
        """… and of these, ids older than the first one that its changelog still has: they may be gone."""
        self._first_at = self._forgotten = 0
        if kept.start > 0 and kind == "id":
            self._read_some()

    def begin_with_all(self, forgotten: int) -> None:
        """Before anything else: what stands in `folded` is as good as written by the fold. `forgotten`: ids of a time
        before this second may be gone from it."""
        self._forgotten = forgotten
        rows = self._folded.items(b"")
        while some := list(islice(rows, TOGETHER)):
            self.expect(some, {key: None for key, _ in some}, -1, 0.0)

    def expect(self, changes: Sequence[Change], known: dict[bytes, bytes | None], last: int, share: float) -> None:
        """What the fold writes, up to the offset `last` of the log, which is that share of it."""
        if absent := [key for key, _ in changes if key not in known]:
            known.update(zip(absent, self._folded.get_many(absent), strict=True))
        changed = [change for change in changes if known[change[0]] != change[1]]
        was = [known[key] for key, _ in changed]
        self._rows += was.count(None) - [value for _, value in changed].count(None)
        if self._first_at:
            changed = self._without_old(changed, was)
        self._expect(changed)
        self._read_until(last, share)

    def end(self) -> None:
        """The fold has no more, and has written everything to `folded`."""
        while self._read_some():
            pass
        self._look_again()
        looked_at = proved = old = 0
        for key, row in self._waiting():
            [value] = self._folded.get_many([key])
            looked_at += value is not None
            old += value is not None and self._is_old(value)
            outcome, text = apart(key, value, row, Apart(self._kind, self._kept, self._first_at, self._forgotten))
            if outcome == "proved":
                proved += 1
            elif outcome in ("not-kept", "later"):
                self._audit.count(self._kind, outcome)
            elif outcome is not None:
                name = f"{row_name(self._kind, key)}: {text}"
                self._audit.find(AuditFinding(self._kind, outcome, self._place(row), "", name))
        gone = self._old - old
        for outcome, times in (("proved", self._rows - gone - looked_at + proved), ("not-kept", gone)):
            if times:
                self._audit.count(self._kind, outcome, times)  # type: ignore[arg-type]  # both are outcomes

    def _expect(self, changed: Sequence[Change]) -> None:
        keys = [key for key, _ in changed]
        self._said.fetch(keys)
        self._stands.fetch(keys)
        said, stands = self._said.values, self._stands.values
        for key, value in changed:
            if key in stands and stands[key].value == value:
                del stands[key]
                said.pop(key, None)
            else:
                said[key] = value
        self._said.bound()

    def _take(self, records: Sequence[Said]) -> None:
        keys = [key for key, _, _ in records]
        self._said.fetch(keys)
        self._stands.fetch(keys)
        said, stands = self._said.values, self._stands.values
        for key, value, offset in records:
            if key in said and said[key] == value:
                del said[key]
                stands.pop(key, None)
            else:
                stands[key] = StandingRow(offset, value)
        self._stands.bound()

    def _read_until(self, last: int, share: float) -> None:
        """As far as Decide had written it then: its marker says so, ids have none."""
        until = self._kept.start + share * (self._kept.end - self._kept.start) + AHEAD
        while self._next <= until and (bool(self._said) if self._kind == "id" else self._marker < last):
            if not self._read_some():
                return

    def _read_some(self) -> bool:
        some = next(self._records, None)
        if some is None:
            return False
        following = some[-1].offset + 1
        self._told(following - self._next)
        self._next = following
        if self._kind != "id":
            self._marker = max(self._marker, marker_in(some))
            self._take([(kept.key, kept.value, kept.offset) for kept in some if kept.key and kept.key not in OURS])
            return True
        pairs = [(key, value, kept.offset) for kept in some for key, value in pairs_of(kept)]
        if pairs and self._kept.start > 0:
            self._first_at = self._first_at or id_at(pairs[0][1])
        self._take(pairs)
        return True

    def _some(self, kept: KeptPartition) -> Iterator[list[Kept]]:
        """Of ids, each record has those of a batch."""
        for some in kept.batches():
            if self._kind == "id":
                yield from ([record] for record in some)
            else:
                yield some

    def _without_old(self, changed: Sequence[Change], was: Sequence[bytes | None]) -> list[Change]:
        """Old ids do not wait: retention has taken most of them."""
        self._old -= sum(value is not None and self._is_old(value) for value in was)
        young = [change for change in changed if change[1] is not None and not self._is_old(change[1])]
        self._old += len(changed) - len(young)
        return young

    def _is_old(self, value: bytes) -> bool:
        return self._first_at > 0 and id_at(value) <= self._first_at

    def _look_again(self) -> None:
        """Find the last record of each key of which only the fold has spoken since."""
        if not any(key not in self._stands.values for key, _ in self._said.items()):
            return
        for some in self._some(self._kept):
            records: list[Said] = [(kept.key, kept.value, kept.offset) for kept in some if kept.key]
            if self._kind == "id":
                records = [(key, value, kept.offset) for kept in some for key, value in pairs_of(kept)]
            keys = [key for key, _, _ in records]
            self._said.fetch(keys)
            self._stands.fetch(keys)
            said, stands = self._said.values, self._stands.values
            stands.update({key: StandingRow(offset, value) for key, value, offset in records if key in said})
            self._said.bound()
            self._stands.bound()

    def _waiting(self) -> Iterator[tuple[bytes, StandingRow | None]]:
        """Keys of which either has spoken, in order, with the changelog's last record."""
        said, stands = (key for key, _ in self._said.items()), self._stands.items()
        one, other = next(said, None), next(stands, None)
        while one is not None or other is not None:
            if other is None or (one is not None and one < other[0]):
                assert one is not None
                yield one, None
                one = next(said, None)
            else:
                yield other
                one, other = next(said, None) if one == other[0] else one, next(stands, None)

    def _place(self, row: StandingRow | None) -> str:
        return f"{self._kept.topic}/{self._kept.partition}" if row is None else self._kept.place(row.offset)


def how_far(kept: KeptPartition) -> HowFar:
    """What the changelog of keyed tables says of the log."""
    marker, anything, engines = -1, False, InMemory()
    chain: bytes | None = None
    for some in kept.batches():
        anything = True
        found = marker_in(some)
        marker = found if found >= 0 else marker
        rows = [record for record in some if record.key is not None and record.key[:1] == ENGINES.prefix]
        chain = next((record.value for record in reversed(some) if record.key == STORED), chain)
        engines.put([(row.key or b"", StandingRow(row.offset, row.value).packed()) for row in rows])
    return HowFar(marker if marker >= 0 or not anything else inf, engines, chain)


def marker_of(kept: KeptPartition) -> float:
    """How far a changelog says that a log has been judged, as HowFar has it."""
    return how_far(kept).until


def marker_in(some: Iterable[Kept]) -> int:
    """The last marker of these records; -1: there is none."""
    said = [kept.value for kept in some if kept.key == MARKER]
    return next((int(value) for value in reversed(said) if value is not None and value.isdigit()), -1)


def pairs_of(record: Kept) -> Iterable[tuple[bytes, bytes]]:
    """Keys and rows; what can't be read has none."""
    try:
        return list(unpack_pairs(record.value or b"\x90"))
    except (msgspec.MsgspecError, ValueError):
        return []
