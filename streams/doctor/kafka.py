"""Checks of Kafka: the first words with it, then all that can be asked once it answers."""

import contextlib
import time
from collections.abc import Iterator

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ClusterMetadata, OffsetSpec

from sidestep.streams.doctor import judge
from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.errors import LogLayoutError
from sidestep.streams.partition_note import begun_with, misfit
from sidestep.streams.roles.topics_of import topics_of
from sidestep.streams.screen.control import key_note, read_notes
from sidestep.streams.screen.hash_key import former_hash_key, known_hash_key
from sidestep.streams.screen.key_note import KEY as HASH_KEY
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.log_layout import KEY as LAYOUT
from sidestep.streams.screen.log_layout import layout_of
from sidestep.streams.screen.moved_notes import left_behind
from sidestep.streams.settings import Settings
from sidestep.topics import admin
from sidestep.topics.catalog import CONTROL, RELEASE_CHANGELOG
from sidestep.topics.cluster import admin_client, reason
from sidestep.topics.connection import Connection
from sidestep.topics.described import described
from sidestep.topics.diagnosis import why_not
from sidestep.topics.errors import SidestepError
from sidestep.topics.needs import INTERNAL, shortfalls
from sidestep.topics.plan import differences
from sidestep.topics.security import Plaintext

WAYS = {"tls": "TLS", "mtls": "mutual TLS", "scram": "TLS and SCRAM", "oauth": "TLS and OAUTHBEARER"}
"""Of SIDESTEP_SECURITY; plain text apart."""

SECONDS = 3.0
"""For the first answer: whoever runs this wants to know, and runs it again."""


class FirstWords:
    """The connection to Kafka as far as it came. `metadata` None: `rows` say why."""

    def __init__(self, settings: Settings):
        """Raises CredentialsError where settings and files allow no connection."""
        self.connection = settings.connection
        self._security = settings.security
        self.metadata: ClusterMetadata | None = None
        self._client = admin_client(self.connection)

    def rows(self) -> Iterator[CheckRow]:
        """Does Kafka answer, and can nobody listen?"""
        try:
            self.metadata = self._client.list_topics(timeout=SECONDS)
        except KafkaException as error:
            refusal = why_not(self.connection)
            said = str(refusal or f"no Kafka answers at {self.connection} ({reason(error.args[0])})")
            mend = (
                "" if refusal else "Start it, or name another one: SIDESTEP_BROKER=HOST:PORT; then look at the network."
            )
            yield CheckRow("connection", "fault", said, mend)
            return
        yield _safety(self.connection, len(self.metadata.brokers), self._security)


def topics(settings: Settings) -> Iterator[CheckRow]:
    """The catalog's topics and the cluster's settings, compared with what they should be."""
    connection = settings.connection
    topics = topics_of(("screen", "release"), settings)
    seen = described(connection, topics)
    topics = tuple(topic for topic in topics if topic is not RELEASE_CHANGELOG or topic.name in seen.topics)  # optional
    names = [topic.name for topic in topics]
    found = shortfalls(seen, names, round(settings.session_timeout * 1000))
    states = admin.states(connection, topics)
    differing = differences({state.name: state for state in states}, topics)
    differing += _misfit(connection, {state.name: state.partitions for state in states})
    yield from judge.topics(differing, found, sum(name in seen.topics for name in names))


def _misfit(connection: Connection, partitions: dict[str, int]) -> list[str]:
    """Whether the log has as many partitions as what is known lies by; nothing where that can't be read: the hash key's
    check tells of it."""
    found = ""
    with contextlib.suppress(SidestepError):
        found = misfit(begun_with(read_notes(connection)), partitions) if CONTROL.name in partitions else ""
    return [found] if found else []


def clock(connection: Connection, metadata: ClusterMetadata) -> Iterator[CheckRow]:
    """Kafka's clock, by the stamps that brokers put on what they write for themselves: offsets, transactions."""
    asked = {
        TopicPartition(name, number): OffsetSpec.max_timestamp()
        for name in INTERNAL
        if name in metadata.topics
        for number, partition in metadata.topics[name].partitions.items()
        if partition.leader >= 0
    }
    mend = f"It takes DESCRIBE on {' or '.join(INTERNAL)}, as the operator has it."
    if not asked:  # Kafka does not show what may not be described
        yield CheckRow(
            "clock", "unknown", "Kafka's clock can't be seen: it shows none of its own topics, or has none", mend
        )
        return
    try:
        written = _newest(admin_client(connection), asked)
    except KafkaException as error:
        yield CheckRow("clock", "unknown", f"Kafka's clock can't be seen: {reason(error.args[0])}", mend)
        return
    yield judge.clock(written, time.time())


def hash_key(settings: Settings, metadata: ClusterMetadata) -> Iterator[CheckRow]:
    """Whether this hash key is the one that the recipients in Kafka were keyed with, and whether the one before it may
    go; nothing where none is used yet."""
    if CONTROL.name not in metadata.topics:
        return
    secret = known_hash_key(settings)
    try:
        notes = read_notes(settings.connection)
    except SidestepError as error:
        yield CheckRow("hash key", "unknown", f"whether it is the cluster's can't be seen: {error}",
                       f"It takes READ on {CONTROL.name}, as the operator has it.")  # fmt: skip
        return
    note = key_note(notes)
    if note is None:
        return
    keys = Keys(secret, former_hash_key(settings)) if secret is not None else None
    former = keys.former.fingerprint if keys is not None and keys.former is not None else ""
    yield judge.hash_key(note.version, keys.fingerprint if keys is not None else None, former)
    if note.former and keys is not None:
        now = time.time()
        yield judge.rotation(note, former, len(left_behind(notes, note.version, int(now * 1000))), now)


def layout(settings: Settings, metadata: ClusterMetadata) -> Iterator[CheckRow]:
    """How the log is laid out; nothing where nobody has written it yet, or where its notes may not be read."""
    if CONTROL.name not in metadata.topics:
        return
    try:
        notes = read_notes(settings.connection)
        if notes.keys().isdisjoint((LAYOUT, HASH_KEY)):
            return
        yield judge.layout(layout_of(notes).astray())
    except LogLayoutError as error:
        yield CheckRow("layout", "fault", str(error), "No Screen worker of this version starts.")
    except SidestepError:  # told beside the hash key
        return


def _newest(client: AdminClient, asked: dict[TopicPartition, OffsetSpec]) -> float | None:
    futures = client.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=SECONDS)
    stamps = [future.result().timestamp for future in futures.values()]
    return max(stamps) / 1000 if max(stamps) > 0 else None


def _safety(connection: Connection, brokers: int, security: str) -> CheckRow:
    count = f"{brokers} broker{'s' if brokers != 1 else ''}"
    if isinstance(connection.security, Plaintext):
        if connection.security.anywhere:
            what = f"{connection}, {count}, in plain text: whoever is between reads along"
            mend = "See that nobody can be there, or set SIDESTEP_SECURITY (docs/security.md)."
            return CheckRow("connection", "warning", what, mend)
        return CheckRow("connection", "ok", f"{connection}, {count}, in plain text on this machine")
    return CheckRow("connection", "ok", f"{connection}, {count}, {WAYS[security]}")
