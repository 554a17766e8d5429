"""Rights and quotas as other tools want them: each form says the same, and can be read by what it is for."""

import json
import shlex
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from sidestep.streams.cli import main
from sidestep.streams.rights.forms import OPERATIONS, kafka_tools
from sidestep.streams.rights.registry import Registry
from sidestep.streams.rights.strimzi import PATTERNS, TYPES
from sidestep.topics.acls import Right, rights, rights_of
from sidestep.topics.catalog import CATALOG
from sidestep.topics.quotas import quota_of

KNOWN = Registry(services=("shop",))
SPELT = {spelt: operation for operation, spelt in OPERATIONS.items()}


def show(*arguments: str) -> Result:
    """`sidestep acls show --service shop …`."""
    return CliRunner().invoke(main, ["acls", "show", "--service", "shop", *arguments])


def plain(found: Iterable[Right]) -> set[tuple[str, ...]]:
    """Without types."""
    return {tuple(right) for right in found}


def read_command(line: str) -> set[tuple[str, ...]]:
    """What a kafka-acls.sh command grants: every operation on every resource."""
    words = shlex.split(line)
    pairs = list(zip(words, [*words[1:], ""], strict=True))
    [principal] = [value for word, value in pairs if word == "--allow-principal"]
    operations = [SPELT[value] for word, value in pairs if word == "--operation"]
    pattern = "prefixed" if "prefixed" in words else "literal"
    named = [(word[2:], value) for word, value in pairs if word in ("--topic", "--group", "--transactional-id")]
    named = named or [("cluster", "kafka-cluster")]
    return {(principal[5:], kind, pattern, name, each) for kind, name in named for each in operations}


@pytest.mark.parametrize("principal", KNOWN.principals())
def test_kafkas_own_commands_grant_exactly_the_rights(principal: str) -> None:
    """Several names and operations in one command mean all of them; one is added per resource and pattern."""
    lines = list(kafka_tools(KNOWN, rights_of(principal), "b:9092", "admin.properties"))
    granting = [line for line in lines if line.startswith("kafka-acls.sh ")]
    assert plain(rights_of(principal)) == {right for line in granting for right in read_command(line)}
    assert all("--bootstrap-server b:9092 --command-config admin.properties" in line for line in lines)
    assert bool(quota_of(principal)) == lines[-1].startswith("kafka-configs.sh ")


def test_quotas_are_commands_too() -> None:
    """Under the name that Kafka knows, in quotes where a shell needs them."""
    known = Registry(services=("shop",), user="CN={},O=An Example")
    *_, last = kafka_tools(known, rights_of("service-shop"), "b:9092", "admin.properties")
    assert shlex.split(last)[5:] == [
        "--alter", "--entity-type", "users", "--entity-name", "CN=service-shop,O=An Example", "--add-config",
        "producer_byte_rate=2097152,consumer_byte_rate=4194304,request_percentage=25",
    ]  # fmt: skip


def test_strimzis_resources_say_the_same() -> None:
    """All topics and users, as YAML that a parser reads."""
    found = list(yaml.safe_load_all(show("--format", "strimzi", "--cluster", "mail").output))
    users = [each for each in found if each["kind"] == "KafkaUser"]
    assert list(KNOWN.principals()) == [each["metadata"]["name"] for each in users]
    assert {"kafka.strimzi.io/v1"} == {each["apiVersion"] for each in found}
    assert {"mail"} == {each["metadata"]["labels"]["strimzi.io/cluster"] for each in found}
    kinds, patterns = ({spelt: ours for ours, spelt in names.items()} for names in (TYPES, PATTERNS))
    granted = {
        (
            user["metadata"]["name"],
            kinds[acl["resource"]["type"]],
            patterns[acl["resource"].get("patternType", "literal")],
            acl["resource"].get("name", "kafka-cluster"),
            SPELT[operation],
        )
        for user in users
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }
    assert plain(rights(["shop"])) == granted
    [shop] = [each for each in users if each["metadata"]["name"] == "service-shop"]
    limits = {"producerByteRate": 2_097_152, "consumerByteRate": 4_194_304, "requestPercentage": 25}
    assert (limits, {"type": "tls"}) == (shop["spec"]["quotas"], shop["spec"]["authentication"])


def test_strimzis_topics_are_the_catalogs() -> None:
    """Three copies, two of which must have a record; partitions as told, one where there must be one."""
    found = list(yaml.safe_load_all(show("--format", "strimzi", "--partitions", "12").output))
    topics = {each["metadata"]["name"]: each["spec"] for each in found if each["kind"] == "KafkaTopic"}
    assert [topic.name for topic in CATALOG] == list(topics)
    assert {topic.name: topic.config() | {"min.insync.replicas": "2"} for topic in CATALOG} == {
        name: spec["config"] for name, spec in topics.items()
    }
    assert {3} == {spec["replicas"] for spec in topics.values()}
    assert {name: 1 if name == "email-control" else 12 for name in topics} == {
        name: spec["partitions"] for name, spec in topics.items()
    }


def test_strimzi_makes_topics_that_services_have_to_themselves() -> None:
    """With the settings of their general ones; a name that Kubernetes does not take is told."""
    found = list(
        yaml.safe_load_all(show("--format", "strimzi", "--own", "email-intents.shop,email-bounces.crm").output)
    )
    topics = {each["metadata"]["name"]: each["spec"] for each in found if each["kind"] == "KafkaTopic"}
    assert topics["email-intents.shop"] == topics["email-intents"]
    [crm] = [each for each in found if each["metadata"]["name"] == "service-crm"]
    writes = [acl["resource"]["name"] for acl in crm["spec"]["authorization"]["acls"] if "Write" in acl["operations"]]
    assert ["email-bounces.crm"] == writes
    result = CliRunner().invoke(main, ["acls", "show", "--format", "strimzi", "--own", "email-intents.a_b"])
    assert (2, True) == (result.exit_code, "email-intents.a_b can't be a KafkaTopic" in result.output)


@pytest.mark.parametrize(("given", "type_"), [("scram-sha-512", "scram-sha-512"), ("oauth", None), ("none", None)])
def test_how_strimzi_knows_a_user_is_said(given: str, type_: str | None) -> None:
    """Tokens are checked by the listener, so that the user has rights and quotas only."""
    [user] = yaml.safe_load_all(show("--format", "strimzi", "--principal", "mailer", "--authentication", given).output)
    assert type_ == user["spec"].get("authentication", {}).get("type")


def test_a_name_that_kubernetes_does_not_take_is_refused() -> None:
    """Before anything is printed."""
    result = CliRunner().invoke(main, ["acls", "show", "--service", "Shop", "--format", "strimzi"])
    assert (2, True) == (result.exit_code, "service-Shop can't be a KafkaUser" in result.output)


def test_json_has_an_object_for_each_principal() -> None:
    """With rights, quota and Kafka's name."""
    found = [json.loads(line) for line in show("--format", "json").output.splitlines()]
    granted = {
        (each["principal"], right["resource"], right["pattern"], right["name"], right["operation"])
        for each in found
        for right in each["rights"]
    }
    assert plain(rights(["shop"])) == granted
    assert [quota_of(each["principal"]) for each in found] == [each["quota"] for each in found]


def test_the_table_is_for_people(tmp_path: Path) -> None:
    """Every principal with its limits and all names; one alone where asked for; Kafka's names where they differ."""
    text = show().output
    assert [name for name in KNOWN.principals() if f"{name}: " not in text] == []
    assert "service-shop: writes 2 MiB/s, reads 4 MiB/s, 25 % of a thread, on each broker" in text
    assert "screen: no limits" in text
    assert all(len(line) <= 118 for line in text.splitlines())
    file = tmp_path / "principals.toml"
    file.write_text('user = "CN={}"', "utf-8")
    one = show("--principal", "mailer", "--principals", str(file)).output
    assert one.startswith("mailer  (in Kafka: CN=mailer): ")
    assert "screen" not in one


def test_the_group_of_the_settings_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another installation on the same cluster has groups and transactional ids of its own."""
    monkeypatch.setenv("SIDESTEP_GROUP", "mail-eu")
    text = show("--principal", "decide").output
    assert "mail-eu-decide-*" in text and "sidestep-decide" not in text
    monkeypatch.setenv("SIDESTEP_GROUP", "mail eu")
    result = show("--principal", "decide")
    assert (2, True) == (result.exit_code, "SIDESTEP_GROUP='mail eu'" in result.output)


def test_a_slip_is_a_usage_error_that_says_what_there_is(tmp_path: Path) -> None:
    """Principals, services and files."""
    for arguments, means in (
        (["--principal", "service-shop2"], "service-shop, screen, decide"),
        (["--service", "a b"], "letters, digits"),
        (["--principals", str(tmp_path / "none")], "can't be read"),
    ):
        result = show(*arguments)
        assert (2, True) == (result.exit_code, means in " ".join(result.output.split())), result.output
