"""What block lists, feeds, reputation services and the mailbox probe have been doing, for /metrics."""

from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

LABELS = ("kind", "source")


class Asker(Struct, frozen=True):
    """One of them, by the name it has in the sources file. Counts are since the start."""

    kind: Literal["dnsbl", "feed", "reputation", "probe"]
    name: str
    usable: bool
    """False: switched off, circuit open, or nothing ever taken."""
    asked: int = 0
    listed: int = 0
    """Answers with a listing; of the probe, mailboxes that do not exist."""
    errors: int = 0
    """Questions without an answer that says anything."""
    entries: int = 0
    """Of a feed."""
    taken_at: float = 0.0
    """When a feed's form in use came, seconds since 1970."""


def families(askers: Iterable[Asker]) -> Iterator[Metric]:
    """Every family, with values or without."""
    askers = list(askers)
    usable = GaugeMetricFamily("sidestep_source_usable", "1 while a source of evidence can be used.", labels=LABELS)
    asked = CounterMetricFamily("sidestep_source_questions", "Questions sent to it.", labels=LABELS)
    listed = CounterMetricFamily("sidestep_source_listings", "Answers with a listing.", labels=LABELS)
    errors = CounterMetricFamily("sidestep_source_errors", "Questions without an answer of use.", labels=LABELS)
    entries = GaugeMetricFamily("sidestep_feed_entries", "Entries of the form in use.", labels=("source",))
    taken = GaugeMetricFamily("sidestep_feed_taken_timestamp_seconds", "When that form came.", labels=("source",))
    for asker in askers:
        labels = (asker.kind, asker.name)
        usable.add_metric(labels, float(asker.usable))
        if asker.kind == "feed":
            entries.add_metric((asker.name,), asker.entries)
            taken.add_metric((asker.name,), asker.taken_at)
            continue
        for family, count in ((asked, asker.asked), (listed, asker.listed), (errors, asker.errors)):
            family.add_metric(labels, count)
    yield from (usable, asked, listed, errors, entries, taken)
