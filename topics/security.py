"""How a client shows who it is and keeps others from reading along: one class for each way, all with the same methods,
one for each client library.

They are asked anew for every client that is made, and read their files then. `stamp` tells when files have changed, so
that a client that lives long can be made anew (docs/decisions/039).
"""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sidestep.topics.errors import CredentialsError, words_of
from sidestep.topics.file_stamp import FileStamp, stamp_of
from sidestep.topics.oauth import Tokens
from sidestep.topics.secret_files import check_private, read_secret

LOOK_SECONDS = 1.0
"""Between two looks at the files: a renewed one is in use that much later at most."""
Stamp = tuple[FileStamp, ...]
"""Of each file."""
MECHANISM = "SCRAM-SHA-512"


class Security(Protocol):
    """One way to a broker. What it gives can't be overridden by a client's own settings, so nothing gets weaker by
    mistake. All but `stamp` raise CredentialsError where files can't be used."""

    def librdkafka(self) -> dict[str, Any]:
        """Settings of librdkafka (confluent-kafka): security.protocol, ssl.*, sasl.*."""
        ...

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments of aiokafka's clients: security_protocol, ssl_context, sasl_*."""
        ...

    def stamp(self) -> Stamp:
        """The state of the files on disk, as of LOOK_SECONDS ago at most."""
        ...


@dataclass(frozen=True)
class Plaintext:
    """No encryption, no identity: for loopback. `anywhere`: also for networks where nobody else can listen."""

    anywhere: bool = False

    def librdkafka(self) -> dict[str, Any]:
        """Nothing: it is librdkafka's default."""
        return {}

    def aiokafka(self) -> dict[str, Any]:
        """Nothing: it is aiokafka's default."""
        return {}

    def stamp(self) -> Stamp:
        """Always the same."""
        return ()


class Tls:
    """TLS; with a certificate of one's own, mutual TLS. The broker's certificate and its host name are always checked.

    `ca`: PEM file of the authorities to trust, None: the system's. `certificate`: PEM file with the chain, `key` its
    key without a password; both or neither.
    """

    def __init__(self, ca: Path | None = None, certificate: Path | None = None, key: Path | None = None):
        if (certificate is None) != (key is None):
            raise CredentialsError(
                "a certificate and its key belong together: give both (SIDESTEP_TLS_CERTIFICATE, _KEY)"
            )
        self._ca, self._certificate, self._key = ca, certificate, key
        self._files = WatchedFiles([file for file in (ca, certificate, key) if file is not None])

    def librdkafka(self) -> dict[str, Any]:
        """security.protocol=SSL."""
        self.context()  # says what is wrong with the files in words that librdkafka lacks
        files = {
            "ssl.ca.location": self._ca,
            "ssl.certificate.location": self._certificate,
            "ssl.key.location": self._key,
        }
        return {
            "security.protocol": "SSL",
            "enable.ssl.certificate.verification": True,
            "ssl.endpoint.identification.algorithm": "https",
            **{name: str(file) for name, file in files.items() if file is not None},
        }

    def aiokafka(self) -> dict[str, Any]:
        """security_protocol=SSL and an SSLContext."""
        return {"security_protocol": "SSL", "ssl_context": self.context()}

    def stamp(self) -> Stamp:
        """Of all files."""
        return self._files.stamp()

    def context(self) -> ssl.SSLContext:
        """What Python speaks TLS with: 1.2 or later, certificate and host name checked."""
        try:
            context = ssl.create_default_context(cafile=self._ca)
        except (OSError, ssl.SSLError) as error:
            raise CredentialsError(
                f"SIDESTEP_TLS_CA={self._ca} can't be used ({words_of(error)}): a PEM file"
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._certificate is not None and self._key is not None:
            check_private(self._key)
            self._load(context, self._certificate, self._key)
        return context

    def _load(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:
            raise CredentialsError(
                f"SIDESTEP_TLS_CERTIFICATE={certificate} and SIDESTEP_TLS_KEY={key} can't be used ({words_of(error)}): "
                "PEM files that belong together, the key without a password"
            ) from None


class Scram:
    """A user name and a password that the broker knows (SCRAM-SHA-512, RFC 5802), inside TLS."""

    def __init__(self, tls: Tls, user: str, password: Path):
        """`password`: the file that holds it."""
        self._tls, self._user, self._password = tls, user, password
        self._files = WatchedFiles([password])

    def librdkafka(self) -> dict[str, Any]:
        """security.protocol=SASL_SSL."""
        ours = {"sasl.mechanism": MECHANISM, "sasl.username": self._user, "sasl.password": read_secret(self._password)}
        return {**self._tls.librdkafka(), "security.protocol": "SASL_SSL", **ours}

    def aiokafka(self) -> dict[str, Any]:
        """security_protocol=SASL_SSL."""
        return {
            **self._tls.aiokafka(),
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": self._user,
            "sasl_plain_password": read_secret(self._password),
        }

    def stamp(self) -> Stamp:
        """Of the password's file and of those of TLS."""
        return self._files.stamp() + self._tls.stamp()


class OAuth:
    """A token of an OIDC provider (SASL OAUTHBEARER, RFC 7628), inside TLS. One Tokens serves all clients."""

    def __init__(self, tls: Tls, tokens: Tokens):
        self._tls, self._tokens = tls, tokens

    def librdkafka(self) -> dict[str, Any]:
        """security.protocol=SASL_SSL, and who fetches tokens: librdkafka asks for one before the last one expires."""
        self._tokens.get()  # librdkafka would wait ten seconds for one and then not say why it got none
        ours = {"sasl.mechanism": "OAUTHBEARER", "oauth_cb": self._tokens.for_librdkafka}
        return {**self._tls.librdkafka(), "security.protocol": "SASL_SSL", **ours}

    def aiokafka(self) -> dict[str, Any]:
        """security_protocol=SASL_SSL."""
        return {
            **self._tls.aiokafka(),
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "OAUTHBEARER",
            "sasl_oauth_token_provider": self._tokens,
        }

    def stamp(self) -> Stamp:
        """Of the files of TLS: the client's secret is read whenever a token is fetched."""
        return self._tls.stamp()


class WatchedFiles:
    """Some files, looked at once a second however often it is asked."""

    def __init__(self, files: list[Path], clock: Callable[[], float] = time.monotonic):
        self._files = files
        self._clock = clock
        self._looked = float("-inf")
        self._stamp: Stamp = ()

    def stamp(self) -> Stamp:
        """Changes when one of them does. A file that is not there leaves it as it was: it is being replaced."""
        if self._files and self._clock() - self._looked >= LOOK_SECONDS:
            self._looked = self._clock()
            found = tuple(map(stamp_of, self._files))
            if None not in found:
                self._stamp = found
        return self._stamp


def _no_password() -> str:
    # otherwise OpenSSL would ask at the terminal, and a service would wait for ever
    raise ValueError("the key has a password")
