"""The file of principals: which services there are, and what Kafka calls whom."""

import pytest

from sidestep.streams.rights.registry import Registry, registry

FILE = """
services = ["shop"]
user = "CN={},O=Example"
administrators = ["sa-admin"]

[users]
screen = "sa-1x2y"
"""


def test_a_file_names_services_and_what_kafka_calls_them() -> None:
    """Options add services; each principal has its own rights under Kafka's name."""
    found = registry(FILE, ["billing", "shop"])
    assert ("shop", "billing") == found.services
    assert ["sa-1x2y", "CN=service-shop,O=Example"] == [found.name("screen"), found.name("service-shop")]
    assert ["User:sa-admin"] == found.administrator_users
    assert {"User:sa-1x2y", "User:CN=mailer,O=Example"} <= found.wanted().keys()
    assert {"email-intents"} <= {right.name for right in found.wanted()["User:sa-1x2y"]}


def test_without_a_file_users_are_called_as_principals() -> None:
    """And one administrator is known."""
    assert Registry() == registry("")
    assert ("screen", ("admin",)) == (registry("").name("screen"), registry("").administrators)


def test_topics_of_their_own_make_services() -> None:
    """From the file and from elsewhere; the mailer is none."""
    found = registry('topics = ["email-intents.shop"]', ["crm"], ["email-bounces.mailer", "email-bounces.billing"])
    assert ("crm", "shop", "billing") == found.services
    assert ("email-intents.shop", "email-bounces.mailer", "email-bounces.billing") == found.topics
    written = {right.name for right in found.wanted()["User:service-shop"] if right.operation == "WRITE"}
    assert {"email-intents.shop"} == written


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("services = [", "it has services, user, administrators"),
        ("service = ['a']", "unknown field `service`"),
        ("services = 'a'", "Expected `array`"),
        ("services = ['a b']", "'a b' can't be part of a principal's name"),
        ("user = 'CN='", "lacks {}"),
        ("topics = ['email-evidence.x']", "'email-evidence.x' is no topic of a service's own"),
        ("[users]\nscren = 'x'", r"\[users\] names scren: screen, decide, "),
        ("[users]\nscreen = 'x'\ndecide = 'x'", "two principals are both called x"),
        ("[users]\nscreen = 'decide'", "two principals are both called decide"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(text: str, means: str) -> None:
    """A slip must not leave somebody without rights, or with another one's."""
    with pytest.raises(ValueError, match=means):
        registry(text)
