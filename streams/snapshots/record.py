"""What a snapshot says of itself: manifest.json, written last, and without which there is no snapshot. Pure."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from sidestep.streams.errors import SnapshotRefused

FORMAT = 1
"""Of the files and of the manifest. A reader refuses any other."""
DIGEST_OCTETS = 32
"""Of BLAKE2b (RFC 7693), here and wherever a file is summed."""

STORES = ("rows", "window")
"""Those that there may be of a ledger: of keyed tables, and of windowed ones."""
_FILE = re.compile(r"(rows|window)/[A-Za-z0-9_][A-Za-z0-9._-]*")


class SnapshotFile(msgspec.Struct, frozen=True):
    """One file of a store."""

    size: int
    blake2b: str


class SnapshotManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What there is, of what, and as of when. Stored as JSON; `blake2b` is over the same JSON with that field empty."""

    format: int = FORMAT
    cluster: str
    """Id of the Kafka cluster."""
    group: str
    """Prefix of consumer groups (SIDESTEP_GROUP)."""
    role: str
    topic: str
    partition: int
    marker: int
    """Offset of the last record of the topic that is in."""
    log_time_ms: int
    """The ledger's clock then, milliseconds since 1970."""
    taken_at: float
    """By the worker's clock, seconds since 1970."""
    engine: str
    """The fold that made the rows; empty where the role's has no number."""
    positions: dict[str, int]
    """By store, the changelog offset that was applied last; -1: none."""
    ages: dict[str, int]
    """Stores whose rows have a time of their own, and for how many seconds they are kept."""
    files: dict[str, SnapshotFile]
    """By path, STORE/NAME."""
    blake2b: str = ""

    @property
    def octets(self) -> int:
        """Of all files."""
        return sum(file.size for file in self.files.values())


class SnapshotFormat(msgspec.Struct):
    """What every format says."""

    format: int


_decode, _decode_format = msgspec.json.Decoder(SnapshotManifest).decode, msgspec.json.Decoder(SnapshotFormat).decode


class SnapshotRef(NamedTuple):
    """Which snapshot, by where it lies."""

    cluster: str
    role: str
    partition: int
    name: str
    """TIME-MARKER: in the order of time."""

    @property
    def path(self) -> str:
        """The folder that it lies in."""
        return f"{self.cluster}/{self.role}/{self.partition}/{self.name}"

    @property
    def taken_at(self) -> float:
        """Seconds since 1970. Raises ValueError for what is no snapshot's name."""
        return datetime.strptime(self.name.split("-")[0], _TIME).replace(tzinfo=UTC).timestamp()

    def __str__(self) -> str:
        return f"snapshot {self.path}"


@dataclass(frozen=True)
class SnapshotWanted:
    """Whose snapshots can be used."""

    cluster: str
    role: str
    topic: str
    partition: int
    engine: str
    """This version's: rows that a newer one has made are refused."""
    group: str = ""
    """Empty: of any."""


_TIME = "%Y%m%dT%H%M%S.%fZ"


def ref_of(manifest: SnapshotManifest) -> SnapshotRef:
    """Where it belongs."""
    stamp = datetime.fromtimestamp(manifest.taken_at, UTC).strftime(_TIME)
    return SnapshotRef(manifest.cluster, manifest.role, manifest.partition, f"{stamp}-{manifest.marker}")


def written(manifest: SnapshotManifest) -> bytes:
    """Octets of manifest.json."""
    return _encoded(msgspec.structs.replace(manifest, blake2b=digest(_encoded(manifest))))


def read_manifest(octets: bytes, ref: SnapshotRef) -> SnapshotManifest:
    """What manifest.json says. Raises SnapshotRefused where it is not as it was written, or is in a foreign place."""
    try:
        found = _decode_format(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SnapshotRefused(f"{ref}: manifest.json is damaged: it can't be read") from None
    if found.format != FORMAT:
        raise SnapshotRefused(f"{ref}: it has format {found.format}, this version reads format {FORMAT}")
    try:
        manifest = _decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SnapshotRefused(f"{ref}: manifest.json is damaged: it can't be read") from None
    if octets != written(msgspec.structs.replace(manifest, blake2b="")):
        raise SnapshotRefused(f"{ref}: manifest.json is damaged: its checksum is another")
    if ref_of(manifest) != ref:
        raise SnapshotRefused(f"{ref}: it is foreign: by its manifest it is the {ref_of(manifest)}")
    if wrong := [name for name in manifest.files if not _FILE.fullmatch(name)]:
        raise SnapshotRefused(f"{ref}: manifest.json names the file {wrong[0]!r}, which no snapshot has")
    return manifest


def require_fit(manifest: SnapshotManifest, wanted: SnapshotWanted) -> None:
    """Raises SnapshotRefused for a snapshot of another cluster, role, topic, partition, group, or of a newer fold."""
    ref = ref_of(manifest)
    for name in ("cluster", "role", "topic", "partition", "group"):
        its, ours = getattr(manifest, name), getattr(wanted, name)
        if its != ours and (name != "group" or ours):
            raise SnapshotRefused(f"{ref}: it is foreign: of {name} {its}, not {ours}")
    if _number(manifest.engine) > _number(wanted.engine):
        raise SnapshotRefused(
            f"{ref}: a newer version has made it, with engine {manifest.engine}; this one has engine {wanted.engine}"
        )


def digest(octets: bytes) -> str:
    """BLAKE2b, as hexadecimal digits."""
    return hashlib.blake2b(octets, digest_size=DIGEST_OCTETS).hexdigest()


def _encoded(manifest: SnapshotManifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def _number(engine: str) -> int:
    return int(engine) if engine.isdigit() else 0
