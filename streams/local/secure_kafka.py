"""The embedded broker as one that trusts nobody: TLS at every address, who a client is by its certificate, by SCRAM or
by a token, and nothing allowed that no ACL allows. For tests and for `sidestep demo --secure`.

Principals are names: CN of a certificate, user of SCRAM, `sub` of a token. `admin` may do everything, as `kafka` may,
the broker itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.embedded_config import HOST, Listener, Server
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.local.ports import free_ports
from sidestep.topics.access import Access
from sidestep.topics.cluster import QUIET
from sidestep.topics.secret_files import read_secret

ADMIN = "admin"
BROKER = "kafka"
AUDIENCE = "kafka"
ITERATIONS = 4096
"""Of SCRAM; the least that Kafka takes. Passwords here are random."""
LOCAL_NAMES = (HOST, "localhost")
_OAUTH = "org.apache.kafka.common.security.oauthbearer"
_SCRAM = "org.apache.kafka.common.security.scram"


@dataclass(frozen=True)
class Issuer:
    """Whose tokens the broker believes: a name, and a file with the keys (JWKS)."""

    name: str
    keys: Path


class SecureKafka(EmbeddedKafka):
    """Addresses for mutual TLS (`address`), SCRAM and, with an issuer, tokens. Certificates come from `authority`.

    Everything else as EmbeddedKafka.
    """

    def __init__(
        self, directory: Path | str, authority: DevelopmentCA, issuer: Issuer | None = None, **options: object
    ):
        self.authority = authority
        authority.renew(BROKER, LOCAL_NAMES)
        authority.renew(ADMIN)
        names = ("SCRAM", *(["OAUTH"] if issuer else []))
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))
        listeners = tuple(Listener(name, port, port, "SASL_SSL") for name, port in self._ports.items())
        properties = {**_tls(authority), **_rights(), **_scram(), **(_oauth(issuer) if issuer else {})}
        server = Server(
            properties=properties,
            listeners=listeners,
            protocol="SSL",
            connect=lambda address: self.by_certificate(ADMIN, address).connect(),
            java=(f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={issuer.keys.as_uri()}",) if issuer else (),
        )
        super().__init__(directory, server=server, **options)  # type: ignore[arg-type]  # EmbeddedKafka's own

    def by_certificate(self, principal: str, address: str = "") -> Access:
        """Mutual TLS as a principal; its certificate is made where there is none."""
        self.authority.renew(principal)
        files = self.authority.issued(principal)
        return Access(
            address or self.address,
            "mtls",
            tls_ca=str(self.authority.certificate),
            tls_certificate=str(files.certificate),
            tls_key=str(files.key),
        )

    def by_password(self, user: str, password: Path) -> Access:
        """SCRAM as a user, with the password in a file."""
        return Access(
            f"{HOST}:{self._ports['SCRAM']}",
            "scram",
            tls_ca=str(self.authority.certificate),
            sasl_user=user,
            sasl_password_file=str(password),
        )

    def by_token(self, client: str, secret: Path, url: str) -> Access:
        """A token of the provider at `url`, for a client whose secret is in a file."""
        return Access(
            f"{HOST}:{self._ports['OAUTH']}",
            "oauth",
            tls_ca=str(self.authority.certificate),
            oauth_token_url=url,
            oauth_client_id=client,
            oauth_client_secret_file=str(secret),
            oauth_ca=str(self.authority.certificate),
        )

    def set_passwords(self, passwords: Mapping[str, Path]) -> None:
        """Make users of SCRAM known, or give them other passwords: files by user. The broker must run."""
        how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        changes: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(user, how, read_secret(password).encode())
            for user, password in passwords.items()
        ]
        client = AdminClient(self.connection.librdkafka(**QUIET))  # it must live until all have answered
        for future in client.alter_user_scram_credentials(changes).values():
            future.result(30)


def _tls(authority: DevelopmentCA) -> dict[str, object]:
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": authority.issued(BROKER).both,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.certificate,
        "ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
        "listener.name.scram.ssl.client.auth": "none",
        "listener.name.oauth.ssl.client.auth": "none",
    }


def _rights() -> dict[str, object]:
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{BROKER};User:{ADMIN}",
        "allow.everyone.if.no.acl.found": False,
    }


def _scram() -> dict[str, object]:
    prefix = "listener.name.scram"
    return {
        f"{prefix}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{prefix}.scram-sha-512.sasl.jaas.config": f"{_SCRAM}.ScramLoginModule required;",
    }


def _oauth(issuer: Issuer) -> dict[str, object]:
    prefix = "listener.name.oauth"
    return {
        f"{prefix}.sasl.enabled.mechanisms": "OAUTHBEARER",
        f"{prefix}.oauthbearer.sasl.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required;",
        f"{prefix}.oauthbearer.sasl.server.callback.handler.class": f"{_OAUTH}.OAuthBearerValidatorCallbackHandler",
        f"{prefix}.oauthbearer.sasl.oauthbearer.jwks.endpoint.url": issuer.keys.as_uri(),
        f"{prefix}.oauthbearer.sasl.oauthbearer.expected.issuer": issuer.name,
        f"{prefix}.oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
    }
