"""Every knob: one frozen dataclass, read from the environment (SIDESTEP_ prefix) and the command line's options."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

from sidestep.streams.errors import SettingsError
from sidestep.streams.hash_key_text import parse_hash_key
from sidestep.streams.snapshots.keeping import KeepRule, parse_keep
from sidestep.topics.access import Access
from sidestep.topics.connection import Connection


def _setting(default: Any, about: str, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"about": about, "secret": secret})


BATCH_MOST = 10_000
AT_LEAST_ONE = (
    "batch_max", "parked_max", "dns_concurrency", "dead_letter_window", "block_cache_mb", "cache_mb", "held_mb",
    "quarantine_rate",
)  # fmt: skip
SNAPSHOT_LEAST = 60.0
"""Seconds between two snapshots of a partition."""
SIGNATURE_WINDOW = 604_800.0
"""Seconds: as long as the topics of services retain records, and a day less than Decide knows ids and events."""


@dataclass(frozen=True)
class Settings:
    """All settings. Durations are seconds, sizes octets or counts as named."""

    broker: str = _setting("127.0.0.1:9092", "Kafka bootstrap servers, HOST:PORT[,HOST:PORT…]")
    security: str = _setting("plaintext", "how Kafka lets us in: plaintext, tls, mtls, scram or oauth")
    plaintext_anywhere: bool = _setting(
        False, "true: plain text to other machines as well; nobody else can listen there"
    )
    tls_ca: str = _setting(
        "", "PEM file of the authorities that Kafka's certificate may come from; empty: the system's"
    )
    tls_certificate: str = _setting("", "PEM file with our certificate and its chain; read again when it changes")
    tls_key: str = _setting("", "PEM file with its key, without a password, open to nobody else")
    sasl_user: str = _setting("", "user name, for scram (SCRAM-SHA-512)")
    sasl_password_file: str = _setting("", "file with the password; read again when it changes")
    oauth_token_url: str = _setting("", "token endpoint of the OIDC provider, https://…")
    oauth_client_id: str = _setting("", "client id, for oauth (client credentials)")
    oauth_client_secret_file: str = _setting("", "file with the client's secret; read for every token")
    oauth_scope: str = _setting("", "scope to ask for; empty: none")
    oauth_extensions: str = _setting(
        "", "NAME=VALUE,… to go along with each token (RFC 7628); Confluent Cloud wants logicalCluster, identityPoolId"
    )
    oauth_ca: str = _setting("", "PEM file of the authorities of the provider's certificate; empty: the system's")
    data_dir: str = _setting("sidestep-data", "folder of the ledger and of the embedded broker")
    group: str = _setting("sidestep", "prefix of consumer groups and transactional ids")
    hash_key: str = _setting(
        "", "secret that keys recipients' hashes, 64 hex digits; made and kept in the data folder where absent", True
    )
    hash_key_file: str = _setting("", "file with that secret, open to nobody else; in place of SIDESTEP_HASH_KEY")
    hash_key_former_file: str = _setting(
        "", "file with the secret that was in force before, while people's rows move to the present one"
    )
    signers: str = _setting(
        "",
        "file (TOML) of the keys that sign records, and of whose have to be signed; followed while the worker runs; "
        "empty: signatures are not looked at, services are who they say they are",
    )
    signature_window: float = _setting(
        SIGNATURE_WINDOW, "a signature is good for so long; at most a week, a day less than ids are known"
    )
    verdict_key: str = _setting(
        "", "id of the key that signs verdicts, in SIDESTEP_VERDICT_KEY_FILE; for Decide workers"
    )
    verdict_key_file: str = _setting(
        "", "file with that key (Ed25519), open to nobody else; read at the start; empty: verdicts are not signed"
    )
    release_key: str = _setting(
        "",
        "id of the key that signs what is offered again for services that sign, in SIDESTEP_RELEASE_KEY_FILE; for "
        "Release workers",
    )
    release_key_file: str = _setting(
        "", "file with that key, open to nobody else; empty: what was signed is not offered again"
    )
    policy: str = _setting(
        "", "policy file (TOML), followed while the worker runs; empty: the one that ships with Sidestep"
    )
    watch: str = _setting("", "file (TOML) of Watch's windows and thresholds; empty: the one that ships with Sidestep")
    name_servers: str = _setting("", "HOST[:PORT],…; empty: those of the system")
    sources: str = _setting(
        "", "file (TOML) of block lists, feeds, reputation services and the mailbox probe; empty: nobody is asked"
    )
    dns_canaries: str = _setting(
        "shipped",
        "domains that certainly take mail, with commas: name servers that deny them are not believed; shipped: those "
        "of streams/screen/dns/data/canaries.toml; empty: none, for name servers that only know names of your own",
    )
    dns_timeout: float = _setting(5.0, "no look-up outlives it; afterwards the answer is unknown")
    dns_concurrency: int = _setting(256, "look-ups under way at once")
    check_exchanges: bool = _setting(
        True, "look the mail servers of a domain up too: one whose mail servers have no public address takes no mail"
    )
    parked_max: int = _setting(5_000, "intents of one partition that may wait for DNS before it pauses")
    batch_max: int = _setting(4_000, "records of one batch, and of one transaction")
    held_mb: int = _setting(
        128,
        "records that a role of a worker holds between Kafka and the end of their batches, MiB; 4 a partition at least",
    )
    skip_truncated: bool = _setting(
        False, "true: where records were lost to retention before they were read, go on with the oldest that is left"
    )
    commit_interval: float = _setting(1.0, "between commits of the consumer group's offsets")
    session_timeout: float = _setting(10.0, "a silent worker's partitions go to another one after it")
    dead_letter_share: float = _setting(
        0.5, "a producer is put in quarantine when more than this share of its records is unreadable; 1: never"
    )
    dead_letter_window: int = _setting(1_000, "… of this many recent records")
    cache_mb: int = _setting(
        192, "what Screen remembers of DNS, block lists, reputation services and mailboxes, all together, MiB"
    )
    dead_letter_exit: bool = _setting(
        False, "true: the worker ends instead, before it writes any of them; where all records are one tenant's"
    )
    quarantine_rate: int = _setting(
        1_000, "dead letters a second of producers in quarantine, for each partition; beyond, one names many records"
    )
    block_cache_mb: int = _setting(32, "RocksDB block cache of all partitions of a worker together, MiB")
    snapshots: str = _setting(
        "",
        "where snapshots of ledgers are kept: a folder, or a URL that fsspec takes (s3://BUCKET/PATH; its package, "
        "s3fs, has to be installed); empty: the folder snapshots in the data folder; none: none are taken",
    )
    snapshot_interval: float = _setting(86_400.0, "between two snapshots of a partition; partitions take turns")
    snapshot_keep: str = _setting(
        "daily=7,weekly=5,monthly=12", "of how many days, weeks and months the newest snapshot is kept"
    )
    web_host: str = _setting("127.0.0.1", "where /livez, /readyz and /metrics are served")
    web_port: int = _setting(6066, "0: not served")
    web_token_file: str = _setting(
        "", "file with the token that /metrics and the reasons of /readyz then want; needed beyond loopback"
    )
    web_tls_certificate: str = _setting("", "PEM file with the endpoints' certificate and its chain; followed")
    web_tls_key: str = _setting("", "PEM file with its key, without a password, open to nobody else")
    web_plaintext: bool = _setting(
        False, "true: beyond loopback without TLS, as something in front speaks it or nobody else is on the network"
    )
    log_format: str = _setting("auto", "auto, text or json; auto: text on a terminal, otherwise json")
    log_level: str = _setting("info", "debug, info, warning or error")

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self.data_dir)

    @property
    def snapshots_url(self) -> str:
        """Where snapshots are kept; empty: none are taken."""
        return "" if self.snapshots == "none" else self.snapshots or str(self.data / "snapshots")

    @property
    def keep_rule(self) -> KeepRule:
        """Which snapshots are kept."""
        return parse_keep(self.snapshot_keep)

    @cached_property
    def connection(self) -> Connection:
        """The Kafka cluster that every client of this process talks to. Raises CredentialsError."""
        return self.access.connect()

    @property
    def access(self) -> Access:
        """What of it is about Kafka."""
        return Access(**{each.name: getattr(self, each.name) for each in fields(Access)})


def load(environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from SIDESTEP_* names, then from `overrides` that are not None. Raises SettingsError."""
    environment = os.environ if environment is None else environment
    kinds = get_type_hints(Settings)
    known = {f"SIDESTEP_{f.name.upper()}": f.name for f in fields(Settings)}
    values: dict[str, Any] = {}
    for name, text in environment.items():
        if name in known:
            values[known[name]] = _convert(name, text, kinds[known[name]])
    values |= {name: value for name, value in overrides.items() if value is not None}
    settings = replace(Settings(), **values)
    _check(settings)
    return settings


def _convert(name: str, text: str, kind: type) -> Any:
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[text.strip().lower()]
        return kind(text)
    except (ValueError, KeyError):
        raise SettingsError(f"{name}={text!r}: expected a value of type {kind.__name__}") from None


def _check(settings: Settings) -> None:
    if not settings.connection.servers:
        raise SettingsError("broker must name Kafka's bootstrap servers: HOST:PORT[,HOST:PORT…]")
    if settings.hash_key and settings.hash_key_file:
        raise SettingsError("SIDESTEP_HASH_KEY and SIDESTEP_HASH_KEY_FILE are both given: leave one of them out")
    if bool(settings.verdict_key) != bool(settings.verdict_key_file):
        raise SettingsError(
            "SIDESTEP_VERDICT_KEY and SIDESTEP_VERDICT_KEY_FILE go together: the key's id, and its file"
        )
    if bool(settings.release_key) != bool(settings.release_key_file):
        raise SettingsError(
            "SIDESTEP_RELEASE_KEY and SIDESTEP_RELEASE_KEY_FILE go together: the key's id, and its file"
        )
    if settings.hash_key:
        try:
            parse_hash_key(settings.hash_key)
        except ValueError as error:
            raise SettingsError(f"SIDESTEP_HASH_KEY: {error}") from None
    for name in AT_LEAST_ONE:
        if getattr(settings, name) < 1:
            raise SettingsError(f"{name} must be at least 1")
    if settings.batch_max > BATCH_MOST:
        raise SettingsError(f"batch_max must be at most {BATCH_MOST}: the ids of a batch go into one record")
    for name in ("dns_timeout", "commit_interval", "session_timeout"):
        if not 0 < getattr(settings, name) < 86_400:  # so written that NaN is refused too
            raise SettingsError(f"{name} must be above 0 and less than a day, in seconds")
    if not SNAPSHOT_LEAST <= settings.snapshot_interval <= 30 * 86_400:
        raise SettingsError("snapshot_interval must be from 60 to 2592000 s, a minute to 30 days")
    try:
        parse_keep(settings.snapshot_keep)
    except ValueError as error:
        raise SettingsError(f"SIDESTEP_SNAPSHOT_KEEP: {error}") from None
    if not 0 < settings.signature_window <= SIGNATURE_WINDOW:
        raise SettingsError("signature_window must be above 0 and at most 604800 s, a day less than ids are known")
    if not 0 <= settings.dead_letter_share <= 1:
        raise SettingsError("dead_letter_share must be from 0 to 1")
    if not 0 <= settings.web_port <= 65_535:
        raise SettingsError("web_port must be from 0 to 65535")


def name_servers(settings: Settings) -> list[tuple[str, int]] | None:
    """(host, port) of the name servers; None: the system's. Raises SettingsError."""
    servers = []
    for text in filter(None, (part.strip() for part in settings.name_servers.split(","))):
        host, colon, port = text.rpartition(":")
        if text.endswith("]") or (text.count(":") > 1 and not text.startswith("[")):  # an IPv6 address without a port
            host, colon, port = text, "", ""
        if colon and not port.isdigit():
            raise SettingsError(f"SIDESTEP_NAME_SERVERS: {text!r} is not HOST or HOST:PORT")
        servers.append(((host if colon else text).strip("[]"), int(port) if colon else 53))
    return servers or None
