"""What a cluster says of itself, for needs.py: brokers' and topics' settings, leaders, replicas."""

from collections.abc import Iterable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, TopicMetadata

from sidestep.topics.catalog import CATALOG, Topic
from sidestep.topics.cluster import DEADLINE, admin_client, cluster, reason
from sidestep.topics.connection import Connection
from sidestep.topics.needs import INTERNAL, Config, SeenCluster, SeenTopic

BROKER = ConfigResource.Type.BROKER
TOPIC = ConfigResource.Type.TOPIC


def described(connection: Connection | str, topics: Iterable[Topic] = CATALOG) -> SeenCluster:
    """Brokers, the catalog's topics and Kafka's own. Raises BrokerUnreachable; who may not ask is told in `hidden`."""
    connection = Connection.of(connection)
    client = admin_client(connection)
    metadata = cluster(client, connection)
    wanted = [name for name in (*(topic.name for topic in topics), *INTERNAL) if name in metadata.topics]
    hidden: dict[str, str] = {}
    brokers = _configs(client, [ConfigResource(BROKER, str(number)) for number in metadata.brokers], hidden)
    configs = _configs(client, [ConfigResource(TOPIC, name) for name in wanted], hidden)
    return SeenCluster(
        {int(number): config for number, config in sorted(brokers.items())},
        {name: _topic(name, metadata.topics[name], configs.get(name, {})) for name in wanted},
        hidden,
    )


def _configs(client: AdminClient, resources: Iterable[ConfigResource], hidden: dict[str, str]) -> dict[str, Config]:
    """By name; what could not be had goes into `hidden`. One request each: a broker that is down holds up no other."""
    found: dict[str, Config] = {}
    for resource in resources:
        try:
            entries = client.describe_configs([resource], request_timeout=DEADLINE)[resource].result()
        except KafkaException as error:
            name = f"broker {resource.name}" if resource.restype == BROKER else resource.name
            hidden[name] = reason(error.args[0])
            continue
        found[resource.name] = {entry.name: entry.value for entry in entries.values() if entry.value is not None}
    return found


def _topic(name: str, metadata: TopicMetadata, config: Config) -> SeenTopic:
    partitions = metadata.partitions
    return SeenTopic(
        name,
        min((len(each.replicas) for each in partitions.values()), default=0),
        config,
        tuple(number for number, each in partitions.items() if each.leader < 0),
        tuple(number for number, each in partitions.items() if len(each.isrs) < len(each.replicas)),
    )
