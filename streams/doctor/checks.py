"""All checks of the doctor: first what needs nobody, and the first words with Kafka; then what Kafka has to answer."""

from collections.abc import Collection, Iterator, Mapping
from functools import partial

from confluent_kafka.admin import ClusterMetadata

from sidestep.streams.doctor import certificates, judge, kafka, machine, names, rights, snapshot_room
from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.doctor.run import Check, run_all
from sidestep.streams.rights.registry import Registry
from sidestep.streams.settings import Settings
from sidestep.topics.connection import Connection

ORDER = (
    "settings", "connection", "certificate", "clock", "topics", "layout", "acls", "dns", "disk", "snapshots", "files",
    "secrets", "hash key", "former key", "policy", "watch", "sources", "signers", "verdict key", "endpoints",
)  # fmt: skip

OF_KAFKA = ("clock", "topics", "acls")
"""What only Kafka can tell."""

SECONDS = 6.0
"""For what needs nobody, DNS and the first words with Kafka; and as long again for what Kafka has to answer."""


def examine(
    settings: Settings, environment: Mapping[str, str], known: Collection[str], registry: Registry
) -> list[CheckRow]:
    """The rows of all checks, in ORDER. `known`: names of variables that somebody reads. Blocks for seconds."""
    first: list[kafka.FirstWords] = []

    def connection() -> Iterator[CheckRow]:
        words = kafka.FirstWords(settings)
        yield from words.rows()
        first.append(words)

    late = f"nothing comes back from {settings.broker}: look at the network, and at SIDESTEP_BROKER"
    rows = run_all([Check("connection", connection, late), *_alone(settings, environment, known)], SECONDS)
    metadata = first[0].metadata if first else None
    if metadata is None:
        rows += [CheckRow(name, "unknown", f"Kafka can't be asked about {name}, see connection") for name in OF_KAFKA]
    else:
        rows += run_all(_of_kafka(settings, registry, first[0].connection, metadata), SECONDS)
    return sorted(_once(rows), key=lambda row: ORDER.index(row.check))


def _once(rows: list[CheckRow]) -> Iterator[CheckRow]:
    """Each fault once: a key that is open to others breaks whatever needs it."""
    told: set[str] = set()
    for row in rows:
        if row.status != "fault" or row.what not in told:
            yield row
        told.add(row.what)


def _alone(settings: Settings, environment: Mapping[str, str], known: Collection[str]) -> Iterator[Check]:
    given = [name for name in environment if name.startswith("SIDESTEP_")]
    yield Check("settings", lambda: judge.misspelt(given, known))
    yield Check("certificate", lambda: certificates.own(settings, environment))
    yield Check("secrets", lambda: machine.secrets(settings, environment))
    yield Check("dns", lambda: names.names(settings))
    for name, find in (
        ("disk", machine.disk),
        ("snapshots", snapshot_room.snapshots),
        ("files", machine.files),
        ("hash key", machine.hash_key),
        ("policy", machine.policy),
        ("watch", machine.watch),
        ("sources", machine.sources),
        ("signers", machine.signers),
        ("verdict key", machine.verdict_key),
        ("endpoints", machine.endpoints),
    ):
        yield Check(name, partial(find, settings))


def _of_kafka(
    settings: Settings, registry: Registry, connection: Connection, metadata: ClusterMetadata
) -> Iterator[Check]:
    yield Check("acls", lambda: rights.acls(settings, registry))
    yield Check("topics", lambda: kafka.topics(settings))
    yield Check("hash key", lambda: kafka.hash_key(settings, metadata))
    yield Check("layout", lambda: kafka.layout(settings, metadata))
    yield Check("clock", lambda: kafka.clock(connection, metadata))
    yield Check("certificate", lambda: certificates.of_brokers(connection, metadata))
