"""Creates the catalog's topics in a cluster, and compares the two. All raise BrokerUnreachable or TopicsError."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata, ConfigResource, NewTopic

from sidestep.topics.catalog import CATALOG, Topic
from sidestep.topics.cluster import DEADLINE, UNREACHABLE, admin_client, cluster, reason
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable, TopicsError
from sidestep.topics.plan import TopicState, config_of, differences, partitions_to_create

REQUEST_DEADLINE = 30.0
"""Seconds for the cluster to create all topics."""


def create(
    connection: Connection | str,
    partitions: int | None = None,
    replication: int = 1,
    config: Mapping[str, str] | None = None,
    *,
    topics: Iterable[Topic] = CATALOG,
) -> list[str]:
    """Creates what is missing and leaves the rest alone; returns the names created.

    `config` is added to every new topic's settings. A text for the connection is bootstrap servers in plain text.
    """
    topics = tuple(topics)
    connection = Connection.of(connection)
    client = admin_client(connection)
    existing = {name: len(topic.partitions) for name, topic in cluster(client, connection).topics.items()}
    missing = partitions_to_create(partitions, existing, topics)
    new = [
        NewTopic(t.name, missing[t.name], replication, config={**config_of(t, replication), **(config or {})})
        for t in topics
        if t.name in missing
    ]
    futures = client.create_topics(new, operation_timeout=REQUEST_DEADLINE) if new else {}
    return [name for name, future in futures.items() if _created(name, future)]


def check(connection: Connection | str, topics: Iterable[Topic] = CATALOG) -> list[str]:
    """What differs from the catalog, a sentence each; empty: nothing."""
    topics = tuple(topics)
    return differences({state.name: state for state in states(connection, topics)}, topics)


def states(connection: Connection | str, topics: Iterable[Topic] = CATALOG) -> list[TopicState]:
    """The catalog's topics as the cluster has them, in the catalog's order; those it lacks are left out."""
    connection = Connection.of(connection)
    client = admin_client(connection)
    metadata = cluster(client, connection)
    here = [topic for topic in topics if topic.name in metadata.topics]
    configs = configs_of(client, [topic.name for topic in here])
    return [_state(topic, metadata, configs[topic.name]) for topic in here if topic.name in configs]


def configs_of(client: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """The settings of topics, by name; those that are gone are left out. Raises BrokerUnreachable, TopicsError."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    found = {}
    for resource, future in client.describe_configs(resources, request_timeout=DEADLINE).items():
        try:
            found[resource.name] = {entry.name: entry.value for entry in future.result().values()}
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART:  # deleted since the cluster named it
                continue
            if code in UNREACHABLE:
                raise BrokerUnreachable(
                    f"the settings of {resource.name} can't be read: {reason(error.args[0])}"
                ) from None
            raise TopicsError(f"the settings of {resource.name} can't be read: {reason(error.args[0])}") from None
    return found


def _created(name: str, future: "Future[None]") -> bool:
    try:
        future.result(REQUEST_DEADLINE)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else was quicker
            return False
        raise TopicsError(f"{name} could not be created: {reason(error.args[0])}") from None
    return True


def _state(topic: Topic, metadata: ClusterMetadata, config: dict[str, str]) -> TopicState:
    partitions = metadata.topics[topic.name].partitions
    replication = min((len(p.replicas) for p in partitions.values()), default=0)
    wanted = {key: config[key] for key in topic.config() if key in config}
    in_sync = int(config.get("min.insync.replicas", 1))
    return TopicState(topic.name, len(partitions), replication, wanted, in_sync)
