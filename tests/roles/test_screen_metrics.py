"""What the role screen shows of DNS and of the other sources of evidence."""

from prometheus_client.core import Metric

from sidestep.streams.observe.labels import LabelBounds
from sidestep.streams.roles.screen_metrics import dns_families, source_families
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.sources.status import SourceStatus


def _values(families: list[Metric]) -> dict[tuple[str, ...], float]:
    """By name and label values in their order."""
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_the_resolver_is_read_as_it_is_now() -> None:
    """What it has counted by the time of the scrape is what shows; what it has not, is 0."""
    resolver = Resolver([("127.0.0.1", 9)])
    resolver.hits, resolver.misses = 900, 100
    resolver.outcomes["yes", "mx"] = 88
    values = _values(list(dns_families(resolver, LabelBounds())))
    assert values.pop(("sidestep_dns_outcomes_total", "yes", "mx")) == 88
    assert {
        ("sidestep_dns_cache_hits_total",): 900,
        ("sidestep_dns_cache_misses_total",): 100,
        ("sidestep_dns_stale_answers_total",): 0,
        ("sidestep_dns_queries_total",): 0,
        ("sidestep_dns_in_flight",): 0,
        ("sidestep_dns_trusted",): 1,
    } == values


def test_reasons_of_dns_stay_few() -> None:
    """Beyond fifty of them the rest is counted as other; nothing is lost."""
    resolver = Resolver([("127.0.0.1", 9)])
    resolver.outcomes.update({("no", f"reason-{n}"): 1 for n in range(80)})
    values = _values(list(dns_families(resolver, LabelBounds())))
    assert values["sidestep_dns_outcomes_total", "no", "other"] == 30
    assert sum(1 for name, *_ in values if name == "sidestep_dns_outcomes_total") == 51


def test_sources_of_evidence_show_how_they_are_doing() -> None:
    """By kind and name; a feed has entries and an age instead of questions."""
    zone = SourceStatus("dnsbl", "dbl.example", False, 7, 2, 5)
    feed = SourceStatus("feed", "traps", True, entries=9, taken_at=5.0)
    assert {
        ("sidestep_source_usable", "dnsbl", "dbl.example"): 0,
        ("sidestep_source_usable", "feed", "traps"): 1,
        ("sidestep_source_questions_total", "dnsbl", "dbl.example"): 7,
        ("sidestep_source_listings_total", "dnsbl", "dbl.example"): 2,
        ("sidestep_source_errors_total", "dnsbl", "dbl.example"): 5,
        ("sidestep_feed_entries", "traps"): 9,
        ("sidestep_feed_taken_timestamp_seconds", "traps"): 5,
    } == _values(list(source_families([zone, feed])))
