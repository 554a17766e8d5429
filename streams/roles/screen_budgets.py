"""Budgets of what Screen alone keeps in memory, as a scrape shows them."""

from collections.abc import Mapping

from sidestep.streams.observe.budgets import Held
from sidestep.streams.runtime.batches import MIB, Partition
from sidestep.streams.runtime.cut_record import LARGEST_PART
from sidestep.streams.screen import recent_ids
from sidestep.streams.screen.feedback_readers import PER_OCTET, THREADS
from sidestep.streams.screen.lists import domain_facts
from sidestep.streams.screen.sources.build import Sources
from sidestep.streams.screen.sources.feeds.feeds import Feeds
from sidestep.streams.settings import Settings


def caches_held(sources: Sources, settings: Settings) -> Held:
    """What Screen remembers of other people's answers."""
    return Held(sum(sources.cache_octets().values()), settings.cache_mb * MIB)


def ids_remembered(by_partition: Mapping[Partition, int]) -> Held:
    """The ids by which Screen tells those that are used again."""
    most = len(by_partition) * recent_ids.REMEMBERED
    return Held(sum(by_partition.values()) * recent_ids.PER_ID, most * recent_ids.PER_ID)


def domains_remembered(domains: int) -> Held:
    """What Screen knows of domains without asking anybody."""
    return Held(domains * domain_facts.PER_DOMAIN, domain_facts.REMEMBERED * domain_facts.PER_DOMAIN)


def feedback_read(octets: int) -> Held:
    """The messages that are read at the moment, with their parts."""
    return Held(octets, THREADS * LARGEST_PART * PER_OCTET)


def feeds_read(feeds: Feeds) -> Held:
    """The lists that are fetched or read at the moment."""
    return Held(feeds.under_way, feeds.under_way_most)
