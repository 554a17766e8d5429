"""What a client needs in order to be let in, as it was at one moment: files change on disk, and what is in use is what
Kafka took (renewing.py), also for a client that is made later."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sidestep.topics.oauth import Tokens

MECHANISM = "SCRAM-SHA-512"


class Credentials(Protocol):
    """One way in, in the words of each client library. What it gives can't be overridden by a client's own settings, so
    nothing gets weaker by mistake."""

    def librdkafka(self) -> dict[str, Any]:
        """Settings of librdkafka (confluent-kafka): security.protocol, ssl.*, sasl.*. Raises CredentialsError where
        there is no token to be had."""
        ...

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments of aiokafka's clients: security_protocol, ssl_context, sasl_*."""
        ...


class NoCredentials:
    """Plain text."""

    def librdkafka(self) -> dict[str, Any]:
        """Nothing: it is librdkafka's default."""
        return {}

    def aiokafka(self) -> dict[str, Any]:
        """Nothing: it is aiokafka's default."""
        return {}


@dataclass(frozen=True)
class TlsCredentials:
    """`context`: what Python speaks TLS with. `pem`: the same files' texts by librdkafka's names for them."""

    context: ssl.SSLContext
    pem: Mapping[str, str] = field(repr=False)

    def librdkafka(self) -> dict[str, Any]:
        """security.protocol=SSL."""
        return {
            "security.protocol": "SSL",
            "enable.ssl.certificate.verification": True,
            "ssl.endpoint.identification.algorithm": "https",
            **self.pem,
        }

    def aiokafka(self) -> dict[str, Any]:
        """security_protocol=SSL and an SSLContext."""
        return {"security_protocol": "SSL", "ssl_context": self.context}


@dataclass(frozen=True)
class PasswordCredentials:
    """A user's name and password, inside TLS."""

    tls: TlsCredentials
    user: str
    password: str = field(repr=False)

    def librdkafka(self) -> dict[str, Any]:
        """security.protocol=SASL_SSL."""
        ours = {"sasl.mechanism": MECHANISM, "sasl.username": self.user, "sasl.password": self.password}
        return {**self.tls.librdkafka(), "security.protocol": "SASL_SSL", **ours}

    def aiokafka(self) -> dict[str, Any]:
        """security_protocol=SASL_SSL."""
        return {
            **self.tls.aiokafka(),
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }


@dataclass(frozen=True)
class TokenCredentials:
    """Tokens of a provider, inside TLS."""

    tls: TlsCredentials
    tokens: Tokens

    def librdkafka(self) -> dict[str, Any]:
        """security.protocol=SASL_SSL, and who fetches tokens: librdkafka asks for one before the last one expires."""
        self.tokens.get()  # librdkafka would wait ten seconds for one and then not say why it got none
        ours = {"sasl.mechanism": "OAUTHBEARER", "oauth_cb": self.tokens.for_librdkafka}
        return {**self.tls.librdkafka(), "security.protocol": "SASL_SSL", **ours}

    def aiokafka(self) -> dict[str, Any]:
        """security_protocol=SASL_SSL."""
        return {
            **self.tls.aiokafka(),
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "OAUTHBEARER",
            "sasl_oauth_token_provider": self.tokens,
        }
