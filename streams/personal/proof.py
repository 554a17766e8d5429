"""What is left of a person on a cluster, and whether all of it may be there: `sidestep forget --check`. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidestep.streams.personal.found import NOT_OF_A_PERSON, TopicTraces
from sidestep.streams.personal.kept_until import KeptTopic
from sidestep.streams.personal.rows import HeldRow, held_rows
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.terminal import json_line, printable

IDS = f"{NOT_OF_A_PERSON}: not looked at; hashes of ids, messages and mailboxes, all of which end within 15 days"


@dataclass(frozen=True)
class ErasureProof:
    """All that was found, at a time."""

    found: Sequence[TopicTraces]
    now_ms: int

    @property
    def rows(self) -> list[HeldRow]:
        """Of all ledgers, and notes."""
        return [row for each in self.found for row in held_rows(each)]

    @property
    def overdue(self) -> list[TopicTraces]:
        """Topics with a record that should be gone by now, or that never ends."""
        return [it for it in self.found if it.records and it.topic.is_overdue(it.oldest_ms, self.now_ms)]

    @property
    def forgotten(self) -> bool:
        """No row is left but what stops mail, and nothing is past its time."""
        return not self.overdue and all(row.stops_mail for row in self.rows)


def described(proof: ErasureProof) -> Iterator[str]:
    """For people, a line each."""
    width = max(len(it.topic.name) for it in proof.found)
    yield f"{'topic':<{width}}  {'records':>9}  {'address':>9}  until"
    for it in proof.found:
        until = _until(it, proof.now_ms) if it.records else ""
        yield f"{it.topic.name:<{width}}  {it.records:>9,}  {it.counts['address']:>9,}  {until}".rstrip()
    yield IDS
    yield from [_row(row) for row in proof.rows] or ["rows: none"]
    yield "forgotten: what is left ends by itself" if proof.forgotten else "not forgotten"


def as_json(proof: ErasureProof) -> str:
    """For programs, one object; times are Unix seconds."""
    topics = {
        it.topic.name: {
            **it.counts,
            "newest": it.newest_ms / 1000,
            "until": it.topic.until(it.newest_ms) / 1000 if it.topic.ends else None,
            "latest": it.topic.latest(it.newest_ms) / 1000 if it.topic.ends else None,
            "overdue": it in proof.overdue,
        }
        for it in proof.found
        if it.records
    }
    rows = [
        {"topic": row.topic, "partition": row.partition, "table": row.table, "stops_mail": row.stops_mail}
        for row in proof.rows
    ]
    return json_line({"forgotten": proof.forgotten, "topics": topics, "rows": rows})


def ends(topic: KeptTopic, at_ms: int) -> str:
    """By when what stands there at that time is gone."""
    if topic.compacted:
        return "the next cleaning of the topic"
    if not topic.ends:
        return "for ever: the topic has no retention"
    return rfc3339(topic.latest(at_ms))


def _until(it: TopicTraces, now_ms: int) -> str:
    topic = it.topic
    if not topic.ends:
        return ends(topic, it.newest_ms)
    if topic.is_overdue(it.oldest_ms, now_ms):
        return (
            f"the oldest should be gone since {rfc3339(topic.latest(it.oldest_ms))}: does the topic have its retention?"
        )
    return f"{rfc3339(topic.until(it.newest_ms))}, at the latest {ends(topic, it.newest_ms)}"


def _row(row: HeldRow) -> str:
    what = (
        "only what stops mail" if row.stops_mail else "LEFT; `sidestep forget` drops it, once Decide has come to that"
    )
    name = f" {row.note}" if row.note else ""
    return printable(f"row: {row.topic}/{row.partition} {row.table}{name}: {what}")
