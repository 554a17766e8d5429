"""The texts that cells of a spreadsheet share, in a temporary file: of a list of addresses, nearly all of them."""

import os
from array import array
from tempfile import TemporaryFile
from xml.etree.ElementTree import Element, iterparse

from openpyxl.cell.text import Text
from openpyxl.xml.constants import SHEET_MAIN_NS

from sidestep.streams.importing.unpacked import UnpackedPart

ITEM = f"{{{SHEET_MAIN_NS}}}si"


class SharedTexts:
    """Texts by their number from 0; in memory are eight octets of each. The file has no name, and goes with us."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  (closed by __exit__)
        self._ends = array("Q", [0])

    def read(self, part: UnpackedPart) -> None:
        """All of the part xl/sharedStrings.xml (ECMA-376 18.4.9)."""
        root: Element | None = None
        for event, element in iterparse(part, ("start", "end")):
            root = element if root is None else root
            if event == "end" and element.tag == ITEM:
                text = Text.from_tree(element)
                self._append(text.content if text is not None else "")
                root.clear()
                part.taken()
        self._file.flush()

    def _append(self, text: str) -> None:
        octets = text.encode("utf-8", "surrogatepass")
        self._file.write(octets)
        self._ends.append(self._ends[-1] + len(octets))

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise IndexError(number)
        start, end = self._ends[number], self._ends[number + 1]
        return os.pread(self._file.fileno(), end - start, start).decode("utf-8", "surrogatepass")

    def __enter__(self) -> "SharedTexts":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
