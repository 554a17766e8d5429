"""Secrets of docker-compose.yml: each in the containers that need it, as a file, and in nothing that is kept."""

import json
import re

from sidestep.streams.settings import load
from tests.compose_file import COMPOSE, ROOT, SERVICES, WORKERS, composed, environment, given


def test_each_gets_its_own_secrets_alone() -> None:
    """The key of a principal is in the containers of that principal and nowhere else."""
    holders: dict[str, set[str]] = {}
    for service in SERVICES:
        for secret in given(service).values():
            holders.setdefault(secret, set()).add(service)
    assert set(COMPOSE["secrets"]) == set(holders)
    shared = {name: who for name, who in holders.items() if len(who) > 1}
    assert set(SERVICES) - {"validate", "grafana", "tokens"} == shared.pop("ca")
    assert {"prometheus", *WORKERS} == shared.pop("web-token")
    assert {"prometheus", "receive"} == shared.pop("receiver-web-token")
    assert {"topics", "acls"} == shared.pop("signers")
    assert {"screen", "screen-2"} == shared.pop("hash-key")
    assert {"screen", "screen-2"} == shared.pop("hash-key-former")
    assert {"decide", "decide-2"} == shared.pop("verdict-key")
    for kind in ("certificate", "key"):
        assert {"topics", "acls"} == shared.pop(f"admin-{kind}")
        for role in ("screen", "decide", "watch"):
            assert {role, f"{role}-2"} == shared.pop(f"{role}-{kind}")
    assert {} == shared


def test_no_secret_stands_in_an_environment_or_a_command() -> None:
    """Only paths of files do, and no file is the authority's key."""
    for service in SERVICES:
        for name, value in environment(service).items():
            secret = re.search(r"(KEY|SECRET|PASSWORD|TOKEN)S?(_FILE|__FILE)?$", name)
            key_id = name in {"SIDESTEP_VERDICT_KEY", "SIDESTEP_RELEASE_KEY"}
            assert key_id or not secret or not value or value.startswith("/run/secrets/"), name
        mounted = {f"/run/secrets/{target}" for target in given(service)}
        mounted |= {volume.split(":")[1] for volume in SERVICES[service].get("volumes", [])}
        assert set(re.findall(r"/run/secrets/[\w.-]+", json.dumps(SERVICES[service]))) <= mounted, service
    assert not [what for what in COMPOSE["secrets"].values() if "ca.key" in what["file"] or set(what) != {"file"}]
    assert "env_file" not in (ROOT / "docker-compose.yml").read_text()


def test_a_secret_of_before_is_named_while_it_is_being_changed() -> None:
    """One line of .env gives both screens its file. Without it the file is that of the present one, which they have,
    and nothing names it."""
    variable, file = "SIDESTEP_HASH_KEY_FORMER_FILE", "./certs/mounted/{}.secret"
    for line, path, mounted in (
        ({}, "", "hash-key"),
        ({"HASH_KEY_FORMER": "old"}, "/run/secrets/hash-key-former", "old"),
    ):
        made = composed(line)
        assert file.format(mounted) == made["secrets"]["hash-key-former"]["file"]
        assert {path} == {made["services"][name]["environment"][variable] for name in ("screen", "screen-2")}
        assert load({variable: path}).hash_key_former_file == path


def test_release_signs_where_one_line_says_so() -> None:
    """RELEASE_KEY in .env is the key's id in the signers file; without it there is neither id nor file."""
    for line, path in (({}, ""), ({"RELEASE_KEY": "release"}, "/run/secrets/signing-key")):
        found = composed(line)["services"]["release"]["environment"]
        key = {name: found[name] for name in ("SIDESTEP_RELEASE_KEY", "SIDESTEP_RELEASE_KEY_FILE")}
        settings = load(key)
        assert (line.get("RELEASE_KEY", ""), path) == (settings.release_key, settings.release_key_file)
    assert "release-signing-key" == given("release")["signing-key"]


def test_folders_of_secrets_are_mounted_where_they_are_read() -> None:
    """The keys of those who sign are Screen's, the doors' secrets the receiver's."""
    folders = {
        volume: {name for name, what in SERVICES.items() if volume in what.get("volumes", [])}
        for what in SERVICES.values()
        for volume in what.get("volumes", [])
        if volume.startswith("./certs/")
    }
    assert {
        "./certs/mounted/signers:/run/secrets/signers:ro": {"screen", "screen-2"},
        "./certs/mounted/doors:/run/secrets/doors:ro": {"receive"},
    } == folders


def test_files_read_the_secrets_that_are_mounted() -> None:
    """server.properties, prometheus.yml, dex.yaml and kafka-browser.yml name what their container gets."""
    read = {
        "kafka": ".deploy/kafka/server.properties",
        "prometheus": ".deploy/prometheus.yml",
        "tokens": ".deploy/tokens/dex.yaml",
        "kafka-browser": ".deploy/kafka-browser.yml",
    }
    for service, file in read.items():
        named = set(re.findall(r"/run/secrets/([\w-]+)", (ROOT / file).read_text()))
        assert named and named <= set(given(service))


def test_nothing_of_it_gets_into_git_or_an_image() -> None:
    """certs/ and .env are ignored by both."""
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"certs/", ".env"} <= set(ignored)
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
