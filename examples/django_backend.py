"""A mail backend for Django, by django-anymail's interface: `send_mail` asks Sidestep, a mailer sends what it approves.

    EMAIL_BACKEND = "django_backend.EmailBackend"       # settings.py; pip install sidestep django-anymail
    ANYMAIL = {
        "SIDESTEP_SERVICE": "shop",
        "SIDESTEP_SEND_DEFAULTS": {"esp_extra": {"stream": "transactional"}},
        "SIDESTEP_TIMEOUT": 10,                         # seconds that Kafka is waited for
    }

    python examples/django_backend.py ada@example.org   # the same without a site around it

Each recipient, cc and bcc as well, is an intent and gets a message of their own. Sending returns when Kafka has them:
`message.anymail_status` says "queued", or "invalid" for what breaks the contract, and has the intent's id as the
message id. The verdict comes later, so no bounce and no refusal is an exception here: read verdicts (service.py).

`esp_extra` has the intent's own fields: `id` above all. The same id is never sent twice, so a view or a task that is
run again does no harm; without one each call is another message. Subject and text go along in the metadata, as
mailer.py sends them, so they stand in Kafka, and 16 KiB is all that there is room for. Give `template_id` and
`metadata` instead where your mailer has the texts. Whom it is from the mailer says; there is no HTML, no attachment.

Each `send()` has a client of Kafka of its own. Who sends many takes them together: `get_connection().send_messages(…)`.
"""

import argparse
import hashlib
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

try:
    from anymail.backends.base import AnymailBaseBackend, BasePayload
    from anymail.exceptions import AnymailAPIError
    from anymail.message import AnymailMessage, AnymailRecipientStatus
    from anymail.utils import get_anymail_setting
    from django.conf import settings
except ImportError as missing:
    sys.exit(f"{missing}: pip install django-anymail")

from sidestep.schemas import EmailIntent
from sidestep.schemas.codec import ContractError
from sidestep.topics import Access, Publisher, SidestepError

OURS = frozenset({"id", "stream", "campaign", "source", "created_at", "consent_at", "expires_at", "test"})
"""Fields of an intent that `esp_extra` may have."""


class IntentPayload(BasePayload):  # type: ignore[misc]  # django-anymail has no types
    """What Django and Anymail say of one message."""

    def init_payload(self) -> None:
        """Called before all others here."""
        self.recipients: list[str] = []
        self.metadata: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}

    def intents(self, service: str) -> list[EmailIntent]:
        """One for each recipient. Ids of several differ by the recipient, so that they stay the same in any order."""
        fields = {"id": f"django-{uuid.uuid4()}"} | self.fields
        name = fields.pop("id")
        everybody = list(dict.fromkeys(self.recipients))
        ids = [name] if len(everybody) == 1 else [f"{name}/{_digest(address)}" for address in everybody]
        return [
            EmailIntent(id=intent_id, to=address, service=service, metadata=self.metadata or None, **fields)
            for intent_id, address in zip(ids, everybody, strict=True)
        ]

    def add_recipient(self, recipient_type: str, email: Any) -> None:
        """To, cc and bcc."""
        self.recipients.append(email.addr_spec)

    def set_from_email(self, email: Any) -> None:
        """The mailer knows who its mail is from."""

    def set_subject(self, subject: str) -> None:
        """For mailer.py."""
        self.metadata["subject"] = subject

    def set_text_body(self, body: str) -> None:
        """For mailer.py; a message by a template may have none."""
        if body:
            self.metadata["text"] = body

    def set_reply_to(self, emails: Sequence[Any]) -> None:
        """Called without any, too."""
        if emails:
            self.unsupported_feature("reply_to")

    def set_html_body(self, body: str) -> None:
        """mailer.py sends text."""
        self.unsupported_feature("HTML")

    def add_attachment(self, attachment: Any) -> None:
        """An intent has no room for any."""
        self.unsupported_feature("attachments")

    def set_template_id(self, template_id: str) -> None:
        """For a mailer that has templates."""
        self.metadata["template"] = template_id

    def set_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Comes back in the verdict."""
        self.metadata |= metadata

    def set_esp_extra(self, extra: Mapping[str, Any]) -> None:
        """Fields of the intent."""
        for name in sorted(extra.keys() - OURS):
            self.unsupported_feature(f"esp_extra {name!r}: it takes {', '.join(sorted(OURS))}")
        self.fields |= {name: value for name, value in extra.items() if name in OURS}


class EmailBackend(AnymailBaseBackend):  # type: ignore[misc]  # django-anymail has no types
    """Publishes intents. Raises AnymailAPIError where Kafka has not taken them: send again then, under the same id."""

    esp_name = "Sidestep"

    def __init__(self, **options: Any):
        self._service = get_anymail_setting("service", esp_name=self.esp_name, kwargs=options)
        broker = get_anymail_setting("broker", esp_name=self.esp_name, kwargs=options, default=None)
        self._access = Access.from_environment().at(broker)  # SIDESTEP_BROKER, SIDESTEP_SECURITY and its like
        seconds = get_anymail_setting("timeout", esp_name=self.esp_name, kwargs=options, default=10)
        self._config = {"delivery.timeout.ms": int(seconds * 1000)}
        self._publisher: Publisher | None = None
        super().__init__(**options)

    def open(self) -> bool:
        """Whether it was this call that opened."""
        if self._publisher is not None:
            return False
        self._publisher = Publisher(self._access.connect(), **self._config)
        return True

    def close(self) -> None:
        """Nothing waits in it: each message is flushed."""
        self._publisher = None

    def build_message_payload(self, message: Any, defaults: Mapping[str, Any]) -> IntentPayload:
        """The message, read once."""
        return IntentPayload(message, defaults, self)

    def post_to_esp(self, payload: IntentPayload, message: Any) -> dict[str, AnymailRecipientStatus]:
        """Returns when Kafka has all of its intents that keep to the contract."""
        assert self._publisher is not None  # send_messages has opened it
        found = {}
        for intent in payload.intents(self._service):
            try:
                self._publisher.intent(intent)
                found[intent.to] = AnymailRecipientStatus(intent.id, "queued")
            except ContractError:
                found[intent.to] = AnymailRecipientStatus(intent.id, "invalid")
        try:
            self._publisher.flush()
        except SidestepError as error:
            raise AnymailAPIError(str(error), email_message=message, payload=payload, backend=self) from error
        return found

    def parse_recipient_status(
        self, response: dict[str, AnymailRecipientStatus], payload: IntentPayload, message: Any
    ) -> dict[str, AnymailRecipientStatus]:
        """By recipient. Where all are invalid Anymail raises AnymailRecipientsRefused."""
        return response


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:12]


def main(arguments: Sequence[str] | None = None) -> int:
    """0: Kafka has an intent for each address."""
    options = argparse.ArgumentParser(description="Send a message by Django and Sidestep.")
    options.add_argument("addresses", nargs="+", metavar="ADDRESS")
    options.add_argument(
        "--broker", help="instead of SIDESTEP_BROKER; how Kafka lets us in is said by SIDESTEP_SECURITY and its like"
    )
    options.add_argument("--id", help="the same is never sent twice; otherwise each call is another message")
    given = options.parse_args(arguments)
    defaults = {"esp_extra": {"stream": "transactional"}}
    anymail = {"SIDESTEP_SERVICE": "shop", "SIDESTEP_SEND_DEFAULTS": defaults, "SIDESTEP_BROKER": given.broker}
    settings.configure(EMAIL_BACKEND="django_backend.EmailBackend", ANYMAIL=anymail)
    message = AnymailMessage("Welcome", "Your account is ready.", None, given.addresses)
    message.esp_extra = {"id": given.id} if given.id else {}
    message.send()
    for status in message.anymail_status.recipients.values():
        print(status.status, status.message_id)
    return 0


if __name__ == "__main__":
    sys.exit(main())
