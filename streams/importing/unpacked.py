"""A packed file (ZIP) whose parts have bounds: a few octets may unpack to any number of them."""

from typing import IO, Any
from zipfile import ZipFile

from sidestep.streams.errors import ImportFailed

PART_MAX = 16 * 2**20
"""Octets of a part that is read whole: styles, names of sheets."""
TAGS_MAX = 300_000
"""Tags of such a part: Excel has room for 65,490 formats of cells, of four tags each. One takes half a kibibyte."""
BULK_MAX = 2**30
"""Octets of a part that is read piece by piece: rows, texts. A million rows of ten columns have some 600 MiB."""
AT_ONCE_MAX = 2 * 2**20
"""Octets of one piece: a text has up to 32,767 characters. Elements take up to some twenty times as much memory."""


class UnpackedPart:
    """A part as the parser of XML wants it: one method that reads."""

    def __init__(self, part: IO[bytes]) -> None:
        self._part = part
        self._since = 0

    def read(self, size: int = -1) -> bytes:
        """Up to so many octets. Raises ImportFailed where one piece has too many."""
        octets = self._part.read(size)
        self._since += len(octets)
        if self._since > AT_ONCE_MAX:
            raise ImportFailed(f"the spreadsheet has a row, or a text, of more than {AT_ONCE_MAX:,} octets")
        return octets

    def taken(self) -> None:
        """A piece has been taken from what was read."""
        self._since = 0

    def tell(self) -> int:
        """Octets so far."""
        return self._part.tell()

    def __enter__(self) -> "UnpackedPart":
        return self

    def __exit__(self, *_: object) -> None:
        self._part.close()


class Unpacked(ZipFile):
    """An archive; what it says of the size of a part is what zipfile reads at most."""

    def open(self, name: Any, *args: Any, **named: Any) -> IO[bytes]:
        """A part that is read whole. Raises ImportFailed, KeyError."""
        self._require(name, PART_MAX)
        return super().open(name, *args, **named)

    def read(self, name: Any, *args: Any) -> bytes:
        """A part whole, which openpyxl makes a tree of. Raises ImportFailed, KeyError."""
        octets = super().read(name, *args)
        plain = octets.replace(b"\0", b"")  # UTF-16 is XML, too
        if plain.count(b"<") > TAGS_MAX:
            raise ImportFailed(f"the spreadsheet has a part of more than {TAGS_MAX:,} tags: save it as CSV")
        if b"<!DOCTYPE" in plain:  # ECMA-376 part 2, 8.1.4 forbids it: entities would bring any number of tags
            raise ImportFailed("the spreadsheet has a part with a DOCTYPE, which no program writes: save it as CSV")
        return octets

    def bulk(self, name: str) -> UnpackedPart:
        """A part that is read piece by piece. Raises ImportFailed, KeyError."""
        self._require(name, BULK_MAX)
        return UnpackedPart(super().open(name))

    def _require(self, name: Any, most: int) -> None:
        info = self.getinfo(name) if isinstance(name, str) else name
        if info.file_size > most:
            raise ImportFailed(
                f"the spreadsheet has a part of {info.file_size:,} octets, more than {most:,}: save it as CSV"
            )
