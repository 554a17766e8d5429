"""Work that reading takes: calls of functions, which are the same on any machine however busy."""

import sys
from types import FrameType

from sidestep.streams.screen.feedback.parse import parse


def work(octets: bytes, form: str = "") -> int:
    """Calls of functions, of Python and of C, that reading octets takes."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    parse(octets, form)  # whatever is read once and kept
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        parse(octets, form)
    finally:
        sys.setprofile(before)
    return calls
