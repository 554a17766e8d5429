"""examples/django_backend.py does what Django and django-anymail expect of a mail backend."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused, AnymailUnsupportedFeature
from anymail.message import AnymailMessage
from django.conf import settings
from django.core.mail import get_connection

from sidestep.schemas import EmailIntent
from sidestep.topics import Connection, Subscription
from sidestep.topics.catalog import INTENTS
from tests.examples.programs import EXAMPLES

ADA, KIM = "ada@takes.example", "kim@takes.example"
Backend = Callable[..., Any]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """backend(broker, …): the mail backend of a site whose settings are those of the docstring, and options."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    if not settings.configured:
        defaults = {"esp_extra": {"stream": "transactional"}}
        settings.configure(ANYMAIL={"SIDESTEP_SERVICE": "shop", "SIDESTEP_SEND_DEFAULTS": defaults})
    return lambda broker, **options: get_connection("django_backend.EmailBackend", broker=str(broker), **options)


def message(*to: str, **more: Any) -> AnymailMessage:
    """A message of a view."""
    return AnymailMessage("Welcome", "Your account is ready.", None, to, **more)


def published(broker: Connection, number: int) -> list[EmailIntent]:
    """So many intents, all that there are."""
    found: list[EmailIntent] = []
    with Subscription(broker, [INTENTS.name], start="earliest") as intents:
        while len(found) < number:
            records = intents.batch(10, 10)
            assert records, found
            found += [record.value for record in records]
        assert [] == intents.batch(10, 0.5)
    return found


def test_a_program_sends_by_django(clean_topics: Connection) -> None:
    """What `send` returns for is in Kafka; the same id makes the same intents again, in whatever order."""
    program = [sys.executable, str(EXAMPLES / "django_backend.py"), "--broker", str(clean_topics), "--id", "order-7"]
    first = subprocess.run([*program, f"Ada <{ADA}>", KIM], capture_output=True, text=True, timeout=60, check=True)
    names = dict(zip((ADA, KIM), (line.removeprefix("queued ") for line in first.stdout.splitlines()), strict=True))
    subprocess.run([*program, KIM, ADA], capture_output=True, timeout=60, check=True)
    found = published(clean_topics, 4)
    assert sorted([*names.items()] * 2) == sorted((intent.to, intent.id) for intent in found)
    assert all(name.startswith("order-7/") for name in names.values())


def test_an_intent_has_what_the_message_has(clean_topics: Connection, backend: Backend) -> None:
    """Fields, defaults of the settings, metadata, and whoever gets a copy."""
    sent = message(ADA, cc=[KIM], connection=backend(clean_topics))
    sent.esp_extra = {"id": "order-7", "campaign": "spring", "expires_at": "2027-01-01T00:00:00Z"}
    sent.metadata = {"order": 7}
    assert 1 == sent.send()
    assert {"queued"} == sent.anymail_status.status
    found = {intent.to: intent for intent in published(clean_topics, 2)}
    assert {ADA, KIM} == found.keys()
    assert found[ADA].id == sent.anymail_status.recipients[ADA].message_id != found[KIM].id
    for intent in found.values():
        assert ("shop", "transactional", "spring") == (intent.service, intent.stream, intent.campaign)
        assert "2027-01-01T00:00:00Z" == intent.expires_at
        assert {"subject": "Welcome", "text": "Your account is ready.", "order": 7} == intent.metadata


def test_one_connection_sends_many(clean_topics: Connection, backend: Backend) -> None:
    """As Django's own backends do; without an id each is a message of its own."""
    assert 3 == backend(clean_topics).send_messages([message(ADA) for _ in range(3)])
    assert 3 == len({intent.id for intent in published(clean_topics, 3)})


def test_what_has_no_room_is_refused_as_anymail_does(clean_topics: Connection, backend: Backend) -> None:
    """Nothing of it is published: attachments, unknown fields, more text than an intent may have."""
    attached, unknown, long = message(ADA), message(ADA), message(ADA)
    attached.attach("a.txt", "text", "text/plain")
    unknown.esp_extra = {"strema": "marketing"}
    long.body = "x" * 20_000
    with pytest.raises(AnymailUnsupportedFeature, match="attachments"):
        backend(clean_topics).send_messages([attached])
    with pytest.raises(AnymailUnsupportedFeature, match="'strema': it takes campaign, "):
        backend(clean_topics).send_messages([unknown])
    with pytest.raises(AnymailRecipientsRefused):
        backend(clean_topics).send_messages([long])
    assert {"invalid"} == long.anymail_status.status
    assert [] == published(clean_topics, 0)


def test_kafka_that_is_away_is_an_error_of_anymail(backend: Backend) -> None:
    """So that `fail_silently` and a site's own handling of errors see it."""
    with pytest.raises(AnymailAPIError, match="1 record"):
        backend("127.0.0.1:1", timeout=1).send_messages([message(ADA)])
