"""What is counted of a batch that was decided."""

from sidestep.schemas.codec import encode
from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.roles.decide import COUNTS, _measured
from tests.decide.world import LOG, World
from tests.kafka_records import delivered


def test_verdicts_are_counted_by_service() -> None:
    """Those on real intents. A name in which an address may be is counted among the others."""
    world, metrics = World(), Metrics()
    intents = [
        world.intent_record("1"),
        world.intent_record("2", mx="no", to="x@example.org"),
        world.intent_record("3", test=True),
        world.intent_record("4", service="jane@example.org"),
        world.intent_record("5", service="news"),
    ]
    log = [delivered(number, encode(each), tp=LOG, key=b"key") for number, each in enumerate(intents, len(world.log))]
    metrics.declare(*COUNTS)
    metrics.observe_batch("decide", "email-evidence", _measured(world.judge.judge(log)))
    assert {("shop", "send"): 1, ("shop", "drop"): 1, ("other", "send"): 1, ("news", "send"): 1} == _counted(
        metrics, "sidestep_service_verdicts"
    )
    assert {("approved", "send"): 4, ("rejected", "drop"): 1} == _counted(metrics, "sidestep_verdicts")


def _counted(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    (family,) = [family for family in metrics.families() if family.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in family.samples if sample.name.endswith("_total")}
