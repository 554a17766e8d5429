"""Whom a record concerns: all spellings of an address, its keyed hash, and nobody else's."""

from base64 import b64encode
from typing import Any

import msgspec
import pytest

from sidestep.streams.personal.person import Person
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.marks import read_mailbox

KEYS = Keys(bytes(32), bytes(31) + b"1")
ADDRESS = "jane.doe@gmail.com"
MAILBOX = read_mailbox(ADDRESS, KEYS)
JANE = Person.of(ADDRESS, MAILBOX)
FIND = JANE.finder()
REPORT = b"Final-Recipient: rfc822;Jane.Doe@GMAIL.com\r\nAction: failed\r\n"


@pytest.mark.parametrize(
    "value",
    [
        b'{"to":"jane.doe@gmail.com"}',
        b'{"to":"JaneDoe+news@googlemail.com"}',
        b'{"to":"jane.doe\\u0040gmail.com"}',
        b'{"nested":[{"x":"\\u006aane.doe@gmail.com"}]}',
        b"recipient=jane.doe%40gmail.com&event=bounce",
        b"mail to <jane.doe@gmail.com>, please",
        REPORT,
        b"jane.doe@gmail.com.",
    ],
)
def test_an_address_is_found_however_it_is_spelt(value: bytes) -> None:
    """In JSON, in forms, in reports."""
    assert "address" == FIND([b"key", value])


@pytest.mark.parametrize("key", [MAILBOX.recipient_key, MAILBOX.former_key])
@pytest.mark.parametrize("spell", [bytes, b64encode, lambda key: key.hex().encode()])
def test_its_hash_is_found_in_every_form(key: bytes, spell: Any) -> None:
    """Under either secret; as a row's key, in the log's JSON, in notes."""
    assert "hash" == FIND([b"r" + spell(key), None])
    assert "hash" == FIND([None, b'{"x":"' + spell(key) + b'"}'])


@pytest.mark.parametrize(
    "value",
    [b"", b"{}", b'{"to":"tom@gmail.com"}', b"xjane.doe@gmail.com", b'{"to":"a\\u00', b"\xff@\xff"],
)
def test_nobody_else_is_found(value: bytes) -> None:
    """Nor does anything that can't be read stop the search."""
    assert FIND([None, value]) is None


def test_the_record_of_the_log_is_found_by_what_it_says() -> None:
    """It has both forms; the plain one counts."""
    value = msgspec.json.encode({"to": ADDRESS, "recipient_key": MAILBOX.recipient_key})
    assert "address" == FIND([b"gmail.com", value])


def test_by_its_hash_alone_no_address_is_looked_for() -> None:
    """Nobody knows it."""
    text = f"hash:{MAILBOX.recipient_key.hex()}@gmail.com"
    find = Person.of(text, read_mailbox(text, KEYS)).finder()
    assert find([b'{"to":"jane.doe@gmail.com"}']) is None
    assert "hash" == find([MAILBOX.recipient_key])


def test_a_name_in_another_script_is_found_in_both_forms() -> None:
    """As people write it, and as DNS has it."""
    find = Person.of("jane@bücher.example", read_mailbox("jane@bücher.example", KEYS)).finder()
    for domain in ("bücher.example", "xn--bcher-kva.example"):
        assert "address" == find([f"jane@{domain}".encode()])


def test_other_peoples_addresses_are_masked() -> None:
    """What is handed over tells of one person."""
    assert "to <JaneDoe@gmail.com> and ***@gmail.com" == JANE.alone("to <JaneDoe@gmail.com> and tom@gmail.com")
