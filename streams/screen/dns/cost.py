"""The cost of parsing a response, told from its octets before anything is parsed. Pure.

What a record costs is its writer's to decide: dnspython looks at each suffix of a name, so that one of a hundred labels
takes a hundred times as long as one of ten, and a pointer of two octets repeats it (RFC 1035 section 4.1.4).
"""

from struct import Struct, error

PER_RECORD = 40
PER_OWNER_LABEL = 2
PER_TEXT = 3
PER_OTHER = 2_500
PER_OTHER_OCTET = 8
"""Microseconds on a core of 2025: for a record, for a label of its owner, for a text of a TXT record, and for a record
that nobody asks for, whatever stands in it, and an octet of that: one of HIP (RFC 8005) may list thousands of names.
The labels of a name in a record cost a seventh of their number squared."""

HEADER_OCTETS = 12

_FIXED = Struct("!HHIH")
"""Type, class, TTL and length that follow an owner (RFC 1035 section 4.1.3)."""

_PLAIN = frozenset({1, 28})
"""A, AAAA."""
_TXT = 16
_NAMES = {2: (0, 1), 5: (0, 1), 6: (0, 2), 12: (0, 1), 15: (2, 1), 39: (0, 1), 46: (18, 1)}
"""NS, CNAME, SOA, PTR, MX, DNAME, RRSIG: the octets before the names that stand in them, and how many these are."""

_LABELS_MOST = 128
"""A name has 127 at most (RFC 1035 section 2.3.4); pointers count as labels, so that a circle ends."""


def microseconds(response: bytes, questions: int, records: int) -> int:
    """The cost of parsing so many records of a response, about; where it is broken, of those before the fault."""
    cost = 0
    try:
        at = HEADER_OCTETS
        for _ in range(questions):
            at = _name(response, at)[1] + 4
        for _ in range(records):
            labels, at = _name(response, at)
            kind, _, _, length = _FIXED.unpack_from(response, at)
            at += _FIXED.size
            cost += PER_RECORD + PER_OWNER_LABEL * labels + _of_data(response, kind, at, length)
            at += length
    except (IndexError, error):
        pass
    return cost


def _of_data(response: bytes, kind: int, at: int, length: int) -> int:
    if kind in _PLAIN:
        return 0
    if kind == _TXT:
        return PER_TEXT * _texts(response, at, length)
    if kind not in _NAMES:
        return PER_OTHER + PER_OTHER_OCTET * length
    before, names = _NAMES[kind]
    cost, at = 0, at + before
    for _ in range(names):
        labels, at = _name(response, at)
        cost += labels * labels // 7
    return cost


def _texts(response: bytes, at: int, length: int) -> int:
    count, end = 0, at + length
    while at < end:
        at += response[at] + 1
        count += 1
    return count


def _name(response: bytes, at: int) -> tuple[int, int]:
    """The labels of the name that begins here, and where it ends."""
    labels, end = 0, -1
    while (length := response[at]) and labels < _LABELS_MOST:
        labels += 1
        if length < 0xC0:
            at += length + 1
            continue
        end = at + 2 if end < 0 else end
        at = (length & 0x3F) << 8 | response[at + 1]
    return labels, at + 1 if end < 0 else end
