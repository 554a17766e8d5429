"""How people ask workers for snapshots: by a note beside the snapshots, a place that both reach already.

Workers look for it every few seconds; nobody needs another right in Kafka, another port or a signal for it, and it
reaches all workers on all machines. Who may write there could spoil the snapshots themselves, so it opens no door.
"""

import msgspec

from sidestep.streams.snapshots.place import SnapshotPlace


class SnapshotRequest(msgspec.Struct, frozen=True):
    """Take one of each partition that has none since."""

    id: str
    at: float
    """By the clock of who asks, seconds since 1970."""


_decode = msgspec.json.Decoder(SnapshotRequest).decode


def write_request(place: SnapshotPlace, cluster: str, request: SnapshotRequest) -> None:
    """Ask all workers of a cluster. Raises SnapshotsUnreachable."""
    place.write_note(_name(cluster), msgspec.json.encode(request))


def read_request(place: SnapshotPlace, cluster: str) -> SnapshotRequest | None:
    """The last one; None: nobody has asked, or it can't be read. Raises SnapshotsUnreachable."""
    octets = place.read_note(_name(cluster))
    try:
        return None if octets is None else _decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _name(cluster: str) -> str:
    return f"{cluster}/request.json"
