"""What block lists, feeds, reputation services and the mailbox probe have been doing, for /metrics."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from sidestep.streams.screen.sources.status import SourceStatus

LABELS = ("kind", "source")


def families(sources: Iterable[SourceStatus]) -> Iterator[Metric]:
    """Every family, with values or without."""
    usable = GaugeMetricFamily("sidestep_source_usable", "1 while a source of evidence can be used.", labels=LABELS)
    asked = CounterMetricFamily("sidestep_source_questions", "Questions sent to it.", labels=LABELS)
    listed = CounterMetricFamily("sidestep_source_listings", "Answers with a listing.", labels=LABELS)
    errors = CounterMetricFamily("sidestep_source_errors", "Questions without an answer of use.", labels=LABELS)
    entries = GaugeMetricFamily("sidestep_feed_entries", "Entries of the form in use.", labels=("source",))
    taken = GaugeMetricFamily("sidestep_feed_taken_timestamp_seconds", "When that form came.", labels=("source",))
    for source in sources:
        labels = (source.kind, source.name)
        usable.add_metric(labels, float(source.usable))
        if source.kind == "feed":
            entries.add_metric((source.name,), source.entries)
            taken.add_metric((source.name,), source.taken_at)
            continue
        for family, count in ((asked, source.asked), (listed, source.listed), (errors, source.errors)):
            family.add_metric(labels, count)
    yield from (usable, asked, listed, errors, entries, taken)
