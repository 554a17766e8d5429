"""Signatures: the octets that other languages have to sign, and that nothing of them can be changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st

from sidestep.schemas.codec import ContractError
from sidestep.topics.errors import CredentialsError
from sidestep.topics.signer import Signer
from sidestep.topics.signing import (
    ED25519,
    HEADER,
    HEADER_MAX,
    Ed25519Seal,
    Ed25519Verifier,
    HmacSeal,
    KeyText,
    header_text,
    parse_key,
    signature_of,
    signed_prefix,
    signed_rest,
)

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((Path(__file__).parent / "signatures.json").read_text("utf-8"))
SECRET = "hmac-sha-256:3f1c09d2e5a74b8860c1f2973ad45e0b9c7d61284eaf50b3d81f6e92a40c7b15"
SEED = "ed25519:7d2f8a41c3e95b06f1d4a8273c60be95d81e4f7a2b93c05f6e1a8d47b2c9f03e"
TOPIC, VALUE = "email-intents", b'{"id":"order-17","to":"ada@example.org","service":"shop"}'

Headers = list[tuple[str, bytes | None]]
Record = tuple[str, bytes, bytes, Headers, bytes]
"""Topic, key id, time, headers, value."""

texts = st.text(st.characters(codec="utf-8"), max_size=12)
counting = st.lists(
    st.tuples(st.one_of(st.just("content-type"), texts.map("sidestep-x{}".format)), st.binary(max_size=9))
)
records = st.tuples(
    texts, st.binary(max_size=9), st.integers(0, 10**14).map(b"%d".__mod__), counting, st.binary(max_size=200)
)


def octets(record: Record) -> bytes:
    """All that is signed of a record."""
    topic, key_id, time, headers, value = record
    return signed_prefix(topic, key_id) + signed_rest(time, headers, value)


def listed(text: bytes) -> list[bytes]:
    """Netstrings, taken apart. ValueError where they are none."""
    found = []
    while text:
        length, _, rest = text.partition(b":")
        end = int(length)
        assert rest[end : end + 1] == b","
        found.append(rest[:end])
        text = rest[end + 1 :]
    return found


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["about"])
def test_the_vectors(vector: dict[str, Any]) -> None:
    """What is signed and the header, octet by octet: this may never change for version 1."""
    headers = [(name, text.encode()) for name, text in vector["headers"]]
    topic, key_id, time = vector["topic"], vector["key_id"].encode(), vector["time"].encode()
    prefix, rest = signed_prefix(topic, key_id), signed_rest(time, headers, vector["value"].encode())
    assert vector["signed"] == (prefix + rest).decode()
    sealer = parse_key(vector["key"]).sealer(prefix)
    assert vector["header"] == header_text(key_id, time, sealer.seal(rest)).decode()


def test_the_page_has_the_vectors() -> None:
    """Whoever implements it elsewhere copies them from there."""
    page = (ROOT / "docs/signing.md").read_text("utf-8")
    for vector in GOLDEN:
        for part in ("key", "value", "signed", "header"):
            assert vector[part] in page, (vector["about"], part)


@given(records)
def test_what_is_signed_says_all_of_it_in_one_way(record: Record) -> None:
    """The octets can be taken apart again: no two records have the same."""
    topic, key_id, time, headers, value = record
    said = [part for name, given in headers for part in (name.encode(), given or b"")]
    assert [b"sidestep-signature-1", topic.encode(), key_id, time, *said, value] == listed(octets(record))


@given(records, records)
def test_two_records_never_share_their_octets(one: Record, other: Record) -> None:
    """Not by moving a border between two fields either."""
    assume(one != other)
    assert octets(one) != octets(other)


def _ed25519(prefix: bytes) -> Callable[[bytes, bytes], bool]:
    public = Ed25519PrivateKey.from_private_bytes(parse_key(SEED).key).public_key().public_bytes_raw()
    return Ed25519Verifier(public, prefix).holds


@pytest.mark.parametrize("text", [SECRET, SEED], ids=["hmac", "ed25519"])
@given(record=records, data=st.data())
def test_any_change_of_one_octet_is_refused(text: str, record: Record, data: st.DataObject) -> None:
    """In the value, a header that counts, the topic, the key id, the time and in the signature itself."""
    topic, key_id, time, headers, value = record
    key = parse_key(text)
    prefix, rest = signed_prefix(topic, key_id), signed_rest(time, headers, value)
    mac = key.sealer(prefix).seal(rest)

    def holds(prefix: bytes, rest: bytes, mac: bytes) -> bool:
        hmac = key.algorithm != ED25519
        return HmacSeal(key.key, prefix).holds(rest, mac) if hmac else _ed25519(prefix)(rest, mac)

    assert holds(prefix, rest, mac)
    changed = [prefix, rest, mac]
    part = data.draw(st.integers(0, 2))
    place = data.draw(st.integers(0, len(changed[part]) - 1))
    octet = data.draw(st.integers(0, 255).filter(lambda octet: octet != changed[part][place]))
    changed[part] = changed[part][:place] + bytes([octet]) + changed[part][place + 1 :]
    assert not holds(*changed)


@given(st.binary(max_size=HEADER_MAX + 50))
def test_a_header_is_read_or_refused(text: bytes) -> None:
    """Whatever stands there: fields, or one code."""
    try:
        fields, _ = signature_of([(HEADER, text)])
    except ContractError as error:
        assert error.code == "signature-unreadable"
    else:
        assert fields is not None and text == header_text(*fields) and int(fields[1]) >= 0


@pytest.mark.parametrize(
    "text",
    [b"", b"2;k;1;x", b"01;k;1;x", b"1;k;1", b"1;k;1;x;y", b"1;k;-1;x", b"1;k;1.5;x", b"1;k;;x", b"1;k;\xd9\xa1;x",
     b"1;k;" + b"9" * 16 + b";x", b"1;" + b"k" * HEADER_MAX + b";1;x"],
)  # fmt: skip
def test_a_header_of_another_form_is_refused(text: bytes) -> None:
    """Unknown versions among them: what a later one means is not guessed."""
    with pytest.raises(ContractError) as caught:
        signature_of([(HEADER, text)])
    assert caught.value.code == "signature-unreadable"


def test_several_signatures_are_refused() -> None:
    """Whoever reads the first would see another one than who reads the last; capitals make no difference."""
    with pytest.raises(ContractError, match="several"):
        signature_of([(HEADER, b"1;k;1;x"), (HEADER.title(), b"1;k;1;x")])


def test_headers_that_others_add_do_not_count() -> None:
    """Tracing and mirrors add some; those that Sidestep reads count, in their order."""
    counts: Headers = [
        ("Content-Type", b"text/plain"),
        ("sidestep-x", b"shop"),
        ("door", b"ses"),
        ("content-type", b"x"),
    ]
    fields, counting = signature_of([("traceparent", b"00-1"), *counts, (HEADER, b"1;k;1;x"), ("x", None)])
    assert fields == (b"k", b"1", b"x")
    assert counts == counting


@pytest.mark.parametrize(
    "text",
    ["", "x", SECRET[:-2], SECRET.partition(":")[2], SEED + "00", "ed448:" + "ab" * 32, "hmac-sha-256:" + "00" * 32,
     "hmac-sha-256:" + bytes(range(32)).hex(), SECRET.replace("3f", "zz")],
)  # fmt: skip
def test_what_is_no_key_is_refused_and_not_quoted(text: str) -> None:
    """Patterns too: anybody guesses them."""
    with pytest.raises(ValueError, match="sidestep signers new-key") as caught:
        parse_key(text)
    assert len(text) < 20 or text[-20:] not in str(caught.value)


def test_a_signer_signs_with_the_key_of_its_file(tmp_path: Path) -> None:
    """Behind the record's own headers, which are covered where they count; never twice."""
    file = tmp_path / "key"
    file.write_text(SECRET + "\n", "utf-8")
    file.chmod(0o600)
    signer = Signer("shop-2026", file, now=lambda: 1_800_000_000.25)
    signed = signer.sign(TOPIC, VALUE, [("content-type", "application/json")])
    given: Headers = [("content-type", b"application/json")]
    rest = signed_rest(b"1800000000250", given, VALUE)
    mac = HmacSeal(parse_key(SECRET).key, signed_prefix(TOPIC, b"shop-2026")).seal(rest)
    assert [*given, (HEADER, header_text(b"shop-2026", b"1800000000250", mac))] == signed
    with pytest.raises(ContractError, match="already"):
        signer.sign(TOPIC, VALUE, signed)


def test_a_key_that_others_read_is_refused(tmp_path: Path) -> None:
    """As every secret; and no signer shows its key."""
    file = tmp_path / "key"
    file.write_text(SECRET, "utf-8")
    file.chmod(0o644)
    with pytest.raises(CredentialsError, match="chmod 600"):
        Signer("shop", file)
    file.chmod(0o600)
    with pytest.raises(CredentialsError, match="can't name a key"):
        Signer("a;b", file)
    assert repr(Signer("shop", file)) == "Signer('shop')"


def test_hmac_is_that_of_rfc_4231() -> None:
    """Test cases 1, 2 and 6: keys shorter than a block and longer."""
    cases = [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    ]  # fmt: skip
    from base64 import b64decode

    for key, text, expected in cases:
        assert expected == b64decode(HmacSeal(key, text[:5]).seal(text[5:])).hex()


def test_ed25519_needs_the_private_half() -> None:
    """What the public half verifies, only the private one makes."""
    prefix, key = signed_prefix(TOPIC, b"k"), parse_key(SEED)
    assert isinstance(key.sealer(prefix), Ed25519Seal)
    assert _ed25519(prefix)(b"rest", key.sealer(prefix).seal(b"rest"))
    assert not _ed25519(prefix)(b"rest", KeyText(ED25519, bytes(range(7, 39))).sealer(prefix).seal(b"rest"))
    assert not _ed25519(prefix)(b"rest", b"no base64!")
