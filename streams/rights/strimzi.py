"""Rights, quotas and topics as resources of Strimzi, the operator for Kafka on Kubernetes: YAML as text. Pure.

Texts are put down as JSON has them, which is YAML as well. API v1, which Strimzi has known since 0.49.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Literal

from sidestep.streams.rights.forms import OPERATIONS, by_name
from sidestep.topics.acls import Right
from sidestep.topics.catalog import CATALOG, Topic
from sidestep.topics.plan import config_of, partitions_to_create
from sidestep.topics.quotas import quota_of

API = "kafka.strimzi.io/v1"
Authentication = Literal["tls", "scram-sha-512", "oauth", "none"]
AUTHENTICATIONS: tuple[Authentication, ...] = ("tls", "scram-sha-512", "oauth", "none")
TYPES = {"topic": "topic", "group": "group", "transactional-id": "transactionalId", "cluster": "cluster"}
PATTERNS = {"literal": "literal", "prefixed": "prefix"}
QUOTAS = {
    "producer_byte_rate": "producerByteRate",
    "consumer_byte_rate": "consumerByteRate",
    "request_percentage": "requestPercentage",
}
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


def kafka_user(principal: str, rights: Iterable[Right], cluster: str, authentication: Authentication) -> Iterator[str]:
    """Lines of a KafkaUser. Its name is the principal's: Strimzi makes CN=NAME of it for TLS. Raises ValueError for a
    name that Kubernetes does not take."""
    if not _NAME.fullmatch(principal):
        raise ValueError(f"{principal} can't be a KafkaUser: Kubernetes' names are lower case, digits, - and .")
    yield from _head("KafkaUser", principal, cluster)
    if authentication in ("tls", "scram-sha-512"):  # tokens are no business of Strimzi's user operator
        yield from ("  authentication:", f"    type: {authentication}")
    yield from ("  authorization:", "    type: simple", "    acls:")
    for (resource, pattern, name), operations in by_name(rights).items():
        yield "      - resource:"
        yield f"          type: {TYPES[resource]}"
        if resource != "cluster":
            yield f"          name: {json.dumps(name)}"
            yield f"          patternType: {PATTERNS[pattern]}"
        yield f"        operations: [{', '.join(OPERATIONS[each] for each in operations)}]"
    if quota := quota_of(principal):
        yield "  quotas:"
        yield from (f"    {QUOTAS[key]}: {limit:.0f}" for key, limit in quota.items())


def kafka_topics(
    cluster: str, partitions: int | None, replicas: int, topics: Iterable[Topic] = CATALOG
) -> Iterator[list[str]]:
    """Lines of a KafkaTopic for each topic. Raises ValueError for a name that Kubernetes does not take."""
    topics = tuple(topics)
    counts = partitions_to_create(partitions, {}, topics)
    for topic in topics:
        if not _NAME.fullmatch(topic.name):
            raise ValueError(f"{topic.name} can't be a KafkaTopic: Kubernetes' names are lower case, digits, - and .")
        lines = [*_head("KafkaTopic", topic.name, cluster), f"  partitions: {counts[topic.name]}"]
        config = [f"    {key}: {json.dumps(value)}" for key, value in config_of(topic, replicas).items()]
        yield [*lines, f"  replicas: {replicas}", "  config:", *config]


def _head(kind: str, name: str, cluster: str) -> Iterator[str]:
    yield f"apiVersion: {API}"
    yield f"kind: {kind}"
    yield "metadata:"
    yield f"  name: {name}"
    yield from ("  labels:", f"    strimzi.io/cluster: {json.dumps(cluster)}")
    yield "spec:"
