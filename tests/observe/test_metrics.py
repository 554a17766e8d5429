"""What a scrape shows after the batches that were observed."""

import time
from dataclasses import dataclass, field

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.sources.status import SourceStatus


@dataclass
class Counters:
    """What a resolver offers to a scrape."""

    hits: int = 0
    misses: int = 0
    stale: int = 0
    queries: int = 0
    in_flight: int = 0
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)


def labels(*values: str) -> frozenset[str]:
    """The labels of one sample."""
    return frozenset(values)


def _values(metrics: Metrics) -> dict[tuple[str, frozenset[str]], float]:
    """By name and label values; their order in the text is nobody's business."""
    text = metrics.render()[0].decode()
    return {
        (sample.name, labels(*sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_decide_batch_is_counted_once() -> None:
    """Verdicts, rules, records and times of a batch all show, summed over batches."""
    metrics = Metrics()
    for _ in range(2):
        by_decision = {("approved", "send"): 90, ("rejected", "drop"): 10}
        metrics.observe_decide_batch(100, 0.03, 0.012, by_decision, {"null-mx": 7})
    values = _values(metrics)
    assert values["sidestep_verdicts_total", labels("approved", "send")] == 180
    assert values["sidestep_verdicts_total", labels("rejected", "drop")] == 20
    assert values["sidestep_verdict_rules_total", labels("null-mx")] == 14
    assert values["sidestep_batch_records_sum", labels("decide")] == 200
    assert values["sidestep_batch_seconds_sum", labels("decide")] == pytest.approx(0.06)
    assert values["sidestep_transaction_seconds_count", labels()] == 2


def test_screen_dead_letters_and_recovery_are_counted() -> None:
    """The other stages' batches have their own counts."""
    metrics = Metrics()
    metrics.observe_screen_batch(50, 0.01, {"intent": 48, "feedback": 2})
    metrics.observe_dead_letters("email-intents", {"not-json": 3})
    metrics.observe_recovery(2.5, 10_000)
    values = _values(metrics)
    assert values["sidestep_evidence_total", labels("intent")] == 48
    assert values["sidestep_dead_letters_total", labels("email-intents", "not-json")] == 3
    assert values["sidestep_recovered_records_total", labels()] == 10_000
    assert values["sidestep_recovery_seconds_sum", labels()] == 2.5


def test_the_resolver_is_read_when_scraped() -> None:
    """What the resolver has counted by the time of the scrape is what shows."""
    metrics, resolver = Metrics(), Counters()
    metrics.watch_resolver(resolver)
    resolver.hits, resolver.misses, resolver.queries, resolver.in_flight = 900, 100, 120, 7
    resolver.outcomes["yes", "mx"] = 88
    values = _values(metrics)
    assert values["sidestep_dns_cache_hits_total", labels()] == 900
    assert values["sidestep_dns_cache_misses_total", labels()] == 100
    assert values["sidestep_dns_queries_total", labels()] == 120
    assert values["sidestep_dns_in_flight", labels()] == 7
    assert values["sidestep_dns_outcomes_total", labels("yes", "mx")] == 88


def test_the_real_resolver_can_be_read() -> None:
    """The resolver offers everything that a scrape reads."""
    metrics = Metrics()
    metrics.watch_resolver(Resolver([("127.0.0.1", 9)]))
    values = _values(metrics)
    for name in ("cache_hits_total", "cache_misses_total", "stale_answers_total", "queries_total", "in_flight"):
        assert values[f"sidestep_dns_{name}", labels()] == 0


def test_gauges_follow_their_sources() -> None:
    """A partition that has been given up is gone from the next scrape: no stale lag."""
    metrics, lag = Metrics(), {("email-evidence", 0): 5, ("email-evidence", 1): 6}
    metrics.watch_lag(lambda: lag)
    metrics.watch_parked(lambda: {("email-intents", 2): 3})
    metrics.watch_ledger(lambda: {"recipients": 1_000})
    metrics.watch_assigned(lambda: {"decide": 2})
    metrics.watch_ready(lambda: True)
    values = _values(metrics)
    assert values["sidestep_lag_records", labels("email-evidence", "1")] == 6
    assert values["sidestep_parked_records", labels("email-intents", "2")] == 3
    assert values["sidestep_ledger_keys", labels("recipients")] == 1_000
    assert values["sidestep_partitions_assigned", labels("decide")] == 2
    assert values["sidestep_ready", labels()] == 1
    del lag["email-evidence", 1]
    assert ("sidestep_lag_records", labels("email-evidence", "1")) not in _values(metrics)


def test_labels_stay_few() -> None:
    """Whatever a sender may invent, a label takes fifty values; the rest is counted as other, nothing is lost."""
    metrics, resolver = Metrics(), Counters(outcomes={("no", f"reason-{n}"): 1 for n in range(80)})
    metrics.watch_resolver(resolver)
    metrics.observe_dead_letters("email-intents", {f"reason-{n}": 1 for n in range(80)})
    values = _values(metrics)
    assert values["sidestep_dead_letters_total", labels("email-intents", "other")] == 30
    assert values["sidestep_dns_outcomes_total", labels("no", "other")] == 30
    assert sum(1 for name, _ in values if name == "sidestep_dead_letters_total") == 51


def test_a_source_that_fails_is_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """One broken source costs its own metric, not the scrape; it is logged and counted."""
    metrics = Metrics()

    def closed() -> dict[str, int]:
        raise RuntimeError("the ledger is closed")

    metrics.watch_ledger(closed)
    metrics.watch_assigned(lambda: {"decide": 2})
    _values(metrics)
    values = _values(metrics)
    assert values["sidestep_partitions_assigned", labels("decide")] == 2
    assert values["sidestep_scrape_errors_total", labels("ledger")] >= 1
    assert "the ledger is closed" in caplog.text


def test_two_workers_in_one_process_do_not_share_counts() -> None:
    """Each Metrics has its own registry."""
    first, second = Metrics(), Metrics()
    first.observe_recovery(1.0, 5)
    assert _values(second)["sidestep_recovered_records_total", labels()] == 0


def test_build_information_is_shown() -> None:
    """The version that runs can be read from a scrape."""
    assert 'version="1.2.3"' in Metrics("1.2.3").render()[0].decode()


def test_a_batch_costs_little() -> None:
    """Observing a batch of thousands stays under half a millisecond: at 4,000 records, nothing an event could feel."""
    metrics = Metrics()
    by_decision = {("approved", "send"): 1, ("rejected", "drop"): 1, ("rejected", "defer"): 1}
    by_rule = {f"rule-{n}": 1 for n in range(15)}
    metrics.observe_decide_batch(4_000, 0.03, 0.01, by_decision, by_rule)
    best = min(_seconds(metrics, by_decision, by_rule) for _ in range(20))
    assert best < 0.0005, f"{best * 1e6:.0f} µs"


def _seconds(metrics: Metrics, by_decision: dict[tuple[str, str], int], by_rule: dict[str, int]) -> float:
    start = time.perf_counter()
    metrics.observe_decide_batch(4_000, 0.03, 0.01, by_decision, by_rule)
    return time.perf_counter() - start


def test_sources_of_evidence_show_how_they_are_doing() -> None:
    """By kind and name; a feed has entries and an age instead of questions."""
    metrics = Metrics()
    zone = SourceStatus("dnsbl", "dbl.example", False, 7, 2, 5)
    metrics.watch_askers(lambda: [zone, SourceStatus("feed", "traps", True, entries=9, taken_at=5.0)])
    values = _values(metrics)
    names = labels("dnsbl", "dbl.example")
    counts = [values[f"sidestep_source_{name}_total", names] for name in ("questions", "listings", "errors")]
    assert [7, 2, 5] == counts
    usable = [values["sidestep_source_usable", names_] for names_ in (names, labels("feed", "traps"))]
    assert [0, 1] == usable
    assert 9 == values["sidestep_feed_entries", labels("traps")]
    assert 5 == values["sidestep_feed_taken_timestamp_seconds", labels("traps")]
    assert ("sidestep_source_questions_total", labels("feed", "traps")) not in values
