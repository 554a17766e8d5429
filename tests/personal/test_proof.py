"""What is said of what is left: until when, and whether it may be there."""

import json
from typing import Any

from sidestep.streams.decide.tables import BOUNCE_HISTORY, RecipientRow, Suppressed
from sidestep.streams.personal.found import TopicTraces
from sidestep.streams.personal.kept_until import SLACK_MS, KeptTopic, kept_topic
from sidestep.streams.personal.proof import ErasureProof, as_json, described
from sidestep.topics.catalog import CONTROL, LEDGER_CHANGELOG, WATCH_CHANGELOG

DAY = 86_400_000
NOW = 1_790_000_000_000
LOG = kept_topic(
    "email-evidence", True, {"cleanup.policy": "delete", "retention.ms": str(30 * DAY), "segment.ms": str(DAY)}
)
KEY = (0, BOUNCE_HISTORY.prefix + bytes(16))


def compacted(name: str) -> KeptTopic:
    """A topic that is compacted."""
    return kept_topic(name, False, {"cleanup.policy": "compact", "retention.ms": str(DAY)})


def proof(topic: KeptTopic, at_ms: int = NOW, **fields: Any) -> ErasureProof:
    """Of one record."""
    return ErasureProof([TopicTraces(topic, {"address": 1, "hash": 0}, at_ms, at_ms, **fields)], NOW)


def test_a_record_within_its_time_may_be_there() -> None:
    """It is said until when, and by when at the latest: whole segments end."""
    found = proof(LOG, NOW - 30 * DAY)
    assert found.forgotten
    told = json.loads(as_json(found))["topics"]["email-evidence"]
    assert (NOW / 1000, (NOW + DAY) / 1000) == (told["until"], told["latest"])


def test_a_record_past_its_time_may_not() -> None:
    """Kafka takes a while to delete a segment; no longer."""
    at = NOW - 31 * DAY - SLACK_MS
    assert proof(LOG, at).forgotten
    late = proof(LOG, at - 1)
    assert not late.forgotten
    assert "should be gone" in "\n".join(described(late))


def test_a_topic_without_an_end_is_told() -> None:
    """Somebody has set its retention so."""
    found = proof(kept_topic("email-evidence", True, {"cleanup.policy": "delete", "retention.ms": "-1"}))
    assert not found.forgotten
    assert "for ever" in "\n".join(described(found))


def test_a_row_is_left_until_it_is_gone() -> None:
    """What an older record of its key said is the cleaner's affair."""
    topic = compacted(LEDGER_CHANGELOG.name)
    row = RecipientRow(first_seen=1, last_approved=2)
    left = proof(topic, live={KEY: BOUNCE_HISTORY.encode(row)})
    assert not left.forgotten
    assert "LEFT" in "\n".join(described(left))
    assert proof(topic).forgotten
    assert "rows: none" in "\n".join(described(proof(topic)))


def test_a_row_that_stops_mail_may_stay() -> None:
    """And nothing else may be in it."""
    topic, stopped = compacted(LEDGER_CHANGELOG.name), Suppressed(1, 0, "asked for it", "ops")
    for row, forgotten in (
        (RecipientRow(first_seen=1, suppressed=stopped), True),
        (RecipientRow(first_seen=1, suppressed=stopped, last_delivered=1), False),
        (RecipientRow(first_seen=1), False),
    ):
        assert forgotten == proof(topic, live={KEY: BOUNCE_HISTORY.encode(row)}).forgotten


def test_rows_of_watch_and_what_can_not_be_read_are_left() -> None:
    """Notes of what people have said may stay."""
    assert not proof(compacted(WATCH_CHANGELOG.name), live={(0, b"wx"): b"x"}).forgotten
    assert not proof(compacted(LEDGER_CHANGELOG.name), live={KEY: b"\xc1"}).forgotten
    assert proof(compacted(CONTROL.name), live={(0, b"suppress/hash:00@x"): b"{}"}).forgotten
