"""`sidestep doctor`, as an operator runs it: with Kafka and without."""

import json
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, TopicPartition

from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.screen.control import Written
from sidestep.topics.catalog import BY_NAME, CONTROL, INTENTS
from sidestep.topics.connection import Connection
from sidestep.topics.publish import Publisher

pytestmark = pytest.mark.usefixtures("logs_as_they_were")
KEY = sha256(b"of the tests").hexdigest()


def _run(*arguments: str, columns: int = 100, **settings: str) -> Result:
    environment = {f"SIDESTEP_{name.upper()}": value for name, value in settings.items()}
    return CliRunner().invoke(main, ["doctor", *arguments], env={"COLUMNS": str(columns), **environment})


def _found(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Rows by check."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(result.output)["checks"]:
        rows.setdefault(row["check"], []).append(row)
    return rows


def test_without_kafka_the_rest_is_looked_at(tmp_path: Path) -> None:
    """In seconds; the exit code is 1, and nothing is a traceback."""
    began = time.monotonic()
    result = _run("--json", broker="127.0.0.1:1", data_dir=str(tmp_path), dns_canaries="", brokers="x")
    assert time.monotonic() - began < 15
    found = _found(result)
    assert (1, "fault") == (result.exit_code, found["connection"][0]["status"])
    assert "SIDESTEP_BROKERS is no setting" in found["settings"][0]["what"]
    assert {"unknown"} == {found[name][0]["status"] for name in ("topics", "clock", "acls", "dns", "hash key")}
    assert {"ok"} == {found[name][0]["status"] for name in ("disk", "policy", "watch", "sources", "endpoints")}


def test_settings_that_make_no_sense_are_the_first_fault() -> None:
    """Nothing else can be looked at with them."""
    result = _run(web_port="many")
    assert 1 == result.exit_code and "SIDESTEP_WEB_PORT" in result.output and "Traceback" not in result.output


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_is_as_wide_as_the_terminal(columns: int, tmp_path: Path) -> None:
    """At most."""
    lines = _run(columns=columns, broker="127.0.0.1:1", data_dir="data", dns_canaries="").output.splitlines()
    assert max(map(len, lines)) <= columns and len(lines) > 10


@pytest.fixture
def committed(clean_topics: Connection) -> Connection:
    """A Kafka whose broker has just put its own stamp on something: an offset that was committed."""
    consumer = Consumer(clean_topics.librdkafka(**{"group.id": "doctor"}))
    consumer.commit(offsets=[TopicPartition(INTENTS.name, 0, 0)], asynchronous=False)
    consumer.close()
    return clean_topics


def test_with_kafka(committed: Connection, tmp_path: Path) -> None:
    """All topics, one broker, a clock that agrees: nothing is a fault, but for another worker's hash key."""
    (tmp_path / "hash-key").write_text(KEY)
    (tmp_path / "hash-key").chmod(0o600)
    with NameServer({"a.example": ["MX 10 mx.a.example"]}) as ns:
        where = {"broker": str(committed), "data_dir": str(tmp_path), "name_servers": f"{ns.host}:{ns.port}"}
        sound = _run("--json", **where, dns_canaries="a.example")  # type: ignore[arg-type]  # not columns
        with Publisher(committed) as publisher:
            publisher.publish_bytes(CONTROL.name, encode(Written("another", 0, 1)), "hash-key")
        keyed = _run("--json", **where, dns_canaries="a.example")  # type: ignore[arg-type]  # not columns
    found = _found(sound)
    assert "1 broker, in plain text on this machine" in found["connection"][0]["what"]
    assert "ok" == found["clock"][0]["status"], found["clock"]
    assert {"ok", "warning"} == {row["status"] for row in found["topics"]}, "one replica only is advised against"
    assert f"{len(BY_NAME)} topics" in found["topics"][-1]["what"]
    assert ["ok", "ok"] == [found[name][0]["status"] for name in ("dns", "hash key")]
    assert "everybody may do everything" in found["acls"][0]["what"]
    assert ["ok", "fault"] == [row["status"] for row in _found(keyed)["hash key"]]
    assert [0, 1] == [sound.exit_code, keyed.exit_code]
