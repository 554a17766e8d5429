"""Whatever arrives, decode gives a model or a ContractError, quickly."""

import json
import time
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import Bounce, EmailIntent, Engagement, Evidence, Tally, Verdict
from sidestep.schemas.codec import MAX_RECORD, ContractError, decode, encode

MODELS = (EmailIntent, Bounce, Engagement, Evidence, Verdict, Tally)
INTENT = {"id": "1", "to": "ada@example.org", "service": "shop"}
TEXT = st.text(max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)  # JSON has neither
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def code_of(kind: Any, octets: bytes | None) -> str:
    """The error's code, or "" if the octets can be read."""
    try:
        decode(kind, octets)
    except ContractError as error:
        assert str(error)
        return error.code
    return ""


def intent(**fields: object) -> bytes:
    return json.dumps(INTENT | fields).encode()


@given(st.sampled_from(MODELS), st.binary(max_size=300))
def test_any_octets_give_a_model_or_a_contract_error(kind: Any, octets: bytes) -> None:
    """No other exception may leave decode: it would stop a worker."""
    code_of(kind, octets)


@given(st.sampled_from(MODELS), JSON)
def test_any_json_gives_a_model_or_a_contract_error(kind: Any, value: object) -> None:
    """JSON of the wrong shape is no different."""
    code_of(kind, json.dumps(value).encode())


@given(st.sampled_from(list(EmailIntent.__struct_fields__)), JSON)
def test_any_value_in_any_field_gives_a_model_or_a_contract_error(name: str, value: object) -> None:
    """One field gone wrong; what is accepted can be written and read again."""
    octets = intent(**{name: value})
    if code_of(EmailIntent, octets) == "":
        read = decode(EmailIntent, octets)
        assert read == decode(EmailIntent, encode(read))


@given(st.dictionaries(TEXT.map("x-".__add__), JSON, max_size=5))
def test_unknown_fields_are_tolerated(fields: dict[str, object]) -> None:
    """A producer may be newer than we are."""
    assert decode(EmailIntent, intent()) == decode(EmailIntent, intent(**fields))


def test_no_value_is_a_contract_error() -> None:
    """A tombstone has no place on our topics."""
    assert code_of(EmailIntent, None) == "no-value"


def test_a_large_record_is_refused_unread() -> None:
    """A megabyte takes no longer than a short one: it is not decoded."""
    octets, took = intent(metadata={"x": "y" * 1_000_000}), []
    for _ in range(10):
        begin = time.perf_counter()
        assert code_of(EmailIntent, octets) == "too-large"
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.05  # the best of them: others have the machine, too


def test_the_largest_record_is_read() -> None:
    """Exactly MAX_RECORD octets are allowed."""
    frame = len(intent(metadata={"x": ""}))
    assert code_of(EmailIntent, intent(metadata={"x": "y" * (MAX_RECORD - frame)})) == ""
    assert code_of(EmailIntent, intent(metadata={"x": "y" * (MAX_RECORD - frame + 1)})) == "too-large"


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_a_contract_error(opening: bytes, closing: bytes) -> None:
    """Neither a crash nor a RecursionError; also where the depth is in a field that we pass over."""
    depth = 10_000
    deep = opening * depth + b"1" + closing * depth
    assert code_of(EmailIntent, deep) in ("too-deep", "wrong-shape")
    for name in (b"metadata", b"unknown"):
        octets = b'{"id":"1","to":"a@b.example","service":"s","' + name + b'":' + deep + b"}"
        assert code_of(EmailIntent, octets) in ("too-deep", "wrong-shape", "too-large")


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "1e400", "9" * 20, "NaN", "Infinity"])
def test_numbers_that_no_field_can_hold_are_contract_errors(number: str) -> None:
    """Huge integers, overflowing floats and what Python calls JSON but is not."""
    octets = b'{"id":"1","to":"a@b.example","service":"s","attempt":%s}' % number.encode()
    assert code_of(EmailIntent, octets) in ("wrong-shape", "not-json")


@pytest.mark.parametrize(
    "octets",
    [
        rb'{"id":"\ud800","to":"a@b.example","service":"s"}',
        rb'{"id":"\udc00\ud800","to":"a@b.example","service":"s"}',
        b'{"id":"\xed\xa0\x80","to":"a@b.example","service":"s"}',
        b'{"id":"\xff\xfe","to":"a@b.example","service":"s"}',
    ],
    ids=["lone high", "reversed pair", "encoded surrogate", "not UTF-8"],
)
def test_text_that_is_no_text_is_a_contract_error(octets: bytes) -> None:
    """A lone surrogate could not be written again as UTF-8."""
    assert code_of(EmailIntent, octets) == "not-json"


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "x" * 201},
        {"to": ""},
        {"to": "x" * 1001},
        {"service": ""},
        {"attempt": 0},
        {"attempt": 1001},
        {"attempt": True},
        {"test": 1},
        {"created_at": []},
        {"metadata": "text"},
    ],
    ids=str,
)
def test_what_breaks_a_constraint_is_named(fields: dict[str, object]) -> None:
    """The message says which field it is about: it ends up in front of whoever runs the service."""
    with pytest.raises(ContractError) as caught:
        decode(EmailIntent, intent(**fields))
    assert caught.value.code == "wrong-shape"
    assert next(iter(fields)) in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        (Bounce, {"kind": "ada@example.org"}, "`$.kind`: expected one of bounce, complaint, not-spam, trap-hit"),
        (Bounce, {"scope": "ada@example.org"}, "`$.scope`: expected one of recipient, domain, message, us, transient"),
        (Engagement, {"kind": "read"}, "`$.kind`: expected one of delivered, opened, clicked, replied, unsubscribed"),
        (Bounce, {"kind": 1}, "Expected `str`, got `int` - at `$.kind`"),
    ],
)
def test_of_a_word_it_is_said_which_there_are(kind: Any, fields: dict[str, object], said: str) -> None:
    """Without the one that stands there: it may be anything, and the sentence goes into logs."""
    with pytest.raises(ContractError) as caught:
        decode(kind, json.dumps({"recipient": "bob@example.org"} | fields).encode())
    assert said in str(caught.value) and "ada@" not in str(caught.value)


@pytest.mark.parametrize("kind", MODELS)
def test_a_strange_word_anywhere_gives_a_model_or_a_contract_error(kind: Any) -> None:
    """In each field of each model, in a union of several too."""
    for model in get_args(kind) or (kind,):
        config = model.__struct_config__
        tag = {config.tag_field: config.tag} if config.tag_field else {}
        for name in model.__struct_fields__:
            code_of(kind, json.dumps(tag | {name: "a strange word"}).encode())
