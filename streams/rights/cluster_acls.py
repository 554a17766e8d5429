"""A cluster's ACLs: read, added, taken away. Blocks. Raises RightsError.

They are read without librdkafka: of an answer that refuses, its client makes an empty list.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from aiokafka.protocol.admin import DescribeAclsRequest
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from sidestep.streams.errors import RightsError
from sidestep.streams.rights.granted import Granted, said
from sidestep.streams.rights.raw_requests import SECONDS, Send, asked, check
from sidestep.topics.cluster import admin_client, cluster, reason
from sidestep.topics.connection import Connection

KNOWN_SECONDS = 10.0
"""From an answer of the controller until brokers go by it: some tenths, where they are well."""
ANY = 1
"""In a question, for kinds, patterns, operations and permissions."""
KINDS = {2: "topic", 3: "group", 4: "cluster", 5: "transactional-id"}
PATTERNS = {3: "literal", 4: "prefixed"}
ALLOW = 3
"""As numbers, what Kafka's protocol has for them."""
_CLIENTS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "cluster": ResourceType.BROKER,  # as librdkafka calls it
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}


class ClusterAcls:
    """The ACLs of one cluster, as the principal of the connection may see and change them. Raises BrokerUnreachable
    where nobody answers."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._client: AdminClient = admin_client(connection)
        cluster(self._client, connection)  # says in our words who does not answer, or does not let us in

    def read(self) -> list[Granted]:
        """All of them but those on resources that Sidestep knows nothing of."""
        doing = "reading ACLs"

        async def ask(send: Send) -> list[Granted]:
            told = await send(DescribeAclsRequest(ANY, None, ANY, None, None, ANY, ANY))
            check(told.error_code, told.error_message, doing)
            return [
                Granted(user, KINDS[kind], PATTERNS[pattern], name, _operation(operation), permission == ALLOW, host)
                for kind, name, pattern, acls in told.resources
                for user, host, operation, permission in acls
                if kind in KINDS
            ]

        return sorted(asked(self._connection, doing, ask))

    def add(self, acls: Iterable[Granted]) -> None:
        """ACLs that exist already stay as they are. Returns when a broker goes by them: the controller is first."""
        if new := set(acls):
            bindings = [AclBinding(*_parts(acl)) for acl in new]
            _all(self._client.create_acls(bindings, request_timeout=SECONDS), "adding ACLs")
            self._await(lambda: new <= set(self.read()))

    def remove(self, acls: Iterable[Granted]) -> None:
        """Exactly these. Returns when a broker has forgotten them."""
        if old := set(acls):
            filters = [AclBindingFilter(*_parts(acl)) for acl in old]
            _all(self._client.delete_acls(filters, request_timeout=SECONDS), "taking ACLs away")
            self._await(lambda: old.isdisjoint(self.read()))

    def _await(self, known: Callable[[], bool]) -> None:
        deadline = time.monotonic() + KNOWN_SECONDS
        while not known() and time.monotonic() < deadline:
            time.sleep(0.1)  # between two questions, until the deadline


def _all(futures: "Mapping[Any, Future[Any]]", doing: str) -> None:
    for future in futures.values():
        try:
            future.result(SECONDS)
        except KafkaException as error:
            check(error.args[0].code(), reason(error.args[0]).partition(" Request(")[0], doing)


def _operation(number: int) -> str:
    """Name of an operation; its number where a later Kafka brought it."""
    known = {operation.value: operation.name for operation in AclOperation}
    return known.get(number, str(number))


def _parts(acl: Granted) -> tuple[Any, ...]:
    permission = AclPermissionType.ALLOW if acl.allow else AclPermissionType.DENY
    pattern = ResourcePatternType[acl.pattern.upper()]
    if acl.operation.isdigit():
        raise RightsError(f"{acl.user} {said(acl)}: this operation is newer than our client: use kafka-acls.sh for it")
    return _CLIENTS[acl.resource], acl.name, pattern, acl.user, acl.host, AclOperation[acl.operation], permission
