"""The rights of each principal on a real Kafka that allows nothing else: they work, everything else is refused."""

from collections.abc import Callable, Iterator

import pytest

from sidestep.streams.local.secure_kafka import SecureKafka
from sidestep.topics import admin
from sidestep.topics.acls import Right, principals, rights, rights_of
from sidestep.topics.catalog import BY_NAME
from sidestep.topics.connection import Connection
from sidestep.topics.own_topics import with_own
from tests.secure.attempts import Attempts, Outcome
from tests.secure.conftest import grant

GROUP = "matrix"
STRANGER = "stranger"
"""Whom Kafka knows and no ACL names."""
EVERYONE = (*principals(["shop", "shop-eu"]), STRANGER)
OWN = ("email-intents.shop", "email-bounces.shop")
TOPICS = (*BY_NAME, *OWN)
GROUPS = (
    f"{GROUP}-screen", f"{GROUP}-decide", f"{GROUP}-watch", f"{GROUP}-release", "service-shop", "service-shop/a",
    "service-shop-eu", "mailer", "mailer/a", "mailer-a", "dashboard", "auditor", "operator", "kafka-browser", "anybody",
)  # fmt: skip
IDS = (
    f"{GROUP}-0", f"{GROUP}-11", f"{GROUP}-decide-0", f"{GROUP}-decide-11", f"{GROUP}-watch-0", f"{GROUP}-release-0",
    f"{GROUP}-hold", f"{GROUP}-screen-0", f"{GROUP}-x", "service-shop", "anything",
)  # fmt: skip

AsPrincipal = Callable[[str], Connection]


@pytest.fixture(scope="module")
def as_principal(secure_kafka: SecureKafka) -> AsPrincipal:
    """as_principal(name): the connection of a client with this principal's certificate."""
    return lambda name: secure_kafka.by_certificate(name).connect()


@pytest.fixture(scope="module")
def granted(secure_kafka: SecureKafka, as_principal: AsPrincipal) -> Iterator[None]:
    """All topics, two that a service has to itself, the rights of all principals, and no other ACL."""
    admin.create(secure_kafka.connection, topics=with_own(OWN))
    grant(secure_kafka.connection, rights(["shop", "shop-eu"], GROUP, OWN))
    yield
    grant(secure_kafka.connection, ())


def allowed(principal: str, resource: str, operation: str, names: tuple[str, ...]) -> Outcome:
    """What its rights say."""
    own = rights_of(principal, GROUP, OWN) if principal != STRANGER else ()
    return {name: any(gives(right, resource, operation, name) for right in own) for name in names}


def gives(right: Right, resource: str, operation: str, name: str) -> bool:
    """READ and WRITE let describe as well."""
    fits = name.startswith(right.name) if right.pattern == "prefixed" else name == right.name
    enough = right.operation == operation or (operation == "DESCRIBE" and right.operation in ("READ", "WRITE"))
    return right.resource == resource and fits and enough


@pytest.mark.parametrize("principal", EVERYONE)
def test_topics_groups_ids_and_the_cluster(granted: None, as_principal: AsPrincipal, principal: str) -> None:
    """The whole matrix: what is allowed is done, everything else is refused."""
    attempts = Attempts(as_principal(principal))
    nothing = dict.fromkeys(TOPICS, False)
    assert allowed(principal, "topic", "DESCRIBE", TOPICS) == attempts.describe(TOPICS)
    assert allowed(principal, "topic", "WRITE", TOPICS) == attempts.write(TOPICS)
    assert allowed(principal, "topic", "READ", TOPICS) == attempts.read(TOPICS)
    assert allowed(principal, "topic", "DESCRIBE_CONFIGS", TOPICS) == attempts.describe_configs(TOPICS)
    for change in (attempts.alter_configs, attempts.delete, attempts.delete_records, attempts.add_partitions):
        assert nothing == change(TOPICS), change
    readable = next(iter(name for name, may in allowed(principal, "topic", "READ", TOPICS).items() if may), TOPICS[0])
    assert allowed(principal, "group", "READ", GROUPS) == attempts.reset(GROUPS, readable)
    assert allowed(principal, "group", "DESCRIBE", GROUPS) == attempts.describe_groups(GROUPS)
    assert dict.fromkeys(GROUPS, False) == attempts.delete_groups(GROUPS)
    assert allowed(principal, "transactional-id", "WRITE", IDS) == attempts.take_ids(IDS)
    looks = principal in ("operator", "kafka-browser")
    expected = {"read acls", "describe settings"} if looks else set()
    assert expected == {what for what, done in attempts.cluster().items() if done}
