"""Where records may be copied to, and which records a stretch has."""

import pytest

from sidestep.streams.decide.id_rows import DEDUPLICATION_SECONDS
from sidestep.topics.catalog import CATALOG
from sidestep.topics.own_topics import GENERAL
from sidestep.topics.replay_rules import KNOWN_MS, TopicStretch, judged_anew, keeps_partition, refusal

LOG = [topic.name for topic in CATALOG if topic.name not in GENERAL]


@pytest.mark.parametrize("target", LOG)
@pytest.mark.parametrize("source", ["email-evidence", "email-approved", "mine", ""])
def test_nothing_is_copied_into_sidesteps_own_log(source: str, target: str) -> None:
    """Of the same cluster; on another one it is for a test."""
    assert refusal(source, target, True)
    assert "" == refusal(source, target, False)


@pytest.mark.parametrize("name", [*GENERAL, "email-intents.shop"])
def test_what_services_published_may_be_published_again(name: str) -> None:
    """To the very topic, as its ids are known; what has stood elsewhere is nobody's word."""
    assert "" == refusal(name, name, True)
    for source in ("email-rejected", "mine", "email-intents.crm", ""):
        assert "sidestep publish --topic" in refusal(source, name, True)


def test_other_topics_are_free() -> None:
    """But for the very one, and for Kafka's own."""
    assert "" == refusal("email-approved", "approved-again", True)
    assert "" == refusal("", "mine", True)
    assert "twice" in refusal("mine", "mine", True)
    assert "" == refusal("mine", "mine", False)
    assert "Kafka's own" in refusal("mine", "__consumer_offsets", False)


def test_old_records_would_be_judged_anew() -> None:
    """Where Decide may have forgotten their ids; it knows them for longer than it is relied on here."""
    assert KNOWN_MS < DEDUPLICATION_SECONDS * 1000
    now = 100 * KNOWN_MS
    assert [False, True, True] == [
        judged_anew("email-intents", True, at, now) for at in (now - KNOWN_MS + 1, now - KNOWN_MS, None)
    ]
    assert not judged_anew("email-intents", False, 0, now)
    assert not judged_anew("mine", True, 0, now)


def test_a_partition_is_kept_where_there_are_as_many() -> None:
    """Otherwise the key decides."""
    assert keeps_partition(3, 4, 4)
    assert not any(keeps_partition(*case) for case in ((3, 4, 5), (3, 0, 4), (-1, 4, 4), (4, 4, 4), (0, 0, 0)))


def test_a_stretch_has_its_first_record_and_not_its_end() -> None:
    """Offsets and times alike."""
    stretch = TopicStretch(10, 20, frozenset({0, 1}), {0: 5}, {0: 7, 1: 2})
    assert [False, True, True, False] == [stretch.holds(0, offset, 10) for offset in (4, 5, 6, 7)]
    assert [False, True, True, False] == [stretch.holds(1, 1, at) for at in (9, 10, 19, 20)]
    assert [False, False, False] == [
        stretch.holds(1, 2, 10),
        stretch.holds(2, 1, 10),
        stretch.holds(1, 1, None),
    ]
    assert TopicStretch().holds(9, 9, None)
