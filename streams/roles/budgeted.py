"""Budgets of a worker's memory, as a scrape shows them: records, publishers, caches and feeds. Those of stages show
themselves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sidestep.streams.observe.budgets import Held
from sidestep.streams.runtime.batches import MIB, Partition, held_most
from sidestep.streams.runtime.publisher import QUEUE_OCTETS, Publisher
from sidestep.streams.settings import Settings

if TYPE_CHECKING:  # only Screen loads it
    from sidestep.streams.screen.sources.build import Sources
    from sidestep.streams.screen.sources.feeds.feeds import Feeds


def records_held(octets: Mapping[Partition, int], settings: Settings) -> Held:
    """What a role has read and not finished, by partition."""
    return Held(sum(octets.values()), held_most(settings.held_mb * MIB, len(octets)))


def held_by(publisher: Publisher) -> Held:
    """What it has sent and Kafka has not acknowledged."""
    return Held(publisher.on_its_way, QUEUE_OCTETS)


def caches_held(sources: "Sources", settings: Settings) -> Held:
    """What Screen remembers of other people's answers."""
    return Held(sum(sources.cache_octets().values()), settings.cache_mb * MIB)


def feeds_read(feeds: "Feeds") -> Held:
    """The lists that are fetched or read at the moment."""
    return Held(feeds.under_way, feeds.under_way_most)
