"""Whom a record concerns: all spellings of an address, its keyed hash, and nobody else's."""

import quopri
from base64 import b64encode, encodebytes
from time import process_time
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


def encoded(text: str, how: str) -> bytes:
    """A message whose body is encoded."""
    body = encodebytes(text.encode()) if how == "base64" else quopri.encodestring(text.encode())
    return f"Content-Transfer-Encoding: {how}\r\n\r\n".encode() + body.replace(b"\n", b"\r\n") + b"\r\n--end--"


LONG = f"{'Dear customer, ' * 20}\nX: <{ADDRESS}>\n{'nothing more ' * 20}"
ENCODED = [
    encoded(LONG, "base64"),
    encoded(LONG.replace("@", "\N{COMMERCIAL AT}é "), "base64") + encoded(LONG, "quoted-printable"),
    encoded(encoded(LONG, "quoted-printable").decode(), "base64"),
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\njane.=\r\ndoe=40gmail.c=\r\nom",
    b"To: =?utf-8?B?" + b64encode(ADDRESS.encode()) + b"?= <x@y.example>",
    b"To: =?utf-8?Q?jane=2Edoe=40gm?=\r\n =?utf-8?Q?ail.com?=",
    b"Return-Path: <bounces+jane.doe=gmail.com@lists.example>",
    b"Return-Path: <list-return-17-janedoe=GoogleMail.com@lists.example>",
    b"From: SRS0=a1b2=XY=gmail.com=jane.doe@forwarder.example",
    b"bounces%2Bjane.doe%3Dgmail.com@lists.example",
    b"Return-Path: <" + b"list-" * 40 + b"jane.doe=gmail.com@lists.example>",
    b"From: SRS0=a=b=gmail.com=SRS0=a1b2=XY=gmail.com=jane.doe@forwarder.example",
]


@pytest.mark.parametrize("value", ENCODED)
def test_an_address_is_found_in_encodings_of_mail(value: bytes) -> None:
    """In bodies and headers of reports, and within the addresses that they come to; as JSON has all of that, too."""
    assert "address" == FIND([None, value])
    assert "address" == FIND([None, msgspec.json.encode({"raw": value.decode()})])
    other = value.replace(b"jane", b"juno").replace(b"Jane", b"Juno")
    assert FIND([None, other]) is None or other == value


@pytest.mark.parametrize(
    "value",
    [
        encoded(LONG.replace("jane", "tom"), "base64"),
        encoded("=" * 500 + "A" * 5_000, "base64"),
        b"base64 =?utf-8?B?!!?= =?utf-8?Q?=?= =?x?q?=zz?= =?utf-8?B?AAAAAAAAA?=",
        b"bounces+tom=gmail.com@lists.example",
        b"jane.doe=gmail.com.example@lists.example",
    ],
)
def test_nobody_else_is_found_in_encodings(value: bytes) -> None:
    """Nor does what is no encoding after all stop the search."""
    assert FIND([None, value]) is None


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
    assert find([ENCODED[0]]) is None
    assert "hash" == find([MAILBOX.recipient_key])


def test_a_name_in_another_script_is_found_in_both_forms() -> None:
    """As people write it, and as DNS has it."""
    find = Person.of("jane@bücher.example", read_mailbox("jane@bücher.example", KEYS)).finder()
    for domain in ("bücher.example", "xn--bcher-kva.example"):
        assert "address" == find([f"jane@{domain}".encode()])


def test_other_peoples_addresses_are_masked() -> None:
    """What is handed over tells of one person."""
    assert "to <JaneDoe@gmail.com> and ***@gmail.com" == JANE.alone("to <JaneDoe@gmail.com> and tom@gmail.com")


OCTETS = 200_000
HOSTILE = {
    "a run": b"a" * OCTETS + b" @gmail.com",
    "runs that end in what ends none": b"a=" * (OCTETS // 2) + b" @gmail.com",
    "parts": b"a-" * (OCTETS // 2) + b"=gmail.com@host.example",
    "domains": b"=gmail.com=" * (OCTETS // 11),
    "a domain and a run": b"=gmail.com=" + b"a" * OCTETS,
    "by number": b"%41" * (OCTETS // 3) + b"@gmail.com",
    "JSON": b'["' + b"\\u0041" * (OCTETS // 6) + b'=? gmail.com"]',
    "base64": b"base64 " + b64encode(b"@ " + b"A" * OCTETS),
    "quoted-printable": b"quoted-printable " + b"=41" * (OCTETS // 3),
    "words": b"=?utf-8?q?" * (OCTETS // 10),
    "quotes": b'"' * OCTETS + b"@gmail.com",
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_what_a_stranger_writes_holds_nobody_up(shape: str) -> None:
    """Who may send mail to a bounce mailbox writes into what is looked through, a megabyte a message: the cost goes
    with its size. With the square of it most of these take minutes."""
    began = process_time()
    assert FIND([HOSTILE[shape]]) is None
    JANE.alone(HOSTILE[shape].decode())
    assert process_time() - began < 10
