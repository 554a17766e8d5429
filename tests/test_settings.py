"""Settings: from the environment, from options, refused with the name of the variable, and secrets out of sight."""

from dataclasses import fields
from hashlib import sha256
from typing import Any

import pytest

from sidestep.streams.decide.id_rows import IdRow
from sidestep.streams.decide.tables import IDS
from sidestep.streams.errors import SettingsError
from sidestep.streams.hash_key_text import parse_hash_key
from sidestep.streams.runtime.tables import pack_pairs
from sidestep.streams.settings import BATCH_MOST, Settings, load, name_servers
from sidestep.topics.access import WANTED
from sidestep.topics.catalog import IDS_CHANGELOG

KEY = sha256(b"of the tests").hexdigest()
OTHER_SAMPLES = {"hash_key": KEY, "broker": "127.0.0.1:17", "security": "tls", "oauth_token_url": "https://x"}
OTHER_SAMPLES |= {"oauth_extensions": "name=value", "snapshot_interval": "3600", "snapshot_keep": "daily=3"}
WAYS = {"tls": "mtls", "sasl": "scram", "oauth": "oauth"}


def _beside(name: str) -> dict[str, str]:
    """What must be given with a setting, of a way to Kafka say, for it to make sense."""
    way = WAYS.get(name.partition("_")[0], "plaintext")
    pairs = {key: (key, f"{key}_file") for key in ("verdict_key", "release_key")}
    together = pairs.get(name.removesuffix("_file"), ())
    given = {f"SIDESTEP_{wanted.upper()}": OTHER_SAMPLES.get(wanted, "x") for wanted in (*WANTED[way], *together)}
    return given | {"SIDESTEP_SECURITY": way}


def test_without_anything_the_defaults_hold() -> None:
    """They are sound themselves."""
    assert Settings() == load({})


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_every_setting_can_be_given_by_its_variable(field: Any) -> None:
    """SIDESTEP_ and its name in capitals; of its own type."""
    samples = {str: "x", int: "17", float: "0.25", bool: "true"}
    sample = OTHER_SAMPLES.get(field.name, samples[type(field.default)])
    name = f"SIDESTEP_{field.name.upper()}"
    value = getattr(load(_beside(field.name) | {name: sample}), field.name)
    assert type(field.default)(sample) == value
    assert type(value) is type(field.default)


def test_options_go_before_the_environment() -> None:
    """An option that was not given is None and changes nothing."""
    environment = {"SIDESTEP_BROKER": "localhost:1", "SIDESTEP_GROUP": "b"}
    settings = load(environment, broker="localhost:3", group=None)
    assert ("localhost:3", "b") == (settings.broker, settings.group)


def test_other_variables_are_not_looked_at() -> None:
    """Faust has eighty of its own."""
    assert Settings() == load({"BROKER": "x", "WEB_PORT": "y", "SIDESTEP_FAILPOINT": "z"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER", ""),
        ("BROKER", " , "),
        ("BATCH_MAX", str(BATCH_MOST + 1)),
        ("WEB_PORT", "http"),
        ("WEB_PORT", ""),
        ("WEB_PORT", "-1"),
        ("WEB_PORT", "65536"),
        ("BATCH_MAX", "0"),
        ("BATCH_MAX", "1.5"),
        ("PARKED_MAX", "-3"),
        ("DNS_CONCURRENCY", "0"),
        ("DNS_TIMEOUT", "0"),
        ("DNS_TIMEOUT", "nan"),
        ("DNS_TIMEOUT", "inf"),
        ("DNS_TIMEOUT", "soon"),
        ("COMMIT_INTERVAL", "-1"),
        ("SESSION_TIMEOUT", "0"),
        ("DEAD_LETTER_SHARE", "1.01"),
        ("DEAD_LETTER_SHARE", "nan"),
        ("DEAD_LETTER_WINDOW", "0"),
        ("BLOCK_CACHE_MB", "0"),
        ("CACHE_MB", "0"),
        ("HASH_KEY", "abc"),
        ("HASH_KEY", "zz" * 32),
        ("HASH_KEY", "ab" * 31),
        ("HASH_KEY", "00" * 32),
        ("HASH_KEY", "0123456789abcdef" * 4),
        ("HASH_KEY", bytes(range(32)).hex()),
        ("HASH_KEY", bytes(range(255, 191, -2)).hex()),
        ("HASH_KEY", "deadbeef" * 7 + "c0ffee00"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name: str, value: str) -> None:
    """The sentence says which setting, so that it can be mended."""
    with pytest.raises(SettingsError) as raised:
        load({f"SIDESTEP_{name}": value})
    assert name.lower() in str(raised.value).lower()


def test_a_bad_key_is_not_repeated_in_the_error() -> None:
    """It may be a good one with one digit missing."""
    with pytest.raises(SettingsError) as raised:
        load({"SIDESTEP_HASH_KEY": "ab" * 31})
    assert "abab" not in str(raised.value)


def test_a_key_that_chance_has_made_is_taken() -> None:
    """Whichever it is."""
    for number in range(1_000):
        key = sha256(number.to_bytes(2, "big"))
        assert key.digest() == parse_hash_key(key.hexdigest())


def test_a_key_is_given_once() -> None:
    """Whoever gives two would find out too late which one counts."""
    with pytest.raises(SettingsError, match="leave one of them out"):
        load({"SIDESTEP_HASH_KEY": KEY, "SIDESTEP_HASH_KEY_FILE": "hash-key"})


def test_secrets_are_not_in_repr() -> None:
    """Settings get logged."""
    assert "ab" * 32 not in repr(Settings(hash_key="ab" * 32))
    assert [field.name for field in fields(Settings) if not field.repr] == ["hash_key"]
    assert [field.name for field in fields(Settings) if field.metadata["secret"]] == ["hash_key"]


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", None),
        (" , ", None),
        ("192.0.2.1", [("192.0.2.1", 53)]),
        ("127.0.0.1:5353", [("127.0.0.1", 5353)]),
        ("192.0.2.1, 192.0.2.2:54 ,", [("192.0.2.1", 53), ("192.0.2.2", 54)]),
        ("::1", [("::1", 53)]),
        ("2001:db8::53", [("2001:db8::53", 53)]),
        ("[::1]", [("::1", 53)]),
        ("[::1]:5353", [("::1", 5353)]),
    ],
)
def test_name_servers_are_host_and_port(text: str, servers: Any) -> None:
    """IPv6 with a port stands in brackets, as in a URL."""
    assert servers == name_servers(Settings(name_servers=text))


@pytest.mark.parametrize("text", ["host:", "host:dns", "[::1]:x", "192.0.2.1:-1"])
def test_what_is_no_name_server_is_refused(text: str) -> None:
    """With what was given."""
    with pytest.raises(SettingsError, match="SIDESTEP_NAME_SERVERS"):
        name_servers(Settings(name_servers=text))


def test_the_ids_of_the_largest_batch_fit_into_one_record() -> None:
    """Incompressible, two rows for each, as ids that are used again have: their changelog takes it."""
    row = IDS.encode(IdRow(1_800_000_000, bytes(16), 65_535, 3))
    pairs = [(b"i" + number.to_bytes(16, "big"), row) for number in range(2 * BATCH_MOST)]
    assert len(pack_pairs(pairs)) < IDS_CHANGELOG.max_message_bytes
