"""One contract on both sides: publishers send what Screen reads, nothing else, and the JSON Schema says what it can."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import Bounce, EmailIntent
from sidestep.schemas.codec import ContractError, encode
from sidestep.schemas.generate import path_of
from sidestep.schemas.reading import read_intent, read_own_feedback
from sidestep.topics.publish import Publisher

SOUND: dict[str, Any] = {"id": "1", "to": "jane@example.com", "service": "shop"}
YESTERDAY = time.time() - 86_400
REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"created_at": "1764115200"},
        "created_at = '1764115200' is neither .*; Unix seconds are a number, without quotes",
    ),
    ({"created_at": YESTERDAY * 1000}, "give seconds, not milliseconds"),
    ({"created_at": "26.11.2026 10:00"}, "neither Unix seconds nor RFC 3339"),
    ({"created_at": "26.11.2026"}, "neither Unix seconds nor RFC 3339"),
    ({"consent_at": "yesterday"}, "neither Unix seconds nor RFC 3339"),
    ({"consent_at": 0}, "not between the year 2000 and tomorrow"),
    ({"expires_at": 1_900_000_000_000}, "not between the year 2000 and in ten years; give seconds"),
    ({"id": "k\u0001"}, "control character"),
    ({"service": "sh\top"}, "control character"),
    ({"service": "shop (claimed)"}, "may not end in"),
    ({"to": "jane\0@example.com"}, "NUL"),
]
"""What Screen refuses, publishers used to send, and a JSON Schema can refuse."""
BEYOND_A_SCHEMA: list[tuple[dict[str, Any], str]] = [
    ({"created_at": 1_700_000_000, "expires_at": 1_700_000_000}, "expires_at is not after created_at"),
    ({"metadata": {"x": "y" * 16_500}}, "with metadata at most 16384"),
    ({"metadata": {"x": json.loads("[" * 40 + "]" * 40)}}, "32 levels"),
    ({"metadata": {"x": object()}}, r"can't be written as JSON \(TypeError\)"),
    ({"campaign": "\ud800"}, r"can't be written as JSON \(UnicodeEncodeError\)"),
]
SCHEMA = jsonschema.Draft202012Validator(json.loads(path_of("email-intent").read_text("utf-8")))


class Kept(Publisher):
    """A publisher whose Kafka is a list."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1:1")
        self.values: list[bytes] = []

    def publish_bytes(self, topic: str, value: bytes, key: Any = None, headers: Any = None) -> None:
        """Kept."""
        self.values.append(value)


KEPT = Kept()


@contextmanager
def accepted() -> Iterator[list[bool]]:
    """[] where a ContractError ends the block."""
    through: list[bool] = []
    try:
        yield through
        through.append(True)
    except ContractError:
        pass


@pytest.mark.parametrize(("fields", "text"), [*REFUSED, *BEYOND_A_SCHEMA], ids=lambda it: str(it)[:40])
def test_a_publisher_sends_nothing_that_screen_refuses(fields: dict[str, Any], text: str) -> None:
    """With the same words as the dead letter would have."""
    KEPT.values.clear()
    with pytest.raises(ContractError, match=text):
        KEPT.intent(EmailIntent(**SOUND | fields))
    assert [] == KEPT.values


@pytest.mark.parametrize(("fields", "_text"), REFUSED, ids=str)
def test_the_json_schema_refuses_them_as_well(fields: dict[str, Any], _text: str) -> None:
    """So that a service in any language learns of it before it publishes."""
    assert not SCHEMA.is_valid(SOUND | fields)


@pytest.mark.parametrize(
    "moment",
    [
        None,
        1_764_115_200,
        1_764_115_200.25,
        "2025-11-26T10:00:00Z",
        "2025-11-26T10:00:00.123456+01:00",
        "2025-11-26 10:00:00",
        "2025-11-26T10:00:00+0100",
        "20251126T100000Z",
        "2025-11-26",
        "2025-W48-3",
    ],
)
def test_the_json_schema_refuses_no_time_that_screen_reads(moment: Any) -> None:
    """As journeys found them in services of all kinds."""
    intent = SOUND | {"created_at": moment}
    read_intent(json.dumps(intent).encode(), time.time())
    SCHEMA.validate(intent)


texts = st.text(max_size=6) | st.sampled_from(["a\0", "shop (claimed)", "x" * 201, "", "2025-11-26", "1764115200"])
moments = st.none() | texts | st.floats() | st.sampled_from([YESTERDAY, YESTERDAY * 1000, "2025-11-26T10:00:00Z"])
metadata = st.none() | st.dictionaries(texts, texts | st.integers() | st.floats(), max_size=3)
fields_of_intents = st.fixed_dictionaries(
    {"id": texts, "to": texts, "service": texts},
    optional={
        "attempt": st.integers(-1, 1001),
        "stream": texts,
        "campaign": texts,
        "source": texts,
        "created_at": moments,
        "consent_at": moments,
        "metadata": metadata,
    },
)


@given(fields_of_intents)
def test_publishers_and_screen_accept_the_same_intents(fields: dict[str, Any]) -> None:
    """Whatever a service puts into a model: it is sent if Screen will read it, and not otherwise."""
    intent = EmailIntent(**fields)
    KEPT.values.clear()
    with accepted() as sent:
        KEPT.intent(intent)
    assert bool(sent) == bool(KEPT.values)
    with accepted() as read:
        read_intent(encode(intent), time.time())
    assert sent == read


@given(fields_of_intents)
def test_publishers_send_what_screen_reads_of_other_clients(fields: dict[str, Any]) -> None:
    """JSON of any language that Screen reads: a publisher takes it as well, and the JSON Schema lets it through."""
    octets = json.dumps(fields).encode()
    with accepted() as read:
        intent = read_intent(octets, time.time())
        KEPT.intent(intent)
    assert not read or SCHEMA.is_valid(json.loads(octets)) or _oddly_written(fields)


def _oddly_written(fields: dict[str, Any]) -> bool:
    """A time with a digit between day and hour, say: Python reads more than the schema's pattern tells."""
    return any(isinstance(fields.get(name), str) for name in ("created_at", "consent_at"))


@pytest.mark.parametrize(
    "fields", [{"occurred_at": YESTERDAY * 1000}, {"service": "shop (claimed)"}, {"id": "\x1f"}, {"recipient": "a\0"}]
)
def test_feedback_is_checked_likewise(fields: dict[str, Any]) -> None:
    """But for recipients that are no addresses: to see that takes Screen."""
    bounce = Bounce(**{"recipient": "jane@example.com"} | fields)
    KEPT.values.clear()
    with pytest.raises(ContractError) as told:
        KEPT.bounce(bounce)
    with pytest.raises(ContractError) as dead:
        read_own_feedback(encode(bounce), Bounce, time.time())
    assert (str(dead.value), []) == (str(told.value), KEPT.values)
    assert not jsonschema.Draft202012Validator(json.loads(path_of("bounce").read_text("utf-8"))).is_valid(
        {"recipient": "jane@example.com"} | fields
    )
