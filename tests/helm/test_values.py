"""The chart's values: every name is known, what is wrong is refused with a sentence, the default is the safe one."""

import copy
import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from tests.helm.chart import CASES, CHART, changed, given, render

DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())


def merged(values: dict[str, Any], defaults: dict[str, Any] = DEFAULTS) -> dict[str, Any]:
    """Values over defaults, as Helm merges them."""
    both = copy.deepcopy(defaults)
    for name, value in values.items():
        inside = isinstance(value, dict) and isinstance(both.get(name), dict)
        both[name] = merged(value, both[name]) if inside else value
    return both


@pytest.mark.parametrize("case", CASES)
def test_the_schema_takes_what_is_right(case: str) -> None:
    """Each set of values in ci/, over the defaults."""
    jsonschema.validate(merged(given(case)), SCHEMA)


WRONG: list[tuple[str, str, Any]] = [
    ("mtls", "image.digest", "latest"),
    ("mtls", "image.tag", "1.0"),
    ("mtls", "kafka.brokers", "kafka"),
    ("mtls", "kafka.security", "sasl"),
    ("mtls", "kafka.securty", "tls"),
    ("mtls", "kafka.plaintextAnywhere", True),
    ("plaintext", "kafka.plaintextAnywhere", False),
    ("oauth", "kafka.oauth.tokenUrl", "http://id.example.org/token"),
    ("oauth", "kafka.oauth.tokenUrl", ""),
    ("mtls", "kafka.ca", {"secret": "one", "configMap": "two"}),
    ("mtls", "network.kafka.ports", []),
    ("mtls", "network.kafka.to", [{"namespaceSelecter": {}}]),
    ("mtls", "network.kafka.to", [{}]),
    ("mtls", "network.dns.to", []),
    ("mtls", "monitoring.from", []),
    ("mtls", "screen.https.to", []),
    ("mtls", "screen.nameServers", ["ns.example.org"]),
    ("mtls", "screen.replicas", 0),
    ("mtls", "screen.hashKey.secret", "Not_A_Name"),
    ("mtls", "screen.hashKey.value", "00ff"),
    ("mtls", "decide.storage.size", "20"),
    ("mtls", "decide.storage.accessMode", "ReadWriteMany"),
    ("mtls", "decide.resources", {"limits": {"memory": None}}),
    ("mtls", "release.enabled", "yes"),
    ("mtls", "release.signingKey.keyId", "a key"),
    ("mtls", "release.signingKey.key", "ed25519:00ff"),
    ("mtls", "settings.SIDESTEP_HASH_KEY", "00ff"),
    ("mtls", "settings.SIDESTEP_RELEASE_KEY_FILE", "/tmp/key"),
    ("mtls", "receive.sign.keyId", "a key"),
    ("mtls", "receive.doors.file", "doors.toml"),
    ("mtls", "setup.ownTopics", ["email-evidence.crm"]),
    ("mtls", "settings.SIDESTEP_LOG_LEVEL", 3),
    ("mtls", "securityContext", {}),
]


@pytest.mark.parametrize(("case", "path", "value"), WRONG, ids=lambda part: str(part)[:40])
def test_the_schema_refuses_what_is_wrong(case: str, path: str, value: Any) -> None:
    """One wrong value at a time, and what is refused is that one."""
    with pytest.raises(jsonschema.ValidationError) as refused:
        jsonschema.validate(merged(changed(case, path, value)), SCHEMA)
    assert path.split(".")[0] in [*refused.value.absolute_path, *re.findall(r"\w+", refused.value.message)]


def test_helm_names_the_value_that_is_wrong() -> None:
    """Whoever misspells a name reads which one, without looking at templates."""
    made = render({"typo": changed("mtls", "kafka.securty", "tls"), "tag": changed("mtls", "image.digest", "latest")})
    assert "'/kafka'" in made["typo"].error
    assert "securty" in made["typo"].error
    assert "'/image/digest'" in made["tag"].error


MISSING = [
    ("mtls", "decide.kafka.certificate", "", "decide.kafka.certificate must be given"),
    ("scram", "screen.kafka.secret", "", "screen.kafka.secret must be given"),
    ("oauth", "watch.kafka.secret", "", "watch.kafka.secret must be given"),
    ("oauth", "network.tokens.to", [], "network.tokens.to must be given"),
    ("tls", "network.kafka.to", [], "network.kafka.to must be given"),
    ("tls", "screen.hashKey.secret", "", "screen.hashKey.secret must be given"),
    ("tls", "web.plaintext", False, "web.tls.secret must be given"),
    ("tls", "web.token.secret", "", "web.token.secret must be given"),
    ("mtls", "web.tls.serverName", "", "web.tls.serverName must be given"),
    ("mtls", "release.kafka.certificate", "", "release.kafka.certificate must be given"),
    ("mtls", "release.signingKey.secret", "", "release.signingKey.secret must be given"),
    ("scram", "release.enabled", True, "release.kafka.secret must be given"),
    ("mtls", "serve.tokens.secret", "", "serve.tokens.secret must be given"),
    ("mtls", "serve.tls.secret", "", "serve.tls.secret must be given"),
    ("mtls", "serve.from", [], "serve.from must be given"),
    ("mtls", "receive.kafka.certificate", "", "receive.kafka.certificate must be given"),
    ("mtls", "receive.doors.secret", "", "receive.doors.secret must be given"),
    ("mtls", "receive.sign.secret", "", "receive.sign.secret must be given"),
    ("mtls", "receive.tls.secret", "", "receive.tls.secret must be given"),
    ("mtls", "receive.from", [], "receive.from must be given"),
    ("mtls", "setup.kafka.certificate", "", "setup.kafka.certificate must be given"),
    ("tls", "setup.enabled", True, "setup.acls must be false with kafka.security tls"),
]


def test_what_must_be_given_is_asked_for() -> None:
    """Nothing is left open because a name was forgotten: the chart refuses, and says what it wants."""
    made = render({sentence: changed(case, path, value) for case, path, value, sentence in MISSING})
    assert {} == {sentence: each.error for sentence, each in made.items() if sentence not in each.error}


def test_nothing_is_installed_by_the_defaults() -> None:
    """The defaults name neither a broker nor an image."""
    assert "'/kafka/brokers'" in render({"none": {}})["none"].error


def test_defaults_and_schema_name_the_same_values() -> None:
    """What the schema knows stands in values.yaml with its comment, and the other way round; nothing else is let in."""
    assert [] == list(_differences("", SCHEMA, DEFAULTS))


FREE = {".global", ".settings"}


def _differences(at: str, schema: dict[str, Any], value: Any) -> list[str]:
    schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    if "properties" not in schema or at in FREE:
        return []
    found = [] if schema.get("additionalProperties") is False else [f"{at}: open"]
    known = set(schema["properties"]) - ({"global"} if not at else set())
    if at.endswith((".requests", ".limits")):  # some give no limit on CPU
        known &= set(value)
    if known != set(value):
        return [*found, f"{at}: {known ^ set(value)}"]
    return found + [each for name in sorted(known) for each in
                    _differences(f"{at}.{name}", schema["properties"][name], value[name])]  # fmt: skip
