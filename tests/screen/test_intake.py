"""From octets to an intent or feedback: what is let in, what is refused and why, for any octets there are."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.codec import ContractError
from sidestep.schemas.intents import EARLIEST
from sidestep.schemas.reading import AHEAD, read_intent, read_time
from sidestep.streams.screen.intake import read_feedback

NOW = 1_800_000_000.0
SOUND = {"id": "1", "to": "jane@example.com", "service": "shop"}


def _octets(**fields: Any) -> bytes:
    return json.dumps(SOUND | fields).encode()


def _code(read: Any, *arguments: Any) -> str:
    with pytest.raises(ContractError) as raised:
        read(*arguments)
    assert str(raised.value)
    return str(raised.value.code)


def test_a_sound_intent_is_let_in() -> None:
    """Fields that nobody knows are passed over: a service may be newer than we are."""
    intent = read_intent(_octets(attempt=2, stream="s", metadata={"a": [1]}, created_at=NOW, colour="red"), NOW)
    assert ("1", 2, "s", {"a": [1]}, NOW) == (
        intent.id,
        intent.attempt,
        intent.stream,
        intent.metadata,
        intent.created_at,
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"id": ""}, "wrong-shape"),
        ({"id": "x" * 201}, "wrong-shape"),
        ({"id": 7}, "wrong-shape"),
        ({"to": None}, "wrong-shape"),
        ({"attempt": 0}, "wrong-shape"),
        ({"attempt": 1001}, "wrong-shape"),
        ({"attempt": True}, "wrong-shape"),
        ({"created_at": True}, "wrong-shape"),
        ({"id": "a\x1fb"}, "control-character"),
        ({"id": "a\nb"}, "control-character"),
        ({"id": "a\u202eb"}, "control-character"),
        ({"service": "a\x7f"}, "control-character"),
        ({"service": "shop (claimed)"}, "reserved-name"),
        ({"to": "jane\0@example.com"}, "control-character"),
        ({"stream": "\0"}, "control-character"),
        ({"campaign": "a\0"}, "control-character"),
        ({"source": "\0a"}, "control-character"),
        ({"created_at": NOW * 1000}, "absurd-time"),
        ({"created_at": "yesterday"}, "absurd-time"),
        ({"consent_at": 0}, "absurd-time"),
        ({"metadata": {"x": "y" * 16_500}}, "too-large"),
        ({"stream": "s" * 70_000}, "too-large"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], code: str) -> None:
    """With a short code for the dead letter's header."""
    assert code == _code(read_intent, _octets(**fields), NOW)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "no-value"),
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"[]", "wrong-shape"),
        (b"null", "wrong-shape"),
        (b'{"x":' + b"[" * 60_000, "too-deep"),
        (b"\xff", "not-json"),
        (b'{"id": "\xff"}', "not-json"),
        (b"[" * 60_000, "wrong-shape"),
        (b'{"id":"1","to":"a","service":"s","metadata":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001, "too-large"),
        (b"x" * 65_537, "too-large"),
    ],
)
def test_what_is_no_intent_at_all_is_refused(value: bytes | None, code: str) -> None:
    """No octets lead to anything but a ContractError."""
    assert code == _code(read_intent, value, NOW)


def test_what_looks_like_a_nul_is_none() -> None:
    """A backslash before it makes it text."""
    assert "\\u0000" == read_intent(_octets(stream="\\u0000"), NOW).stream
    assert {"\0": 1} == read_intent(_octets(metadata={"\0": 1}), NOW).metadata, "echoed, not looked at"


def _nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return {"m": value}


def test_metadata_may_be_32_levels_deep() -> None:
    """Deeper things break other people's parsers. Many shallow brackets are no depth."""
    assert read_intent(_octets(metadata=_nested(31)), NOW).metadata == _nested(31)
    assert "too-deep" == _code(read_intent, _octets(metadata=_nested(32)), NOW)
    wide: dict[str, list[object]] = {"m": [[] for _ in range(500)]}
    assert wide == read_intent(_octets(metadata=wide), NOW).metadata


def test_the_bound_on_metadata_is_16_kib_of_record() -> None:
    """Without metadata a record may be larger; no field needs it, but none is refused for it either."""
    room = 16 * 1024 - len(_octets(metadata={"x": ""}))
    assert {"x": "y" * room} == read_intent(_octets(metadata={"x": "y" * room}), NOW).metadata
    assert "too-large" == _code(read_intent, _octets(metadata={"x": "y" * (room + 1)}), NOW)
    assert SOUND["id"] == read_intent(_octets(padding="y" * 40_000), NOW).id


@given(st.binary(max_size=200))
@example(b'{"id":"\\ud800","to":"a","service":"s"}')
@example(b'{"id":"1","to":"a","service":"s","created_at":1e999}')
@example(b'{"id":"1","to":"a","service":"s","created_at":"0001-01-01T00:00:00+23:59"}')
@example(b'{"id":"1","to":"a","service":"s","stream":"\\ud800"}')
def test_any_octets_are_an_intent_or_a_contract_error(value: bytes) -> None:
    """Nothing else is ever raised: anything else would be an error of ours in the log."""
    for read in (lambda: read_intent(value, NOW), lambda: read_feedback(value, Bounce, "", NOW)):
        try:
            read()
        except ContractError:
            pass


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*SOUND, "attempt", "created_at", "metadata", "stream", "test"]), anything))
def test_any_json_is_an_intent_or_a_contract_error(fields: dict[str, Any]) -> None:
    """Whatever stands in whichever field."""
    try:
        intent = read_intent(_octets(**fields), NOW)
    except ContractError:
        return
    assert intent.id.isprintable()
    assert "\0" not in intent.to


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (None, 0),
        (EARLIEST, EARLIEST * 1000),
        (NOW + AHEAD, int(NOW + AHEAD) * 1000),
        (1.5e9 + 0.25, 1_500_000_000_250),
        ("2020-02-29T12:00:00Z", 1_582_977_600_000),
        ("2020-02-29T12:00:00.5Z", 1_582_977_600_500),
        ("2020-02-29T14:00:00+02:00", 1_582_977_600_000),
        ("2020-02-29T12:00:00", 1_582_977_600_000),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_times_are_unix_seconds_or_rfc_3339(
    value: float | str | None, milliseconds: int, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To milliseconds; without an offset it is UTC, wherever this machine stands."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        read = read_time("created_at", value, NOW)
    time.tzset()
    assert milliseconds == read


@pytest.mark.parametrize(
    "value",
    [
        EARLIEST - 1,
        NOW + AHEAD + 1,
        -1.0,
        1e308,
        float("inf"),
        float("nan"),
        "1999-12-31",
        "",
        "now",
        "2020-02-30",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_absurd_times_are_refused(value: float | str) -> None:
    """Before 2000, after tomorrow, and what is no time at all."""
    assert "absurd-time" == _code(read_time, "created_at", value, NOW)


def test_milliseconds_are_recognised_and_explained() -> None:
    """The commonest slip of all."""
    with pytest.raises(ContractError, match="give seconds, not milliseconds"):
        read_time("created_at", NOW * 1000, NOW)
    with pytest.raises(ContractError, match=r"tomorrow$"):
        read_time("created_at", 5.0, NOW)


@given(st.datetimes(datetime(2000, 1, 2), datetime(2026, 1, 1)))
def test_both_ways_to_write_a_time_agree(moment: datetime) -> None:
    """RFC 3339 text and Unix seconds."""
    moment = moment.replace(tzinfo=UTC)
    assert abs(read_time("t", moment.isoformat(), NOW) - read_time("t", moment.timestamp(), NOW)) <= 1


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        (Bounce, {"kind": "seen"}, "wrong-shape"),
        (Engagement, {"kind": "seen"}, "wrong-shape"),
        (Bounce, {"status": "5.1"}, "wrong-shape"),
        (Bounce, {"status": "3.1.1"}, "wrong-shape"),
        (Bounce, {"scope": "them"}, "wrong-shape"),
        (Bounce, {"id": "a\nb"}, "control-character"),
        (Bounce, {"intent_id": "\x1f"}, "control-character"),
        (Bounce, {"service": "\t"}, "control-character"),
        (Bounce, {"service": "shop (claimed)"}, "reserved-name"),
        (Bounce, {"recipient": "a\0"}, "control-character"),
        (Bounce, {"occurred_at": NOW * 1000}, "absurd-time"),
        (Bounce, {"recipient": ""}, "wrong-shape"),
    ],
)
def test_feedback_that_makes_no_sense_is_refused(kind: Any, fields: dict[str, Any], code: str) -> None:
    """As intents are."""
    value = json.dumps({"recipient": "jane@example.com"} | fields).encode()
    assert code == _code(read_feedback, value, kind, "", NOW)


def test_feedback_that_says_little_is_let_in() -> None:
    """A recipient is enough for a bounce."""
    (bounce,) = read_feedback(b'{"recipient": "jane@example.com"}', Bounce, "", NOW)
    (opened,) = read_feedback(b'{"recipient": "j@example.com", "kind": "opened"}', Engagement, "", NOW)
    assert ("bounce", "opened") == (bounce.kind, opened.kind)
