"""Whether a ledger of a snapshot can be brought up to date by the changelogs as they are now."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from sidestep.streams.runtime.kafka import client, explain
from sidestep.streams.snapshots.record import SnapshotManifest
from sidestep.topics.connection import Connection

SKEW_SECONDS = 5.0
"""By which the clocks may differ of the worker that took a snapshot and of who stamps a changelog."""
ANSWER_SECONDS = 30.0


class ChangelogNow(NamedTuple):
    """A partition of a changelog."""

    topic: str
    start: int
    end: int
    later: int
    """The first offset of what was written after the snapshot was taken; -1: nothing was."""


def misfit(manifest: SnapshotManifest, changelogs: Mapping[str, ChangelogNow], now: float, lasting: float) -> str:
    """Why the snapshot can't be brought up to date; empty: it can. `changelogs`: by store. `now`: seconds since 1970;
    `lasting`: for how many seconds ends of rows can be read, at the least."""
    if manifest.positions.keys() != changelogs.keys():
        return f"it has the stores {', '.join(sorted(manifest.positions))}"
    for store, changelog in changelogs.items():
        position, topic = manifest.positions[store], f"{changelog.topic}/{manifest.partition}"
        if position >= changelog.end:
            return f"it has {topic} up to offset {position}, which ends at {changelog.end}: this Kafka was restored"
        if changelog.start > position + 2:  # the end of a transaction takes an offset
            return f"it has {topic} up to offset {position}, which begins at {changelog.start}: what is between is gone"
        if 0 <= changelog.later <= position:
            return f"{topic} was written anew from offset {changelog.later} on since it was taken"
    rows = changelogs["rows"]
    if now - manifest.taken_at > lasting and rows.end > manifest.positions["rows"] + 2:
        return f"it is older than {rows.topic} tells of the ends of rows ({lasting / 3600:.0f} h): all is read back"
    return ""


def changelogs_now(
    connection: Connection, topics: Mapping[str, str], partition: int, at: float
) -> dict[str, ChangelogNow]:
    """The changelogs by store, of which `topics` names the topics. `at`: when the snapshot was taken, seconds since
    1970. Raises SidestepError. Blocks."""
    settings = {"group.id": f"recover-{topics['rows']}-unused", "enable.auto.commit": False}
    consumer = Consumer(client(connection, f"recover-{topics['rows']}-{partition}-look", **settings))
    after = int((at + SKEW_SECONDS) * 1000)
    try:
        found = {}
        for store, topic in topics.items():
            start, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_SECONDS)
            [later] = consumer.offsets_for_times([TopicPartition(topic, partition, after)], timeout=ANSWER_SECONDS)
            if later.error is not None:
                raise KafkaException(later.error)
            found[store] = ChangelogNow(topic, start, end, later.offset)
        return found
    except KafkaException as error:
        raise explain(error, f"looking at {', '.join(topics.values())}") from error
    finally:
        consumer.close()


def misfit_now(connection: Connection, topics: Mapping[str, str], manifest: SnapshotManifest, lasting: float) -> str:
    """misfit(), by what Kafka says now."""
    changelogs = changelogs_now(connection, topics, manifest.partition, manifest.taken_at)
    return misfit(manifest, changelogs, time.time(), lasting)
