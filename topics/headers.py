"""Headers of a record as Kafka's client gives them, where it can. Pure.

confluent-kafka 2.x keeps a list with holes in it when a header's name is not UTF-8, and whoever looks into that list
ends the process (signal 11): the interpreter sees the error of the first call only where it is made through C, and
no second call has one. So this is the one place that asks for headers.
"""

from collections.abc import Iterable, Sequence
from operator import length_hint, methodcaller
from typing import Any, Protocol

Header = tuple[str, bytes | None]

_SPOILT = "\udcff"
"""No header that comes over the wire is called that: a lone surrogate has no UTF-8."""
# through C, so that the interpreter looks whether an error was left behind
_asked = methodcaller("headers")


class UnreadableHeaders(ValueError):
    """The name of a header is not UTF-8."""


class HasHeaders(Protocol):
    """What is asked: a message of confluent-kafka, or what stands in for one."""

    def headers(self) -> Any:
        """Name and value of each; None: there are none."""


def headers_of(record: HasHeaders) -> Sequence[Header]:
    """The headers of a record in their order, names that stand there twice as well. Raises UnreadableHeaders, each time
    that it is asked."""
    try:
        found: Sequence[Header] | None = _asked(record)
    except (SystemError, UnicodeDecodeError):
        _spoil(record)
        raise UnreadableHeaders("the name of a header is not UTF-8") from None
    if not found:
        return ()
    if found[0][0] == _SPOILT:
        raise UnreadableHeaders("the name of a header is not UTF-8")
    return found


def headers_of_each(records: Sequence[HasHeaders]) -> list[Sequence[Header] | None]:
    """As readable_headers of each, in few steps where nobody has any; then there is nothing in the list."""
    left = iter(records)
    try:
        if not any(map(_asked, left)):
            return []
    except (SystemError, UnicodeDecodeError):
        _spoil(records[-1 - length_hint(left)])  # it was the last one that was asked
    return list(map(readable_headers, records))


def headers_of_all(records: Iterable[HasHeaders]) -> Iterable[Sequence[Header]]:
    """The headers of those that have any, at C speed: of records that headers_of has been asked about before, so that
    none of them raises."""
    return filter(None, map(_asked, records))


def readable_headers(record: HasHeaders) -> Sequence[Header] | None:
    """As headers_of; None where they can't be read."""
    try:
        return headers_of(record)
    except UnreadableHeaders:
        return None


def _spoil(record: HasHeaders) -> None:
    if (replace := getattr(record, "set_headers", None)) is not None:
        replace([(_SPOILT, None)])
