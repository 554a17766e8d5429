"""How Kafka is set up in docker-compose.yml; that it runs so, tests/compose/test_kafka.py shows."""

import re
import subprocess
from pathlib import Path

from tests.compose_file import ROOT, environment, kafka_properties, listeners

STORAGE_TOOL = """#!/bin/sh
if [ "$1" = random-uuid ]; then echo id-$$; exit; fi
mkdir -p {data}
echo "$@" >> {data}/meta.properties
"""
"""In place of Kafka's own."""


def test_kafka_trusts_nobody() -> None:
    """TLS at every listener, a certificate or a token from everybody, and what no right allows is refused."""
    properties = kafka_properties()
    protocols = dict(each.split(":") for each in properties["listener.security.protocol.map"].split(","))
    assert set(listeners()) == set(protocols)
    assert set(protocols.values()) == {"SSL", "SASL_SSL"}
    assert [name for name, protocol in protocols.items() if protocol == "SASL_SSL"] == ["PRODUCERS"]
    assert properties["ssl.client.auth"] == "required"
    assert [name for name in properties if name.endswith(".ssl.client.auth")] == [
        "listener.name.producers.ssl.client.auth"
    ]
    assert properties["listener.name.producers.sasl.enabled.mechanisms"] == "OAUTHBEARER"
    assert properties["authorizer.class.name"] == "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    assert properties["allow.everyone.if.no.acl.found"] == "false"
    assert properties["super.users"] == "User:admin;User:kafka"
    assert properties["ssl.endpoint.identification.algorithm"] == "https"


def test_kafka_gets_no_settings_from_its_environment() -> None:
    """server.properties, which tests/compose/test_kafka.py runs, is all that it reads."""
    assert {"LOG_DIR", "EXTRA_ARGS", "KAFKA_HEAP_OPTS", "KAFKA_LOG4J_OPTS", "KAFKA_OPTS"} == set(environment("kafka"))
    jwks = kafka_properties()["listener.name.producers.oauthbearer.sasl.oauthbearer.jwks.endpoint.url"]
    assert environment("kafka")["KAFKA_OPTS"] == f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={jwks}"


def test_the_cluster_gets_an_id_of_its_own(tmp_path: Path) -> None:
    """start.sh makes one at the first start and never again; it stands in no file of ours."""
    assert "CLUSTER_ID" not in (ROOT / "docker-compose.yml").read_text()
    data = tmp_path / "data"
    (tmp_path / "server.properties").write_text(f"node.id=1\nlog.dirs={data}\n")
    first, second = (_start(tmp_path, STORAGE_TOOL.format(data=data)) for _ in range(2))
    assert first == second
    assert re.search(r"^format --config \S+server.properties --cluster-id id-\d+$", first, re.M)


def _start(folder: Path, tool: str) -> str:
    for name, text in {"kafka-storage.sh": tool, "kafka-server-start.sh": "#!/bin/sh\nexit 0\n"}.items():
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    script = ROOT / ".deploy/kafka/start.sh"
    where = {"PATH": "/usr/bin:/bin", "KAFKA_HOME": str(folder), "KAFKA_PROPERTIES": str(folder / "server.properties")}
    subprocess.run(["bash", script], env=where, check=True)
    return (folder / "data/meta.properties").read_text()
