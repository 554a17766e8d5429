"""The check of what Amazon SES says by way of SNS: topic, time, signature, and the certificate for it."""

from collections.abc import Collection
from hashlib import sha256
from typing import Protocol

from sidestep.streams.web.receive.incoming import Incoming, Proved, Refused
from sidestep.streams.web.receive.sns_message import (
    CONFIRMATION,
    NOTIFICATION,
    check_signature,
    read_message,
)


class CertificateStore(Protocol):
    """Where certificates come from."""

    async def get(self, url: str) -> bytes:
        """The certificate at a URL of SNS, PEM. Raises CannotTell."""


class SnsCheck:
    """The check of SNS' signature."""

    needs: tuple[str, ...] = ()

    def __init__(self, topic_arns: Collection[str], certificates: CertificateStore, window: float) -> None:
        self._topic_arns = frozenset(topic_arns)
        self._certificates = certificates
        self._window = window

    async def __call__(self, incoming: Incoming, now: float) -> Proved:
        """What is proved. Raises Refused and CannotTell. Nothing is fetched for a message that would be refused
        anyway."""
        message = read_message(incoming.body, self._topic_arns)
        if abs(now - message.at) > self._window:
            raise Refused("stale")
        check_signature(message, await self._certificates.get(message.certificate_url))
        digest = sha256(message.signed).digest()
        confirm = message.subscribe_url if message.type == CONFIRMATION else ""
        return Proved(message.id.encode(), digest, confirm, message.type == NOTIFICATION)
