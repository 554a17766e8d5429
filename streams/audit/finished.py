"""What an audit has found so far, in a folder: who is interrupted goes on with the partitions that are not finished.

A folder belongs to one audit: of a cluster, with certain ends of its topics, by certain folds. Files appear whole or
not at all. Blocks.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from sidestep.streams.audit.findings import PartitionAudit
from sidestep.streams.audit.reading import Extent, Extents
from sidestep.streams.errors import AuditFailed
from sidestep.streams.runtime.manifest import Place

ABOUT = "audit.json"
Read = TypeVar("Read")


class AuditAbout(msgspec.Struct, frozen=True):
    """What an audit is about. Each field is named where another one is found in a folder."""

    cluster: str
    version: str
    """Of Sidestep."""
    folds: list[str]
    """Engines."""
    thresholds: str
    """Version of Watch's."""
    partitions: list[int]
    since: str
    until: str
    proofs: bool


class _Begun(msgspec.Struct):
    about: AuditAbout
    extents: list[tuple[str, int, int, int, int]]
    """Topic, partition, start, sure, end."""


@dataclass(frozen=True)
class Finished:
    """The folder of an audit that has begun."""

    folder: Path
    extents: Extents
    """What there was when it began: its end does not move."""

    def found(self) -> list[PartitionAudit]:
        """Of partitions that are finished. Raises AuditFailed."""
        return [_read(path, _decode_audit) for path in sorted(self.folder.glob("partition-*.json"))]

    def keep(self, audit: PartitionAudit) -> None:
        """Of one more."""
        _write(self.folder / f"partition-{audit.partition}.json", msgspec.json.encode(audit))


def begun(folder: Path, about: AuditAbout, extents: Extents) -> Finished:
    """The audit that was begun there, or one that begins now, with these extents. Raises AuditFailed where the folder
    belongs to another audit."""
    path = folder / ABOUT
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            there = _read(path, _decode_begun)
            _require_same(folder, there.about, about)
            return Finished(folder, Extents(_still_there(folder, there, extents)))
        if any(folder.iterdir()):
            raise AuditFailed(f"{folder} is not empty, and no audit was begun there: name a folder of its own")
        places = [(*place, *_numbers(extent)) for place, extent in extents.places.items()]
        _write(path, msgspec.json.encode(_Begun(about, places)))
    except OSError as error:
        raise AuditFailed(f"{folder} can't be used: {error.strerror}") from error
    return Finished(folder, extents)


def _numbers(extent: Extent) -> tuple[int, int, int]:
    return extent.start, extent.sure, extent.end


def _still_there(folder: Path, there: _Begun, now: Extents) -> Mapping[Place, Extent]:
    """The extents of then, without what retention has taken since."""
    found: dict[Place, Extent] = {}
    for topic, partition, start, sure, end in there.extents:
        place = Place(topic, partition)
        at_present = now.places.get(place)
        if at_present is None or at_present.end < end:
            raise AuditFailed(f"{folder}: {place} ended at {end} then, and has been made anew since: remove the folder")
        found[place] = Extent(max(start, at_present.start), sure, end)
    return found


def _require_same(folder: Path, there: AuditAbout, about: AuditAbout) -> None:
    names = [name for name in AuditAbout.__struct_fields__ if getattr(there, name) != getattr(about, name)]
    if names:
        differing = "; ".join(f"{name} {getattr(there, name)}, not {getattr(about, name)}" for name in names)
        raise AuditFailed(f"{folder} has the state of another audit: {differing}. Name another folder, or remove it")


_decode_begun = msgspec.json.Decoder(_Begun).decode
_decode_audit = msgspec.json.Decoder(PartitionAudit, dec_hook=lambda _, value: Counter(value)).decode


def _read(path: Path, decode: Callable[[bytes], Read]) -> Read:
    try:
        return decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise AuditFailed(f"{path} can't be read, so the audit can't go on there: remove the folder") from error


def _write(path: Path, octets: bytes) -> None:
    """Whole or not at all, also where the power fails."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
