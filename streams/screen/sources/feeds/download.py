"""A download in a file of its own, bounded in size, its SHA-256 taken along. And gzip, never unbounded."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 65_536


class FetchFailed(Exception):
    """The fetch gave nothing of use; the text is a sentence. `answered`: the source itself says that there is none."""

    def __init__(self, why: str, answered: bool = False) -> None:
        super().__init__(why)
        self.answered = answered


class Download:
    """A download: takes octets, and raises FetchFailed for one too many."""

    def __init__(self, path: Path, label: str, most: int, tell: Callable[[int], None] = lambda _: None) -> None:
        """`most`: octets; `tell` hears of those so far."""
        self.path, self.label = path, label
        self.octets = 0
        self._most, self._tell = most, tell
        self._hash = hashlib.sha256()

    def __enter__(self) -> Self:
        self._file = self.path.open("xb")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def write(self, octets: bytes) -> None:
        """Take some more octets."""
        self.octets += len(octets)
        if self.octets > self._most:
            raise FetchFailed(f"it is larger than max_octets = {self._most}")
        self._hash.update(octets)
        self._file.write(octets)
        self._tell(self.octets)

    @property
    def sha256(self) -> str:
        """The SHA-256 of all octets, hexadecimal."""
        return self._hash.hexdigest()


class Gunzip:
    """gzip (RFC 1952) to octets in small pieces, however far a piece of input unfolds."""

    def __init__(self) -> None:
        self._member = _member()
        self._begun = False

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """The octets that some input unfolds to. Raises FetchFailed where it is not gzip."""
        while octets or self._begun:
            try:
                out = self._member.decompress(octets, CHUNK)
            except zlib.error:
                raise FetchFailed("it says it is gzip, and it is not") from None
            self._begun = True
            yield out
            octets = self._member.unconsumed_tail or self._next_member()
            if not octets and len(out) < CHUNK:
                return

    def end(self) -> None:
        """The end of the input. Raises FetchFailed when the last member is cut short."""
        if self._begun and not self._member.eof:
            raise FetchFailed("the download was cut short")

    def _next_member(self) -> bytes:
        """Octets behind the end of a member: another one follows (RFC 1952 2.2)."""
        rest = self._member.unused_data if self._member.eof else b""
        if rest:
            self._member, self._begun = _member(), False
        return rest


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
