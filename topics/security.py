"""How a client shows who it is and keeps others from reading along: one class for each way, all with the same methods.

`read` gives what the files say now; `stamp` tells when they have changed, so that a client that lives long can be made
anew (docs/decisions/039).
"""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sidestep.topics.credentials import (
    Credentials,
    NoCredentials,
    PasswordCredentials,
    TlsCredentials,
    TokenCredentials,
)
from sidestep.topics.errors import CredentialsError, words_of
from sidestep.topics.file_stamp import FileStamp, stamp_of
from sidestep.topics.oauth import Tokens
from sidestep.topics.secret_files import check_private, read_secret

LOOK_SECONDS = 1.0
"""Between two looks at the files: a renewed one is in use that much later at most."""
READS = 3
"""Of files that change while they are read."""
Stamp = tuple[FileStamp, ...]
"""Of each file."""


class Security(Protocol):
    """One way to a broker."""

    def read(self) -> Credentials:
        """What is to be shown to it, as the files say it now. Raises CredentialsError where they can't be used."""
        ...

    def stamp(self) -> Stamp:
        """The state of the files on disk, as of LOOK_SECONDS ago at most."""
        ...


@dataclass(frozen=True)
class Plaintext:
    """No encryption, no identity: for loopback. `anywhere`: also for networks where nobody else can listen."""

    anywhere: bool = False

    def read(self) -> Credentials:
        """None are needed."""
        return NoCredentials()

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
        named = {"ssl.ca.pem": ca, "ssl.certificate.pem": certificate, "ssl.key.pem": key}
        self._named = {name: file for name, file in named.items() if file is not None}
        self._files = WatchedFiles(list(self._named.values()))

    def read(self) -> TlsCredentials:
        """All files as they lay there together, whoever puts new ones in their place meanwhile."""
        for _ in range(READS):
            before = self._octets()
            context = self._context()  # says what is wrong with the files in words that librdkafka lacks
            if self._octets() == before:
                return TlsCredentials(context, {name: octets.decode() for name, octets in before.items()})
        raise CredentialsError(f"{', '.join(map(str, self._named.values()))} change while they are read: try again")

    def stamp(self) -> Stamp:
        """Of all files."""
        return self._files.stamp()

    def _octets(self) -> dict[str, bytes]:
        try:
            return {name: file.read_bytes() for name, file in self._named.items()}
        except OSError:
            return {}  # whoever makes the context says which, and why

    def _context(self) -> ssl.SSLContext:
        # 1.2 or later, certificate and host name checked
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

    def read(self) -> PasswordCredentials:
        """The password, and what TLS needs."""
        return PasswordCredentials(self._tls.read(), self._user, read_secret(self._password))

    def stamp(self) -> Stamp:
        """Of the password's file and of those of TLS."""
        return self._files.stamp() + self._tls.stamp()


class OAuth:
    """A token of an OIDC provider (SASL OAUTHBEARER, RFC 7628), inside TLS. One Tokens serves all clients."""

    def __init__(self, tls: Tls, tokens: Tokens):
        self._tls, self._tokens = tls, tokens

    def read(self) -> TokenCredentials:
        """What TLS needs, and where tokens come from."""
        return TokenCredentials(self._tls.read(), self._tokens)

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
