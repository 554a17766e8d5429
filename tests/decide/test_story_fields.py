"""Of each field of a row that ends it is decided whether it makes a story, which is kept for 24 months, or not."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
from msgspec import Struct
from msgspec.structs import fields

from sidestep.streams.decide.expiry import OFFERED, Aging, has_story
from sidestep.streams.decide.tables import DomainRow, RecipientRow, ServiceRow, SourceRow

STORY, NONE = "a story by itself", "none"
WITH: dict[str, Mapping[str, object]] = {
    "taken mail before": {"exchange": "mx.example.com"},
    "many offered": {"offered": OFFERED},
    "many, and a bad one": {"offered": OFFERED, "unknown": 1},
}
"""A story only together with these fields, which are none without."""

FIELDS: dict[type[Struct], dict[str, tuple[str, ...]]] = {
    RecipientRow: {
        STORY: (
            "last_approved", "last_delivered", "last_engaged", "hard_bounced_at", "suspended_at", "complained_at",
            "unsubscribed_at", "subscribed_at", "suppressed", "trap", "taken_back",
        ),
        NONE: (
            "first_seen", "service", "source", "last_stopped",  # somebody has named it
            "hour_began", "hour_messages", "hour_forms",  # how often, in the last hour
            "stray",  # anybody can make one about anybody
            "hard_bounces", "hard_bounces_at", "suspensions_at", "accepted_at",  # a mark's; the mark is a story
            "silence", "woken_at", "unanswered", "unseen", "last", "mailed", "awaiting", "alone",  # a message's
        ),
    },
    DomainRow: {
        STORY: (
            "sends", "hard_bounces", "complaints", "suppressed", "trap", "slowed", "back_at", "settled_at", "silent",
            "alive", "gone", "slips", "domains",
        ),
        "taken mail before": ("dark_since",),
        NONE: (
            "first_seen", "last_seen", "provider", "exchange",  # somebody has named it; the rest is found out again
            "dark_from", "dark_reason", "moved_from", "moved_at",  # of what back_at, dark_since and settled_at tell
            "tat_us", "slot_us", "slot_interval_us", "proved", "known",  # limits: minutes to days
            "minute", "in_minute", "busiest",  # a message's, which counts in sends
        ),
    },
    ServiceRow: {
        STORY: ("sends", "hard_bounces", "complaints", "warm_up"),
        NONE: (
            "last_seen",  # somebody has named it
            "tat_us", "slot_us", "slot_interval_us",  # limits: minutes to days
            "never_mailed",  # a message's, which counts in sends
        ),
    },
    SourceRow: {
        STORY: ("last_sent", "hard_bounces", "complaints", "engaged", "held_at", "traps", "proved_at"),
        "many offered": ("unknown", "suspicious"),
        "many, and a bad one": ("offered",),
        NONE: (
            "began", "last_seen",  # somebody has named it
            "sent", "days", "tried", "passed",  # a message's, which counts in last_sent
            "bounced",  # counts in hard_bounces as well
        ),
    },
}  # fmt: skip
"""By row and kind, the fields; docs/decisions/076 says why."""

EACH = [
    (row, field, kind) for row, kinds in FIELDS.items() for kind, names in kinds.items() for field in names
]  # fmt: skip


def some(kind: Any) -> Any:
    """A value of a field's type that says something, little."""
    if get_origin(kind) is tuple:
        return (some(get_args(kind)[0]),)
    if isinstance(kind, UnionType):
        return some(next(each for each in get_args(kind) if each is not type(None)))
    if issubclass(kind, Struct):
        return kind(**{field.name: some(field.type) for field in fields(kind) if field.required})
    return {bool: True, int: 2, str: "x"}[kind]


def row_of(row: type[Struct], field: str, more: Mapping[str, object]) -> Any:
    """A row of which nothing is known but this field, and more."""
    (kind,) = (each.type for each in fields(row) if each.name == field)
    return row(**{**more, field: more.get(field, some(kind))})


@pytest.mark.parametrize("row", get_args(Aging), ids=lambda row: row.__name__)
def test_of_every_field_it_is_decided(row: type[Struct]) -> None:
    """Whoever adds one says whether it is a story, in FIELDS; where it is one, `has_story` has to look at it."""
    decided = [field for names in FIELDS[row].values() for field in names]
    assert len(decided) == len(set(decided))
    undecided = {field.name for field in fields(row)} - set(decided)
    assert not undecided, f"decide whether {undecided} of {row.__name__} is a story: FIELDS above, and decide/expiry.py"
    assert set(decided) == {field.name for field in fields(row)}


@pytest.mark.parametrize(("row", "field", "kind"), EACH, ids=[f"{row.__name__}.{field}" for row, field, _ in EACH])
def test_a_row_has_a_story_by_what_was_decided(row: Any, field: str, kind: str) -> None:
    """Alone, or with what it takes; never without."""
    assert (kind is STORY) == has_story(row_of(row, field, {}))
    if kind in WITH:
        assert has_story(row_of(row, field, WITH[kind]))
        assert not has_story(row(**{name: value for name, value in WITH[kind].items() if name != field}))
