"""Keys: the same for the same thing, different for different things, and none without the secret."""

import hashlib
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sidestep.streams.screen.keys import SIZE, Keys
from sidestep.streams.screen.recent_ids import RecentIds

KEYS = Keys(bytes(32))
OTHER = Keys(bytes(31) + b"\x01")
printable = st.text(max_size=20).filter(str.isprintable)


def test_keys_have_sixteen_octets() -> None:
    """Enough that no two of them meet by chance."""
    made = (
        KEYS.recipient("a@b.c"),
        KEYS.intent("s", "1"),
        KEYS.content(b"k" * 16, "a", ""),
        KEYS.event("a", "b"),
        KEYS.token("a", b"b"),
        KEYS.pseudonym("a"),
    )
    assert {SIZE} == {len(key) for key in made} == {16}


def test_keys_stay_the_same_for_ever() -> None:
    """They stand in the ledger: a changed digest would lose everybody's history. Made by hashlib alone."""
    secret = bytes(range(32))
    keys = Keys(secret)
    by_hand = hashlib.blake2b(b"jane@example.com", digest_size=16, key=secret, person=b"recipient").digest()
    assert by_hand == keys.recipient("jane@example.com")
    assert _by_hand(secret, b"id", b"shop\x1f1") == keys.intent("shop", "1")
    assert _by_hand(secret, b"id", b"shop\x1f1\x1fproved\x1ftest") == keys.intent("shop", "1", True, True)
    said = b"k" * 16 + b"news\0jane@a.b\0may\0form"
    assert _by_hand(secret, b"content", said) == keys.content(b"k" * 16, "jane@a.b", "news", "may", "form")
    with_metadata = keys.content(b"k" * 16, "jane@a.b", "news", "may", "form", {"b": 1, "a": "\0"})
    assert _by_hand(secret, b"content", said + b'\0{"a":"\\u0000","b":1}') == with_metadata
    assert _by_hand(secret, b"event", b"bounce\x1fshop\x1f1") == keys.event("bounce", "shop", "1")
    assert _by_hand(secret, b"token", b"\0\0\0\x04shop\0\0\0\x02\0k") == keys.token("shop", b"\0k")
    assert _by_hand(secret, b"pseudonym", b"\0\0\0\x04jane") == keys.pseudonym("jane")


def _by_hand(secret: bytes, purpose: bytes, said: bytes) -> bytes:
    derived = hashlib.blake2b(purpose, digest_size=32, key=secret, person=b"derive").digest()
    return hashlib.blake2b(said, digest_size=16, key=derived, person=purpose).digest()


def test_all_keys_depend_on_the_secret() -> None:
    """Whoever hashes all addresses and all ids that there are finds none of them."""
    for one, other in (
        (KEYS.recipient("jane@example.com"), OTHER.recipient("jane@example.com")),
        (KEYS.intent("shop", "1"), OTHER.intent("shop", "1")),
        (KEYS.content(b"k" * 16, "jane@example.com", ""), OTHER.content(b"k" * 16, "jane@example.com", "")),
        (KEYS.event("bounce", "shop", "1"), OTHER.event("bounce", "shop", "1")),
        (KEYS.token("shop", "1"), OTHER.token("shop", "1")),
        (KEYS.pseudonym("jane@example.com"), OTHER.pseudonym("jane@example.com")),
    ):
        assert one != other


def test_the_fingerprint_tells_secrets_apart() -> None:
    """And is none itself."""
    assert KEYS.fingerprint == Keys(bytes(32)).fingerprint != OTHER.fingerprint
    assert bytes(32).hex() not in KEYS.fingerprint
    assert 16 == len(KEYS.fingerprint)


def test_the_kinds_of_keys_never_meet() -> None:
    """An intent and an event of the same name share one table; who may read a token learns no id."""
    assert KEYS.intent("shop", "1") != KEYS.event("shop", "1")
    assert KEYS.token("jane") != KEYS.pseudonym("jane")


@given(st.tuples(printable, printable), st.tuples(printable, printable))
def test_an_intents_key_is_its_own(one: tuple[str, str], other: tuple[str, str]) -> None:
    """No service and id can be written so that they look like others."""
    assert (one == other) == (KEYS.intent(*one) == KEYS.intent(*other))


said = st.text(st.characters(exclude_characters="\0"), max_size=3)
content = st.tuples(said, said, said, said, st.none() | st.dictionaries(said, said | st.integers(), max_size=3))


@given(content, content)
def test_a_contents_key_is_its_own(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Nothing can be moved from one field into another."""
    assert (one == other) == (KEYS.content(b"k" * 16, *one) == KEYS.content(b"k" * 16, *other))


def test_ids_of_claims_proofs_and_tests_never_meet() -> None:
    """Whoever only says that he is the shop, or tests, takes no id of the shop's messages."""
    kinds = [KEYS.intent("shop", "1", proved, test) for proved in (False, True) for test in (False, True)]
    assert 4 == len(set(kinds))


def test_the_spelling_of_metadata_makes_no_difference() -> None:
    """Its members' order, and numbers that JSON reads as the same; what a mailer could tell apart does."""
    texts = ('{"a": [{"x": 1, "y": 2}], "b": 100.0}', '{"b":1e2,"a":[{"y":2,"x":1}]}', '{"b":100,"a":[{"y":2,"x":1}]}')
    keys = [KEYS.content(b"k" * 16, "a", metadata=msgspec.json.decode(text)) for text in texts]
    assert keys[0] == keys[1] != keys[2]
    assert KEYS.content(b"k" * 16, "a", metadata={}) != KEYS.content(b"k" * 16, "a")


@given(st.lists(printable, min_size=2, max_size=4), st.lists(printable, min_size=2, max_size=4))
def test_an_events_key_is_its_own(one: list[str], other: list[str]) -> None:
    """Nor can what an event says."""
    assert (one == other) == (KEYS.event(*one) == KEYS.event(*other))


parts = st.lists(st.text(max_size=5) | st.binary(max_size=5), max_size=4)


@given(parts, parts)
def test_a_tokens_parts_are_their_own(one: list[str | bytes], other: list[str | bytes]) -> None:
    """Whatever stands in them: no separator can be forged. Texts are their octets."""
    same = [_octets(part) for part in one] == [_octets(part) for part in other]
    assert same == (KEYS.token(*one) == KEYS.token(*other))


def _octets(part: str | bytes) -> bytes:
    return part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part


@given(st.text(), st.text())
def test_any_address_and_stream_have_a_key(to: str, stream: str) -> None:
    """Half surrogate pairs in an address too: it is refused later, and needs a key before."""
    stream = stream.encode("utf-8", "replace").decode()
    key = KEYS.content(b"k" * 16, to, stream)
    assert key != KEYS.content(b"k" * 16, to + "x", stream)
    assert key != KEYS.content(b"k" * 16, to, stream + "x")
    assert key != KEYS.content(b"j" * 16, to, stream)
    assert SIZE == len(KEYS.recipient("\ud800@example.com"))


def test_an_id_seen_with_other_content_is_reused() -> None:
    """The first content it was seen with is the right one, and stays it."""
    recent = RecentIds()
    assert [None, None, b"A", b"A", None] == [
        recent.reused(b"id", content, content.upper()) for content in (b"a", b"a", b"b", b"b", b"a")
    ]
    assert recent.reused(b"other", b"b") is None


def test_recent_ids_are_bounded_and_the_oldest_go_first() -> None:
    """At least half of the limit is remembered, never more than all of it."""
    recent = RecentIds(limit=10)
    for number in range(100):
        recent.reused(b"%d" % number, b"a")
        assert len(recent._young) + len(recent._old) <= 10
    assert all(recent.reused(b"%d" % number, b"b") is not None for number in range(99, 94, -1))
    assert recent.reused(b"0", b"b") is None


def test_an_id_in_use_is_not_forgotten() -> None:
    """Whoever keeps offering the same id again keeps it known."""
    recent = RecentIds(limit=4)
    assert not any(recent.reused(key, b"a") is not None for n in range(20) for key in (b"busy", b"%d" % n))
    assert recent.reused(b"busy", b"b") is not None


def test_keys_do_not_depend_on_what_was_asked_before() -> None:
    """The hashers are copied, not used up."""
    asked: list[Any] = [KEYS.recipient("a"), KEYS.recipient("b"), KEYS.recipient("a")]
    assert asked[0] == asked[2] != asked[1]


def test_parts_tell_which_part_differs_and_nothing_else() -> None:
    """An octet each, in their order; made with the secret, so that nobody can try values against them."""
    names = ("to", "stream", "campaign", "source", "metadata")
    whole: dict[str, Any] = {name: f"{name} one" for name in names} | {"metadata": {"n": 1, "m": 2}}
    parts = KEYS.parts(**whole)
    assert 5 == len(parts)
    assert parts == KEYS.parts(**whole | {"metadata": {"m": 2, "n": 1}})
    for number, name in enumerate(names):
        values = [{"n": n} if name == "metadata" else f"other {n}" for n in range(8)]
        others = [KEYS.parts(**whole | {name: value}) for value in values]
        assert any(other[number] != parts[number] for other in others)
        assert {parts[:number] + parts[number + 1 :]} == {other[:number] + other[number + 1 :] for other in others}
    assert Keys(b"x" * 32).parts(**whole) != parts
