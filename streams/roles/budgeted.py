"""Budgets of a worker's memory, as a scrape shows them: records and publishers. Those of stages show themselves."""

from collections.abc import Mapping

from sidestep.streams.observe.budgets import Held
from sidestep.streams.runtime.batches import MIB, Partition, held_most
from sidestep.streams.runtime.publisher import QUEUE_OCTETS, Publisher
from sidestep.streams.settings import Settings


def records_held(octets: Mapping[Partition, int], settings: Settings) -> Held:
    """What a role has read and not finished, by partition."""
    return Held(sum(octets.values()), held_most(settings.held_mb * MIB, len(octets)))


def held_by(publisher: Publisher) -> Held:
    """What it has sent and Kafka has not acknowledged."""
    return Held(publisher.on_its_way, QUEUE_OCTETS)
