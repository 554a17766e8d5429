"""sidestep import with an auditor's rights and no others, and the hash key."""

import json
from hashlib import sha256
from pathlib import Path

from click.testing import CliRunner
from confluent_kafka import Producer

from sidestep.streams.cli import main
from sidestep.streams.decide.tables import BOUNCE_HISTORY, RecipientRow, Suppressed
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.keys import Keys
from sidestep.topics.catalog import EVIDENCE, LEDGER_CHANGELOG
from tests.guarantees.harness.system import System


def test_an_auditor_may_check_a_list_with_histories(
    secure_system: System, secure_kafka: SecureKafka, tmp_path: Path
) -> None:
    """What he reads is the ledger's changelog; notes in email-control he may not."""
    secret = sha256(b"of the tests").hexdigest()
    row = RecipientRow(suppressed=Suppressed(1, 0, "asked by phone", "ops"))
    key = BOUNCE_HISTORY.prefix + Keys(bytes.fromhex(secret)).recipient("jane@example.com")
    producer = Producer(secure_kafka.connection.librdkafka())
    partitions = producer.list_topics(EVIDENCE.name, timeout=30).topics[EVIDENCE.name].partitions
    place = partition_of("example.com", len(partitions))
    producer.produce(LEDGER_CHANGELOG.name, BOUNCE_HISTORY.encode(row), key, place)
    assert 0 == producer.flush(10)
    (tmp_path / "list.csv").write_text("jane@example.com\n")
    access = secure_kafka.by_certificate("auditor").environment()
    command = ["import", str(tmp_path / "list.csv"), "--offline", "--json"]
    done = CliRunner().invoke(main, command, env=access | {"SIDESTEP_HASH_KEY": secret})
    assert {"suppressed": 1} == json.loads(done.stdout)["history"]["stopped"], done.output
