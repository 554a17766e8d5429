"""`sidestep doctor` against a Kafka that trusts nobody, as one principal and another."""

import datetime
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, TopicPartition

from sidestep.streams.cli import main
from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.topics.access import Access
from sidestep.topics.acls import Right, rights
from sidestep.topics.catalog import INTENTS
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import SERVICES
from tests.secure.conftest import grant

pytestmark = pytest.mark.usefixtures("logs_as_they_were")
PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def _rows(access: Access, system: System, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What the doctor finds, by check."""
    names = f"{system.names.host}:{system.names.port}"
    environment = access.environment() | {
        "SIDESTEP_DATA_DIR": str(folder / "data"), "SIDESTEP_NAME_SERVERS": names, "SIDESTEP_DNS_CANARIES": "",
        "SIDESTEP_GROUP": folder.name,
    }  # fmt: skip
    result = CliRunner().invoke(main, ["doctor", "--json"], env=environment)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(result.output)["checks"]:
        found.setdefault(row["check"], []).append(row)
    assert (result.exit_code == 1) == any(row["status"] == "fault" for rows in found.values() for row in rows)
    return found


def test_the_doctor_as_each_sees_it(secure_system: System, secure_kafka: SecureKafka, tmp_path: Path) -> None:
    """The operator sees everything, a stage its own; whoever has no right to see something is told which."""
    consumer = Consumer(secure_kafka.connection.librdkafka(**{"group.id": "doctor"}))
    consumer.commit(offsets=[TopicPartition(INTENTS.name, 0, 0)], asynchronous=False)
    consumer.close()
    as_operator = _rows(secure_kafka.by_certificate("operator"), secure_system, tmp_path)
    assert "ok" == as_operator["connection"][0]["status"]
    assert ["ok"] * 3 == [row["status"] for row in as_operator["certificate"]], "ours, the authority's, the broker's"
    assert ["ok", "ok"] == [as_operator[check][0]["status"] for check in ("clock", "acls")]
    assert not [row for rows in as_operator.values() for row in rows if row["status"] == "fault"]
    as_decide = _rows(secure_kafka.by_certificate("decide"), secure_system, tmp_path)
    assert "unknown" == as_decide["acls"][0]["status"] and "DESCRIBE" in as_decide["acls"][0]["mend"]
    assert "unknown" == as_decide["clock"][0]["status"] and "DESCRIBE" in as_decide["clock"][0]["mend"]
    assert not [row for rows in as_decide.values() for row in rows if row["status"] == "fault"]


def test_the_doctor_finds_rights_that_are_wrong(
    secure_system: System, secure_kafka: SecureKafka, tmp_path: Path
) -> None:
    """What is missing, and what is too much; a service is known by its ACLs."""
    right = Right("service-shop", "topic", "literal", "email-evidence", "WRITE")
    grant(secure_kafka.connection, [*rights(SERVICES, tmp_path.name)[1:], right])
    rows = _rows(secure_kafka.by_certificate("operator"), secure_system, tmp_path)["acls"]
    assert {"fault"} == {row["status"] for row in rows}
    said = " ".join(row["what"] for row in rows)
    assert "is missing" in said and "User:service-shop: WRITE on topic email-evidence is too much" in said


def test_the_doctor_who_is_not_let_in(secure_system: System, secure_kafka: SecureKafka, tmp_path: Path) -> None:
    """Why stands in the row of the connection, beside the certificate that is to blame."""
    good = secure_kafka.by_certificate("operator")
    expired = secure_kafka.authority.issue("expired", lasts=datetime.timedelta(seconds=1), begins=PAST)
    stranger = DevelopmentCA(tmp_path / "elsewhere").certificate
    old = replace(good, tls_certificate=str(expired.certificate), tls_key=str(expired.key))
    for access, said in ((old, "expired"), (replace(good, tls_ca=str(stranger)), "authority")):
        found = _rows(access, secure_system, tmp_path)
        assert "fault" == found["connection"][0]["status"] and said in found["connection"][0]["what"]
        assert "unknown" == found["topics"][0]["status"]
    assert "expired" in _rows(old, secure_system, tmp_path)["certificate"][0]["what"]
