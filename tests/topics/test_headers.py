"""Headers are asked for in one place, which answers for whatever a producer has written."""

import re
from pathlib import Path

import pytest

from sidestep.topics.headers import UnreadableHeaders, headers_of, headers_of_each

ROOT = Path(__file__).parents[2]


class Spoilt:
    """A message as confluent-kafka 2.x has it where a name is not UTF-8: an error once, then a list with holes."""

    def __init__(self) -> None:
        self._found: list[tuple[str, bytes | None]] | None = None
        self.asked = 0

    def headers(self) -> list[tuple[str, bytes | None]]:
        """As above."""
        self.asked += 1
        if self._found is None:
            raise SystemError("returned a result with an exception set")
        return self._found

    def set_headers(self, found: list[tuple[str, bytes | None]]) -> None:
        """confluent-kafka's."""
        self._found = found


class Sound:
    """A message with two headers of the same name, or with none."""

    def __init__(self, found: list[tuple[str, bytes | None]] | None) -> None:
        self._found = found

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        """All of them."""
        return self._found


def test_headers_that_cannot_be_read_are_said_to_be_so_each_time() -> None:
    """A second look must never see the list with holes: it would end the process."""
    record = Spoilt()
    for _ in range(3):
        with pytest.raises(UnreadableHeaders):
            headers_of(record)


def test_many_are_asked_at_once_and_one_that_cannot_be_read_spoils_no_other() -> None:
    """Each is asked once, wherever those stand whose headers can't be read; and may be asked again."""
    found: list[tuple[str, bytes | None]] = [("a", b"1")]
    records: list[Sound | Spoilt] = [Sound(found), Spoilt(), Sound(None), Spoilt(), Spoilt(), Sound(found)]
    assert [found, None, None, None, None, found] == [said or None for said in headers_of_each(records)]
    with pytest.raises(UnreadableHeaders):
        headers_of(records[1])
    assert [found, None] == headers_of_each([Sound(found), Spoilt()])
    assert [None, found] == headers_of_each([Spoilt(), Sound(found)])
    assert [] == headers_of_each([]) == headers_of_each([Sound(None), Sound([])])


def test_headers_come_as_they_are() -> None:
    """In their order, names that stand there twice as well."""
    found: list[tuple[str, bytes | None]] = [("a", b"1"), ("a", None), ("", b"")]
    assert found == list(headers_of(Sound(found)))
    assert [] == list(headers_of(Sound(None)))


def test_nobody_else_asks_for_headers() -> None:
    """tests/guarantees/test_names_and_headers.py shows what becomes of a worker otherwise: signal 11."""
    sources = (path for folder in ("streams", "topics", "schemas") for path in (ROOT / folder).rglob("*.py"))
    asking = [str(path.relative_to(ROOT)) for path in sources if re.search(r"\.headers\(\)", path.read_text("utf-8"))]
    assert [] == asking
