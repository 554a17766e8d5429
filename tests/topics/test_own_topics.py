"""Topics that a service has to itself: their names, their settings, and who may write and read them."""

import pytest

from sidestep.topics.acls import rights, rights_of
from sidestep.topics.catalog import BOUNCES, CATALOG, ENGAGEMENT, INTENTS
from sidestep.topics.own_topics import general_of, own_topic, owner_of, with_own
from sidestep.topics.plan import partitions_to_create
from tests.topics.test_acls import said, who_may

OWN = ("email-intents.shop", "email-bounces.shop", "email-engagement.mailer", "email-bounces.receiver")
SERVICES = ("shop", "billing")


def test_a_topic_of_its_own_is_its_general_one_but_for_name_and_writers() -> None:
    """Settings, readers and the schema; the receiver writes feedback into it as well, for the service's doors."""
    found = own_topic("email-bounces.shop")
    assert (found.config(), found.consumers, found.schema) == (BOUNCES.config(), BOUNCES.consumers, BOUNCES.schema)
    assert ("service-shop", "receivers") == found.producers
    assert ("service-shop",) == own_topic("email-intents.shop").producers
    assert [("mailers", "receivers"), ("receivers",)] == [own_topic(name).producers for name in OWN[2:]]
    assert (*CATALOG, own_topic("email-intents.a"), own_topic("email-intents.b")) == with_own(
        ["email-intents.b", "email-intents.a", "email-intents.b"]
    )
    assert {"email-intents.shop": 12} == partitions_to_create(12, {}, [own_topic("email-intents.shop")])


@pytest.mark.parametrize(
    ("name", "general", "owner"),
    [
        ("email-intents.shop", INTENTS.name, "shop"),
        ("email-engagement.shop.eu-1", ENGAGEMENT.name, "shop.eu-1"),
        ("email-bounces", BOUNCES.name, ""),
        ("email-evidence.shop", "email-evidence.shop", ""),
        ("email-intents-shop", "email-intents-shop", ""),
    ],
)
def test_a_name_says_whose_it_is(name: str, general: str, owner: str) -> None:
    """The general topic, a dot, the owner."""
    assert (general, owner) == (general_of(name), owner_of(name))


@pytest.mark.parametrize(
    "name",
    ["email-intents", "email-intents.", "email-intents.a b", "email-intents..a", "email-evidence.shop", "shop",
     "email-intents.mailer", "email-intents.receiver", "email-intents." + "a" * 101, "email-intents.é"],
)  # fmt: skip
def test_a_name_that_none_has_is_refused(name: str) -> None:
    """Nobody gets another topic of ours in this way; who writes no intents has no topic for them."""
    with pytest.raises(ValueError, match=r"is no topic of a service's own|writes no intents"):
        own_topic(name)


def test_only_its_owner_writes_it() -> None:
    """Besides the receiver, where it is for feedback; of the stages Screen alone knows it. Operators read it."""
    everybody = rights(SERVICES, own=OWN)
    writers = [who_may("WRITE", "topic", name, everybody) for name in OWN]
    assert [{"service-shop"}, {"service-shop", "receiver"}, {"mailer", "receiver"}, {"receiver"}] == writers
    for name in OWN:
        assert {"screen", "operator"} == who_may("READ", "topic", name, everybody)
        assert {"screen", "operator", "kafka-browser"} == who_may("DESCRIBE_CONFIGS", "topic", name, everybody)
    assert rights_of("decide") == rights_of("decide", own=OWN)


def test_who_has_one_writes_nowhere_else() -> None:
    """What is not his own would have to be signed; others go on as they did."""
    found = {said(right) for right in rights_of("service-shop", own=OWN)}
    assert {"WRITE topic email-intents.shop", "WRITE topic email-bounces.shop"} == {
        right for right in found if right.startswith("WRITE")
    }
    assert rights_of("service-billing") == rights_of("service-billing", own=OWN)
    assert set(rights_of("mailer")) < set(rights_of("mailer", own=OWN))
