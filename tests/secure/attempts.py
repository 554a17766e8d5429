"""Everything that a client can try with Kafka, tried as one principal: what was allowed, and what was refused.

Each method answers for all names that it is given; what ends otherwise than by being done or by being refused raises.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from aiokafka import errors
from aiokafka.protocol.fetch import FetchRequest
from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from sidestep.streams.errors import RightsError
from sidestep.streams.rights.client_quotas import set_quotas
from sidestep.streams.rights.cluster_acls import ClusterAcls
from sidestep.streams.runtime.raw_log import READ_UNCOMMITTED, RawLog, raw_log
from sidestep.topics.connection import Connection

SECONDS = 15.0
REFUSALS = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
)
NO_COORDINATOR = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
QUIET = {"log_level": 0}
Answer = TypeVar("Answer")
Outcome = dict[str, bool]
"""By name: whether it was allowed."""


class Attempts:
    """One principal's attempts."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._admin = AdminClient(connection.librdkafka(**QUIET))

    # -- topics --------------------------------------------------------------------------------------------------------

    def describe(self, topics: Iterable[str]) -> Outcome:
        """Whether metadata shows it."""
        shown = self._admin.list_topics(timeout=SECONDS).topics
        return {topic: topic in shown for topic in topics}

    def read(self, topics: Iterable[str]) -> Outcome:
        """The first partition, from its beginning. Raw: librdkafka is silent while metadata does not show a topic."""
        wanted = [(topic, [(0, 0, 1024)]) for topic in topics]

        async def ask(kafka: RawLog) -> Outcome:
            client = kafka._client
            answer = await client.send(client.get_random_node(), FetchRequest(0, 0, 1024, READ_UNCOMMITTED, wanted))
            return {topic: _allowed_code(partition[1]) for topic, [partition] in answer.topics}

        return self._raw(ask)

    def write(self, topics: Iterable[str]) -> Outcome:
        """One record without meaning, to the first partition."""
        found = dict[str, bool]()

        def delivered(error: KafkaError | None, message: Message) -> None:
            found[message.topic() or ""] = _allowed(error)

        producer = Producer(self._connection.librdkafka(**{"message.timeout.ms": 10_000}, **QUIET))
        for topic in topics:
            producer.produce(topic, b"attempt", b"attempt", 0, delivered)
        assert 0 == producer.flush(SECONDS)
        return found

    def describe_configs(self, topics: Iterable[str]) -> Outcome:
        """Settings of a topic."""
        wanted = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
        return _outcome({each.name: future for each, future in self._admin.describe_configs(wanted).items()})

    def alter_configs(self, topics: Iterable[str]) -> Outcome:
        """An hour of retention."""
        change = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
        wanted = [ConfigResource(ConfigResource.Type.TOPIC, each, incremental_configs=[change]) for each in topics]
        return _outcome({each.name: future for each, future in self._admin.incremental_alter_configs(wanted).items()})

    def delete(self, topics: Iterable[str]) -> Outcome:
        """The topic with all that is in it."""
        return _outcome(self._admin.delete_topics(list(topics)))

    def delete_records(self, topics: Iterable[str]) -> Outcome:
        """All records of the first partition, where metadata tells who leads it."""
        shown = self.describe(topics)
        wanted = [TopicPartition(topic, 0, -1) for topic, known in shown.items() if known]
        futures = self._admin.delete_records(wanted) if wanted else {}
        return dict.fromkeys(shown, False) | _outcome({each.topic: future for each, future in futures.items()})

    def add_partitions(self, topics: Iterable[str]) -> Outcome:
        """So many that keys go elsewhere."""
        return _outcome(self._admin.create_partitions([NewPartitions(topic, 9) for topic in topics]))

    # -- groups and transactional ids ----------------------------------------------------------------------------------

    def reset(self, groups: Iterable[str], topic: str) -> Outcome:
        """Commit offset 0 of a topic that may be described, as a member does."""

        def reset(group: str) -> bool:
            wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 0)])
            [future] = self._admin.alter_consumer_group_offsets([wanted]).values()
            return _done(future, lambda done: [each.error for each in done.topic_partitions])

        return {group: _settled(partial(reset, group)) for group in groups}

    def describe_groups(self, groups: Iterable[str]) -> Outcome:
        """Members and state."""
        wanted = list(groups)
        return _settled(lambda: _outcome(self._admin.describe_consumer_groups(wanted, request_timeout=SECONDS)))

    def delete_groups(self, groups: Iterable[str]) -> Outcome:
        """A group with its offsets."""
        wanted = list(groups)
        return _settled(lambda: _outcome(self._admin.delete_consumer_groups(wanted), KafkaError.GROUP_ID_NOT_FOUND))

    def take_ids(self, transactional_ids: Iterable[str]) -> Outcome:
        """Fence whoever has the id."""

        async def all_of(kafka: RawLog) -> Outcome:
            return {name: await _taken(kafka, name) for name in transactional_ids}

        return self._raw(all_of)

    def _raw(self, work: Callable[[RawLog], Awaitable[Outcome]]) -> Outcome:
        async def bounded() -> Outcome:
            async with asyncio.timeout(SECONDS), raw_log(self._connection) as kafka:
                return await work(kafka)

        return asyncio.run(bounded())

    # -- the cluster ---------------------------------------------------------------------------------------------------

    def cluster(self) -> Outcome:
        """All that is done to the cluster as a whole."""
        broker = ConfigResource.Type.BROKER
        change = ConfigEntry("log.cleaner.backoff.ms", "15000", incremental_operation=AlterConfigOpType.SET)
        scram = UserScramCredentialUpsertion("decide", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), b"mine")
        acl = AclBinding(
            ResourceType.TOPIC, "email-approved", ResourcePatternType.LITERAL, "User:mine", "*", AclOperation.WRITE,
            AclPermissionType.ALLOW,
        )  # fmt: skip
        asked: dict[str, dict[Any, Future[Any]]] = {
            "create topic": self._admin.create_topics([NewTopic("email-mine", 1, 1)]),
            "create acl": self._admin.create_acls([acl]),
            "describe settings": self._admin.describe_configs([ConfigResource(broker, "1")]),
            "alter settings": self._admin.incremental_alter_configs(
                [ConfigResource(broker, "1", incremental_configs=[change])]
            ),
            "give itself decide's password": self._admin.alter_user_scram_credentials([scram]),
        }
        found = {what: all(_outcome(futures).values()) for what, futures in asked.items()}
        found["read acls"] = _ours(lambda: ClusterAcls(self._connection).read())
        found["set quotas"] = _ours(lambda: set_quotas(self._connection, {"decide": {"producer_byte_rate": 1.0}}))
        return found


def _settled(ask: Callable[[], Answer]) -> Answer:
    """The answer once the groups' coordinators are there: at a group's first use they are not."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in NO_COORDINATOR or time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # until they are, or the deadline


async def _taken(kafka: RawLog, name: str) -> bool:
    try:
        await kafka.producer_id(name)
    except errors.TransactionalIdAuthorizationFailed:
        return False
    return True


def _ours(doing: Callable[[], object]) -> bool:
    """What the product says of a refusal names it."""
    try:
        doing()
    except RightsError as error:
        assert "Connect as an administrator" in str(error), error
        return False
    return True


def _outcome(futures: "dict[Any, Future[Any]]", *passed: int) -> Outcome:
    return {str(name): _done(future, lambda done: [], *passed) for name, future in futures.items()}


def _done(future: "Future[Any]", inside: Callable[[Any], list[KafkaError | None]], *passed: int) -> bool:
    """`inside`: errors within a result. `passed`: codes of errors that only come to whoever is allowed."""
    try:
        found = inside(future.result(SECONDS))
    except KafkaException as error:
        found = [error.args[0]]
    return all(_allowed(error, *passed) for error in found)


def _allowed_code(code: int) -> bool:
    if code not in (0, *REFUSALS):
        raise errors.for_code(code)
    return code == 0


def _allowed(error: KafkaError | None, *passed: int) -> bool:
    """False for a refusal. Raises KafkaException for anything else that is no success."""
    if error is None or error.code() in passed:
        return True
    if error.code() in REFUSALS:
        return False
    raise KafkaException(error)
