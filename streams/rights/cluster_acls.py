"""A cluster's ACLs: read, added, taken away. Blocks. Raises BrokerUnreachable, RightsError."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
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
from sidestep.streams.rights.granted import Granted
from sidestep.topics.cluster import UNREACHABLE, admin_client, cluster, reason
from sidestep.topics.connection import Connection
from sidestep.topics.errors import BrokerUnreachable

SECONDS = 30.0
KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,  # as librdkafka calls it
}
_KIND = {kind: name for name, kind in KINDS.items()}


class ClusterAcls:
    """The ACLs of one cluster, as the principal of the connection may see and change them."""

    def __init__(self, connection: Connection):
        self._client: AdminClient = admin_client(connection)
        cluster(self._client, connection)  # says in our words that nobody answers

    def read(self) -> list[Granted]:
        """All of them but those on resources that Sidestep knows nothing of."""
        whatever: Any = None  # its types do not say that this is how any name, principal and host are asked for
        anything = AclBindingFilter(
            ResourceType.ANY, whatever, ResourcePatternType.ANY, whatever, whatever, AclOperation.ANY,
            AclPermissionType.ANY,
        )  # fmt: skip
        found = _result(self._client.describe_acls(anything, request_timeout=SECONDS), "reading ACLs")
        return sorted(_granted(binding) for binding in found if binding.restype in _KIND)

    def add(self, acls: Iterable[Granted]) -> None:
        """ACLs that exist already stay as they are."""
        if bindings := [_binding(acl) for acl in acls]:
            _all(self._client.create_acls(bindings, request_timeout=SECONDS), "adding ACLs")

    def remove(self, acls: Iterable[Granted]) -> None:
        """Exactly these."""
        if filters := [_filter(acl) for acl in acls]:
            _all(self._client.delete_acls(filters, request_timeout=SECONDS), "taking ACLs away")


def _all(futures: "Mapping[Any, Future[Any]]", doing: str) -> None:
    for future in futures.values():
        _result(future, doing)


def _result(future: "Future[Any]", doing: str) -> Any:
    try:
        return future.result(SECONDS)
    except KafkaException as error:
        raise _explained(error.args[0], doing) from None


def _explained(error: KafkaError, doing: str) -> RightsError | BrokerUnreachable:
    code = error.code()
    if code in UNREACHABLE:
        return BrokerUnreachable(f"{doing}: {reason(error)}")
    if code == KafkaError.SECURITY_DISABLED:
        return RightsError(
            f"{doing}: this Kafka has no authorizer, so everybody may do everything. Set authorizer.class.name="
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer and super.users on brokers and controllers"
        )
    if code == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
        return RightsError(
            f"{doing}: Kafka refuses it ({reason(error)}). Connect as an administrator; to read, DESCRIBE on the "
            "cluster is enough, as the operator has it"
        )
    return RightsError(f"{doing}: {reason(error)}")


def _granted(binding: Any) -> Granted:
    """Of an AclBinding, whose types say that its parts may be texts and numbers."""
    return Granted(
        binding.principal,
        _KIND[binding.restype],
        binding.resource_pattern_type.name.lower(),
        binding.name,
        binding.operation.name,
        binding.permission_type == AclPermissionType.ALLOW,
        binding.host,
    )


def _parts(acl: Granted) -> tuple[Any, ...]:
    permission = AclPermissionType.ALLOW if acl.allow else AclPermissionType.DENY
    pattern = ResourcePatternType[acl.pattern.upper()]
    return KINDS[acl.resource], acl.name, pattern, acl.user, acl.host, AclOperation[acl.operation], permission


def _binding(acl: Granted) -> AclBinding:
    return AclBinding(*_parts(acl))


def _filter(acl: Granted) -> AclBindingFilter:
    return AclBindingFilter(*_parts(acl))
