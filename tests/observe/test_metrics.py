"""What a scrape shows after the batches that were observed."""

import re
import time
from pathlib import Path

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from sidestep.streams.observe.metrics import Count, Done, Labelled, Metrics

STREAMS = Path(__file__).parents[2] / "streams"

VERDICTS = Count("sidestep_verdicts_total", "Verdicts.", ("decision", "action"))
RULES = Count("sidestep_verdict_rules_total", "Rules.", ("rule",))


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


def test_a_batch_is_counted_once() -> None:
    """Records, times, dead letters and what the role alone counts all show, summed over batches."""
    metrics = Metrics()
    metrics.declare(VERDICTS, RULES)
    counts: dict[Count, Labelled] = {
        VERDICTS: {("approved", "send"): 90, ("rejected", "drop"): 10},
        RULES: {"null-mx": 7},
    }
    for _ in range(2):
        metrics.observe_batch("judge", "log", Done(100, 0.03, 0.012, {"not-json": 3}, counts))
    values = _values(metrics)
    assert values["sidestep_verdicts_total", labels("approved", "send")] == 180
    assert values["sidestep_verdicts_total", labels("rejected", "drop")] == 20
    assert values["sidestep_verdict_rules_total", labels("null-mx")] == 14
    assert values["sidestep_dead_letters_total", labels("log", "not-json")] == 6
    assert values["sidestep_batch_records_sum", labels("judge")] == 200
    assert values["sidestep_batch_seconds_sum", labels("judge")] == pytest.approx(0.06)
    assert values["sidestep_transaction_seconds_count", labels("judge")] == 2


def test_a_batch_without_a_transaction_has_no_time_of_one() -> None:
    """A role that only publishes must not make transactions look fast."""
    metrics = Metrics()
    metrics.observe_batch("sieve", "intents", Done(50, 0.01))
    values = _values(metrics)
    assert values["sidestep_batch_records_count", labels("sieve")] == 1
    assert ("sidestep_transaction_seconds_count", labels("sieve")) not in values


def test_recoveries_are_counted_by_role() -> None:
    """How long reading a ledger back took, and how much it was."""
    metrics = Metrics()
    metrics.observe_recovery("judge", 2.5, 10_000)
    values = _values(metrics)
    assert values["sidestep_recovered_records_total", labels("judge")] == 10_000
    assert values["sidestep_recovery_seconds_sum", labels("judge")] == 2.5


def test_gauges_follow_their_sources() -> None:
    """A partition that has been given up is gone from the next scrape: no stale lag."""
    metrics, lag = Metrics(), {("email-evidence", 0): 5, ("email-evidence", 1): 6}
    metrics.read_lag(lambda: lag)
    metrics.read_ledger("judge", lambda: {"rows": 1_000})
    metrics.read_ledger("other", lambda: {"rows": 2_000})
    metrics.read_assigned(lambda: {"judge": 2})
    metrics.read_ready(lambda: True)
    values = _values(metrics)
    assert values["sidestep_lag_records", labels("email-evidence", "1")] == 6
    assert values["sidestep_ledger_keys", labels("judge", "rows")] == 1_000
    assert values["sidestep_ledger_keys", labels("other", "rows")] == 2_000
    assert values["sidestep_partitions_assigned", labels("judge")] == 2
    assert values["sidestep_ready", labels()] == 1
    del lag["email-evidence", 1]
    assert ("sidestep_lag_records", labels("email-evidence", "1")) not in _values(metrics)


def test_a_role_shows_what_it_alone_has() -> None:
    """Its families are read anew at each scrape."""
    metrics, waiting = Metrics(), [1.0]

    def families() -> list[Metric]:
        return [GaugeMetricFamily("sidestep_own", "Of one role alone.", waiting.pop())]

    metrics.read("own", families)
    assert _values(metrics)["sidestep_own", labels()] == 1
    waiting.append(5.0)
    assert _values(metrics)["sidestep_own", labels()] == 5


def test_labels_stay_few() -> None:
    """Whatever a sender may invent, a label takes fifty values; the rest is counted as other, nothing is lost."""
    metrics = Metrics()
    metrics.observe_batch("judge", "log", Done(80, 0.1, dead_letters={f"reason-{n}": 1 for n in range(80)}))
    values = _values(metrics)
    assert values["sidestep_dead_letters_total", labels("log", "other")] == 30
    assert sum(1 for name, _ in values if name == "sidestep_dead_letters_total") == 51


def test_a_source_that_fails_is_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """One broken source costs its own metric, not the scrape; it is logged and counted."""
    metrics = Metrics()

    def closed() -> dict[str, int]:
        raise RuntimeError("the ledger is closed")

    def broken() -> list[Metric]:
        raise RuntimeError("no such thing")

    metrics.read_ledger("judge", closed)
    metrics.read("own", broken)
    metrics.read_assigned(lambda: {"judge": 2})
    _values(metrics)
    values = _values(metrics)
    assert values["sidestep_partitions_assigned", labels("judge")] == 2
    assert values["sidestep_scrape_errors_total", labels("ledger")] >= 1
    assert values["sidestep_scrape_errors_total", labels("own")] >= 1
    assert "the ledger is closed" in caplog.text


def test_two_workers_in_one_process_do_not_share_counts() -> None:
    """Each Metrics has its own registry."""
    first, second = Metrics(), Metrics()
    first.observe_recovery("judge", 1.0, 5)
    assert ("sidestep_recovered_records_total", labels("judge")) not in _values(second)


def test_build_information_is_shown() -> None:
    """The version that runs can be read from a scrape."""
    assert 'sidestep_build_info{python="3.' in Metrics("1.2.3").render()[0].decode()
    assert 'version="1.2.3"' in Metrics("1.2.3").render()[0].decode()


def test_a_batch_costs_little() -> None:
    """Observing a batch of thousands stays under half a millisecond: at 4,000 records, nothing an event could feel."""
    metrics = Metrics()
    metrics.declare(VERDICTS, RULES)
    by_decision = {("approved", "send"): 1, ("rejected", "drop"): 1, ("rejected", "defer"): 1}
    done = Done(4_000, 0.03, 0.01, {}, {VERDICTS: by_decision, RULES: {f"rule-{n}": 1 for n in range(15)}})
    metrics.observe_batch("judge", "log", done)
    best = min(_seconds(metrics, done) for _ in range(20))
    assert best < 0.0005, f"{best * 1e6:.0f} µs"


def _seconds(metrics: Metrics, done: Done) -> float:
    start = time.perf_counter()
    metrics.observe_batch("judge", "log", done)
    return time.perf_counter() - start


def test_every_metric_can_be_searched_for_as_it_is_written(metric_families: list[Metric]) -> None:
    """Whoever sees a name in a dashboard finds with grep the one line that declares it."""
    sources = [path.read_text() for path in STREAMS.rglob("*.py")]
    literals = re.findall(r'"(sidestep_\w+)"', "\n".join(sources))
    shown = {family.name + ("_total" if family.type == "counter" else "") for family in metric_families}
    assert len(shown) > 20
    assert dict.fromkeys(shown, 1) == {name: literals.count(name) for name in shown}
