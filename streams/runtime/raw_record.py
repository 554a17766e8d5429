"""A record that we have taken out of its batch ourselves. Pure."""

from collections.abc import Sequence

from sidestep.streams.runtime.batches import Partition
from sidestep.topics.headers import Header


class RawRecord:
    """See Record."""

    __slots__ = ("_headers", "_key", "_offset", "_time", "_tp", "_value")

    def __init__(
        self,
        tp: Partition,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[bytes, bytes | None]],
        time: tuple[int, int],
    ):
        """`time`: as `timestamp` gives it. Headers have the octets of their names."""
        self._tp, self._offset, self._key, self._value, self._time = tp, offset, key, value, time
        self._headers: Sequence[tuple[bytes | str, bytes | None]] = headers

    def topic(self) -> str:
        """See Record."""
        return self._tp.topic

    def partition(self) -> int:
        """See Record."""
        return self._tp.partition

    def offset(self) -> int:
        """See Record."""
        return self._offset

    def key(self) -> bytes | None:
        """See Record."""
        return self._key

    def value(self) -> bytes | None:
        """See Record."""
        return self._value

    def headers(self) -> Sequence[Header]:
        """See Record. Raises UnicodeDecodeError."""
        return [(name if isinstance(name, str) else name.decode(), value) for name, value in self._headers]

    def set_headers(self, headers: Sequence[Header]) -> None:
        """What is given from now on, in place of names that are not text (topics/headers.py)."""
        self._headers = list(headers)

    def timestamp(self) -> tuple[int, int]:
        """See Record."""
        return self._time

    def __len__(self) -> int:
        return len(self._value or b"")
