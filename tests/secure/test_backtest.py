"""sidestep backtest with an auditor's rights and no others: in the log as it is, and beside the workers."""

from pathlib import Path

from click.testing import CliRunner
from confluent_kafka import Producer

from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.topics.catalog import EVIDENCE
from tests.decide.world import intent, policy, policy_text
from tests.guarantees.harness.system import System


def test_an_auditor_may_try_another_policy(secure_system: System, secure_kafka: SecureKafka, tmp_path: Path) -> None:
    """Nothing is refused him that it needs."""
    producer = Producer(secure_kafka.connection.librdkafka())
    for record in (policy(partitions=4), intent(to="info@example.com", classes=("role",))):
        producer.produce(EVIDENCE.name, encode(record), partition=1)
    assert 0 == producer.flush(10)
    new = tmp_path / "new.toml"
    new.write_text(policy_text({"role-address": "reject"}), "utf-8")
    environment = secure_kafka.by_certificate("auditor").environment()
    command = ["backtest", "--policy", str(new), "--partition", "1"]
    then = CliRunner().invoke(main, command, env=environment)
    assert 0 == then.exit_code and "1  sent -> dropped (role-address)  shop" in then.output, then.output
    beside = CliRunner().invoke(main, [*command, "--follow", "--until", "1s"], env=environment)
    assert 0 == beside.exit_code and "0 messages\ncompared with verdicts as they appeared" in beside.output, (
        beside.output
    )
