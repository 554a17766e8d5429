"""Whether evidence stands in the partition where its domain lies, in a log that has grown. Pure.

A Screen worker that was frozen while it grew may write by the earlier number afterwards. It has acknowledged nothing of
that: others screen the intents again, into the partition where they lie now.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from sidestep.schemas import Evidence, FeedbackEvidence, IntentEvidence, PolicyRecord
from sidestep.streams.runtime.partitioner import partition_of

_partition_of = lru_cache(100_000)(partition_of)


def in_place(
    evidence: Sequence[tuple[int, Evidence]], keys: Mapping[int, bytes], partitions: int, partition: int
) -> list[tuple[int, Evidence]]:
    """The evidence of a partition, with its offsets, that belongs there among as many as the policy in force says.
    `keys`: Kafka's, by offset; `partitions`: as the policy before the first record says."""
    kept = []
    for offset, record in evidence:
        if isinstance(record, PolicyRecord):
            partitions = record.partitions
        elif isinstance(record, IntentEvidence | FeedbackEvidence) and partitions > 1:
            # an address without a domain lies by its own text
            key = keys[offset].decode("utf-8", "replace") or (record.to if isinstance(record, IntentEvidence) else "")
            if key and _partition_of(key, partitions) != partition:
                continue
        kept.append((offset, record))
    return kept
