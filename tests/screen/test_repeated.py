"""JSON members that stand there twice are found, and nothing else is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import EmailIntent
from sidestep.schemas.codec import decode, encode
from sidestep.streams.screen.repeated import repeats_member

PLAIN = b'{"id":"x","to":"a@d0.example","service":"shop"}'
texts = st.text(st.characters(codec="utf-8"), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    "value",
    [
        b'{"id":"x","service":"shop","to":"a@d0.example","service":"billing"}',
        b'{"id":"x","service":"shop","to":"a@d0.example","service":"shop"}',
        b'{"id":"x","service":"shop","to":"a@d0.example","\\u0073ervice":"billing"}',
        b'{"id":"x","service":"shop","to":"a@d0.example","metadata":{"a":{"b":1,"c":2,"b":3}}}',
        b'{"id":"x","service":"shop","to":"a@d0.example","new":1,"new":2}',
        b'{"id":"\\u0022\\u0022","service":"shop","to":"a@d0.example","service":"shop"}',
        b'{"id":"\\"\\"","service":"shop","to":"a@d0.example","attempt":1,"attempt":2}',
        b'{ "id" : "x", "to" : "a@d0.example" , "service":"shop","test":false,\n"test" : true}',
    ],
)
def test_a_repeated_member_is_found(value: bytes) -> None:
    """At any depth, escaped or not, known or not, with another value or the same."""
    assert repeats_member(value, decode(EmailIntent, value))
    assert repeats_member(value)


@pytest.mark.parametrize(
    "value",
    [
        PLAIN,
        PLAIN.replace(b'"x"', b'"\\u0022"'),
        PLAIN[:-1] + b',"test":false,"campaign":"","later":{"id":"x","service":[]},"metadata":{"id":"x"}}',
        PLAIN[:-1] + b',"metadata":{"a":{"b":"\\"service\\":\\"x\\""},"b":{"b":1}}}',
    ],
)
def test_what_stands_there_once_is_let_through(value: bytes) -> None:
    """Defaults spelt out, unknown members and the same name in another object too."""
    assert not repeats_member(value, decode(EmailIntent, value))


@pytest.mark.parametrize("value", [b"", b"hello", b"{", b'{"a":1}{"a":1}', b"[" * 30_000, b'{"\\u0061":' * 30_000])
def test_what_is_no_json_is_for_others_to_refuse(value: bytes) -> None:
    """However deep it is."""
    assert not repeats_member(value)


@given(values, st.booleans())
def test_any_json_that_a_library_writes_is_let_through(value: Any, ascii_only: bool) -> None:
    """With escapes and without."""
    assert not repeats_member(json.dumps(value, ensure_ascii=ascii_only).encode())


@given(st.dictionaries(texts, values, min_size=1, max_size=3), st.data(), st.booleans())
def test_any_member_said_once_more_is_found(said: dict[str, Any], data: st.DataObject, ascii_only: bool) -> None:
    """Whatever the rest is."""
    name = data.draw(st.sampled_from(sorted(said)))
    text = json.dumps(said, ensure_ascii=ascii_only)
    more = json.dumps({name: data.draw(values)}, ensure_ascii=ascii_only)
    assert repeats_member((text[:-1] + "," + more[1:]).encode())


@given(texts.filter(bool), st.dictionaries(texts, values, max_size=3))
def test_what_our_publisher_writes_is_let_through(id: str, metadata: dict[str, Any]) -> None:
    """Every intent."""
    intent = EmailIntent(id=id, to="a@d0.example", service="shop", metadata=metadata)
    assert not repeats_member(encode(intent), intent)
