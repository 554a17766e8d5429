"""The benchmark measures what it says it does: the same decision on both sides, honest sums, real records."""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import IntentEvidence, LogPosition, MxFinding, PolicyRecord, Verdict
from sidestep.schemas.codec import decode, decode_evidence, encode
from sidestep.schemas.reading import read_intent
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.fold import fold
from sidestep.streams.decide.id_rows import IdRow
from sidestep.streams.decide.policy_text import parse, version_of
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import BOUNCE_HISTORY, IDS, RecipientRow
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.runtime.tables import unpack_pairs
from tests.bench.faust_agent import KEPT, judge
from tests.bench.kafka_log import KafkaLog
from tests.bench.latency import Seen, summary
from tests.bench.loop import approve
from tests.bench.measure import Cost, Sample, cost, percentile
from tests.bench.processes import Child, Ended, script
from tests.bench.report import AIMS, Results
from tests.bench.workload import MIX, domains, intents, ledger_ids, ledger_rows, roomy_policy, zones
from tests.fixture_types import WaitUntil

NOW = 1_790_000_000
SHIPPED = (files("sidestep.streams.decide") / "policy.toml").read_text("utf-8")


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _log(count: int, policy: str) -> Iterator[bytes]:
    """Evidence of a workload, every tenth intent twice, behind the policy."""
    yield encode(PolicyRecord(version=version_of(policy), text=policy, at=NOW * 1000))
    for number, intent in enumerate(intents(count)):
        domain = intent.to.rpartition("@")[2]
        record = IntentEvidence(
            id=intent.id, service=intent.service, to=intent.to, at=NOW * 1000 + number, domain=domain,
            id_key=_digest(intent.id), content_key=_digest(intent.id + intent.to), recipient_key=_digest(intent.to),
            mx=MxFinding("yes", "mx") if domain in zones() else MxFinding("no", "nxdomain"), stream=intent.stream,
            classes=("role",) if intent.to.startswith("info@") else (), source=intent.source, metadata=intent.metadata,
        )  # fmt: skip
        yield from [encode(record)] * (2 if number % 10 == 0 else 1)


def test_the_workload_is_the_same_each_time_and_within_the_contract() -> None:
    """Two runs measure the same; every intent is one that Screen takes."""
    first = [encode(intent) for intent in intents(500)]
    assert first == [encode(intent) for intent in intents(500)]
    assert [encode(read_intent(value, NOW)) for value in first] == first
    assert first != [encode(intent) for intent in intents(500, seed=2)]


def test_the_workload_has_the_shares_it_tells_of() -> None:
    """70 % of plain intents go to somebody new, one in twenty is odd, the first domain is the most frequent."""
    to = [intent.to for intent in intents(20_000)]
    plain = [address for address in to if not address.startswith(("info@", "some"))]
    assert len(plain) / len(to) == pytest.approx(1 - sum(MIX["odd"].values()), abs=0.01)
    assert len(set(plain)) / len(plain) == pytest.approx(MIX["new_recipients"], abs=0.02)
    assert Counter(address.rpartition("@")[2] for address in plain).most_common(1)[0][0] == domains()[0]
    assert len(domains()) == len(set(domains())) == MIX["domains"]


def test_the_benchs_policy_differs_from_the_shipped_one_in_its_limits_only() -> None:
    """Nothing is rate-limited, everything else is decided as shipped."""
    shipped, roomy = parse(SHIPPED), parse(roomy_policy(SHIPPED))
    assert (roomy.rules, roomy.risk, roomy.dormant_days) == (shipped.rules, shipped.risk, shipped.dormant_days)
    rates = [limits.default for limits in (roomy.domain_limits, roomy.service_limits)]
    rates += [*roomy.domain_limits.named.values(), *roomy.service_limits.named.values()]
    assert {rate.interval_us for rate in rates} == {1}


def test_faust_gives_the_same_verdicts_as_sidesteps_fold() -> None:
    """Its tables change nothing in the decision: verdict for verdict and row for row, known ids included."""
    policy = roomy_policy(SHIPPED)
    tables: dict[Any, dict[bytes, bytes]] = {kind: {} for kind in KEPT}
    controls, whole = Controls({}, {}, 0), State(Controls({}, {}, 0))
    verdicts = []
    for offset, value in enumerate(_log(1_000, policy)):
        position = LogPosition("email-evidence", 0, offset)
        verdict = judge(value, position, controls, tables)
        assert verdict == fold(whole, decode_evidence(value), position)
        verdicts.append(verdict)
    written = whole.writes()
    assert {kind: {key: kind.encode(row) for key, row in written[kind].items()} for kind in KEPT} == tables
    assert Counter(verdict is None for verdict in verdicts)[True] == 101  # the policy, and each tenth intent's double
    assert Counter(verdict.decision for verdict in verdicts if verdict)["approved"] > 950


def test_the_loop_writes_verdicts_as_large_as_real_ones() -> None:
    """The yardstick may save itself the decision, not the bytes."""
    policy = roomy_policy(SHIPPED)
    _, value, *_ = _log(2, policy)
    evidence, position = decode_evidence(value), LogPosition("email-evidence", 0, 1)
    assert isinstance(evidence, IntentEvidence)
    state = State(Controls({}, {}, 0))
    fold(state, PolicyRecord(version=version_of(policy), text=policy, at=NOW * 1000), position)
    real, ours = json.loads(encode(fold(state, evidence, position))), json.loads(encode(approve(evidence, position)))
    assert decode(Verdict, encode(approve(evidence, position))).decision == "approved"
    assert ours.keys() == real.keys()


def test_the_ledger_to_recover_is_in_the_ledgers_own_format() -> None:
    """What the benchmark writes into the changelogs, the ledger's tables read: every key another one."""
    rows = dict(ledger_rows(1_000, NOW))
    assert len(rows) == 1_000
    assert {key[:1] for key in rows} == {BOUNCE_HISTORY.prefix} and {len(key) for key in rows} == {17}
    assert all(type(BOUNCE_HISTORY.decode(value)) is RecipientRow for value in rows.values())
    ids = dict(pair for value in ledger_ids(9_000, NOW) for pair in unpack_pairs(value))
    assert len(ids) == 9_000
    assert all(type(IDS.decode(value)) is IdRow for value in ids.values())


def test_cost_leaves_out_the_start_and_what_is_no_result() -> None:
    """CPU between the first sample past the warm-up and the first with everything; markers are no verdicts."""
    samples = [Sample(0, 1, 0), Sample(5, 3, 11), Sample(6, 4, 60), Sample(7, 5, 110), Sample(9, 9, 110)]
    assert cost(samples, warm=10, end=110, results=100) == Cost(90, 2, 2)
    assert cost(samples, warm=10, end=110).records == 99
    with pytest.raises(ValueError, match="not reached"):
        cost(samples, warm=10, end=111)
    with pytest.raises(ValueError, match="too few samples"):
        cost(samples, warm=100, end=110)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_one_of_the_values_and_covers_its_share(values: list[float], share: float) -> None:
    """At least that share is not above it, and no smaller value has that property."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_latency_is_reckoned_without_the_first_seconds() -> None:
    """The publisher's start does not count, what follows does."""
    ms = 1_000_000
    slow = [Seen(i * 10 * ms, i * 10 * ms, i * 10 * ms + 900 * ms) for i in range(200)]
    quick = [Seen(i * 10 * ms, (i * 10 + 4) * ms, (i * 10 + 30) * ms) for i in range(200, 400)]
    found = summary(slow + quick, warm=2.0)
    assert (found.p50, found.p99, found.worst, found.screened, found.counted) == (30, 30, 30, 4, 200)
    assert found.rate == pytest.approx(100, rel=0.02)


def test_the_cheapest_run_counts_and_the_figures_have_the_promised_names() -> None:
    """Ratios come from the best runs; every aim can be looked up."""
    results = Results()
    for system, cpu in {"loop": 3, "screen": 15, "decide": 30, "both": 45, "faust": 900}.items():
        results.add(system, Cost(1e6, cpu * 1.2, 10))
        results.add(system, Cost(1e6, cpu, 20))
    values = results.flat()
    assert (values["decide_us_cpu"], values["decide_wall_per_second"]) == (30, 1e5)
    assert (values["decide_vs_faust_cpu"], values["decide_vs_loop_cpu"]) == (30, 10)
    assert (values["end_to_end_vs_faust_cpu"], values["screen_vs_loop_cpu"]) == (20, 5)
    assert [aim.met(values[aim.key]) for aim in AIMS if aim.key in values] == [True, False, False, True]


def test_a_process_that_ends_by_itself_is_an_error_with_its_last_words(tmp_path: Path, wait_until: WaitUntil) -> None:
    """A system that fails must not pass for a quick one."""
    child = Child("broken", [sys.executable, "-c", "raise SystemExit('no such topic')"], tmp_path / "log")

    def ended() -> str:
        try:
            child.cpu()
        except Ended as error:
            return str(error)
        return ""

    with child:
        assert "no such topic" in wait_until(ended)


def test_a_small_run_of_the_loop(kafka: EmbeddedKafka, tmp_path: Path, wait_until: WaitUntil) -> None:
    """Topics made anew, filled, read by a measured process: all records come out, and they cost something."""
    log = KafkaLog(kafka.connection)
    log.renew("bench-smoke-in", "bench-smoke-out")
    values = list(_log(500, SHIPPED))[1:]
    assert log.fill("bench-smoke-in", ({"value": value} for value in values), 50) == len(values)
    command = script("loop", kafka.address, "bench-smoke-in", "bench-smoke-out")
    with Child("loop", command, tmp_path / "log") as child:
        wait_until(lambda: log.records("bench-smoke-out") == len(values), 20)
        assert child.cpu() > 0 and child.peak_megabytes() > 10
    log.renew("bench-smoke-in", "bench-smoke-out")
    assert log.records("bench-smoke-in", "bench-smoke-out") == 0
