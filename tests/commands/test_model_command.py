"""sidestep model show: what has been learnt, as a table and as it stands in the log."""

import msgspec
import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from sidestep.schemas import ModelRecord, ModelSnapshot, Reliability
from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.commands.model import NOTE, described
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import parse
from sidestep.topics.catalog import CONTROL
from sidestep.topics.connection import Connection

SNAPSHOT = ModelSnapshot(
    outcomes=12_345,
    policy=0.94,
    shifts={"old-bounce": 0.693, "moon-phase": -0.2},
    spreads={"old-bounce": 0.1},
    seen={"old-bounce": (1200, 34)},
    calibration=(Reliability(0.05, 40, 1000),),
)


def record(snapshot: ModelSnapshot) -> ModelRecord:
    """As Watch writes it."""
    return ModelRecord(version="0123456789ab", at=1_800_000_000_000, snapshot=encode(snapshot).decode())


@pytest.fixture(scope="module")
def policy() -> Policy:
    """The one that ships."""
    return parse(SHIPPED.read_text("utf-8"))


def test_the_table_says_what_was_learnt(policy: Policy) -> None:
    """Beside the policy's weights: odds as a factor, how sure, from what, and whether it can be believed."""
    lines = list(described(record(SNAPSHOT), policy))
    assert "model 0123456789ab of 2027-01-15T08:00:00Z, learnt from 12,345 outcomes" == lines[0]
    assert "it moves the odds of the risk to 3 times or to 1/3 at most" == lines[1]
    table = {line.split()[0]: line.split()[1:] for line in lines[4:] if line}
    assert ["+0.60", "×", "2.00", "1.70", "and", "2.36", "1,200", "34"] == table["old-bounce"]
    assert ["+0.05", "–"] == table["never-mailed"]
    assert ["–", "×", "0.82"] == table["moon-phase"][:3]
    assert ["0.040", "1,000"] == table["0.050"]


def test_it_says_why_nothing_is_moved(policy: Policy) -> None:
    """Too few outcomes, switched off, or nothing that can be read."""
    few = msgspec.structs.replace(SNAPSHOT, outcomes=300)
    off = msgspec.structs.replace(policy, risk_model=msgspec.structs.replace(policy.risk_model, mode="off"))
    assert "it moves nothing: the policy wants 1,000 outcomes" in list(described(record(few), policy))
    assert "the policy has switched it off" in list(described(record(SNAPSHOT), off))
    (line,) = described(ModelRecord("1", 0, "{}"), policy)
    assert "can't be read" in line


def test_it_is_read_from_the_cluster(clean_topics: Connection) -> None:
    """Nothing at first; then the last one."""

    def shown(*arguments: str) -> str:
        found = CliRunner().invoke(main, ["model", "show", *arguments, "--broker", str(clean_topics)])
        assert found.exit_code == 0, found.output
        return found.stdout

    assert "nothing has been learnt yet" in shown()
    producer = Producer(clean_topics.librdkafka())
    producer.produce(CONTROL.name, encode(record(SNAPSHOT)), NOTE, 0)
    producer.flush(10)
    assert "learnt from 12,345 outcomes" in shown()
    assert record(SNAPSHOT) == msgspec.json.decode(shown("--json"), type=ModelRecord)
