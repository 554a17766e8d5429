"""How a client shows who it is and keeps others from reading along: one class for each way, all with the same three
methods, one for each client library. Pure.

They are asked anew for every client that is made. A way that needs files reads them then, so that a certificate that
was renewed on disk is used from the next client on.
"""

from dataclasses import dataclass
from typing import Any, Protocol


class Security(Protocol):
    """One way to a broker. What it gives can't be overridden by a client's own settings, so nothing gets weaker by
    mistake."""

    def librdkafka(self) -> dict[str, Any]:
        """Settings of librdkafka (confluent-kafka): security.protocol, ssl.*, sasl.*."""
        ...

    def faust(self) -> dict[str, Any]:
        """Keyword arguments of faust.App: broker_credentials."""
        ...

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments of aiokafka's clients: security_protocol, ssl_context, sasl_*."""
        ...


@dataclass(frozen=True)
class Plaintext:
    """No encryption, no identity: for loopback, and for networks where nobody else can listen."""

    def librdkafka(self) -> dict[str, Any]:
        """Nothing: it is librdkafka's default."""
        return {}

    def faust(self) -> dict[str, Any]:
        """Nothing: it is Faust's default."""
        return {}

    def aiokafka(self) -> dict[str, Any]:
        """Nothing: it is aiokafka's default."""
        return {}
