"""What a process is told of how to reach Kafka and be let in; the names are those of the settings (SIDESTEP_…).

Publisher(Access.from_environment().connect())
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from sidestep.topics.connection import Connection
from sidestep.topics.errors import CredentialsError
from sidestep.topics.oauth import ClientCredentials, Tokens
from sidestep.topics.security import OAuth, Plaintext, Scram, Security, Tls

PREFIX = "SIDESTEP_"
OF_TLS = ("tls_ca", "tls_certificate", "tls_key")
OF_SCRAM = ("sasl_user", "sasl_password_file")
OF_OAUTH = ("oauth_token_url", "oauth_client_id", "oauth_client_secret_file")
OF_OAUTH_MORE = ("oauth_scope", "oauth_ca", "oauth_extensions")
WANTED = {"plaintext": (), "tls": (), "mtls": ("tls_certificate", "tls_key"), "scram": OF_SCRAM, "oauth": OF_OAUTH}
"""What each way can't do without."""
TAKEN = {
    "plaintext": (),
    "tls": ("tls_ca",),
    "mtls": OF_TLS,
    "scram": (*OF_TLS, *OF_SCRAM),
    "oauth": (*OF_TLS, *OF_OAUTH, *OF_OAUTH_MORE),
}
"""What each way has a use for. Anything else that is given was meant for another one."""


@dataclass(frozen=True)
class Access:
    """How to reach a cluster. Files are paths; an empty text is one that is not given."""

    broker: str = "127.0.0.1:9092"
    security: str = "plaintext"
    plaintext_anywhere: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    sasl_user: str = ""
    sasl_password_file: str = ""
    oauth_token_url: str = ""
    oauth_client_id: str = ""
    oauth_client_secret_file: str = ""
    oauth_scope: str = ""
    oauth_ca: str = ""
    oauth_extensions: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Access":
        """From SIDESTEP_BROKER, SIDESTEP_SECURITY and so on."""
        environment = os.environ if environment is None else environment
        given = {f.name: environment[_variable(f.name)] for f in fields(cls) if _variable(f.name) in environment}
        anywhere = given.pop("plaintext_anywhere", "").strip().lower() in ("true", "1")
        return cls(plaintext_anywhere=anywhere, **given)

    def at(self, broker: str | None) -> "Access":
        """The same at another address; None: at this one."""
        return self if broker is None else replace(self, broker=broker)

    def environment(self) -> dict[str, str]:
        """The variables that say the same to another process; those that are not given are there, and empty."""
        return {_variable(f.name): str(getattr(self, f.name)) for f in fields(self)}

    def connect(self) -> Connection:
        """The connection that clients are made from; nothing is asked yet. Raises CredentialsError where something is
        missing, or was given for another way than `security`: nothing ever falls back to a weaker one."""
        if self.security not in WANTED:
            raise CredentialsError(f"SIDESTEP_SECURITY={self.security}: expected {', '.join(WANTED)}")
        self._check()
        return Connection(self.broker, self._security())

    def _check(self) -> None:
        way = self.security
        if missing := [_variable(name) for name in WANTED[way] if not getattr(self, name)]:
            raise CredentialsError(f"SIDESTEP_SECURITY={way} needs {', '.join(missing)}")
        others = [name for name in (*OF_TLS, *OF_SCRAM, *OF_OAUTH, *OF_OAUTH_MORE) if name not in TAKEN[way]]
        if unused := [_variable(name) for name in others if getattr(self, name)]:
            raise CredentialsError(
                f"SIDESTEP_SECURITY={way} has no use for {', '.join(unused)}: say which of "
                f"{', '.join(WANTED)} is meant, or leave that out"
            )

    def _security(self) -> Security:
        if self.security == "plaintext":
            return Plaintext(self.plaintext_anywhere)
        tls = Tls(_file(self.tls_ca), _file(self.tls_certificate), _file(self.tls_key))
        if self.security == "scram":
            return Scram(tls, self.sasl_user, Path(self.sasl_password_file))
        if self.security == "oauth":
            return OAuth(tls, Tokens(self._client_credentials()))
        return tls

    def _client_credentials(self) -> ClientCredentials:
        secret = Path(self.oauth_client_secret_file)
        ca = _file(self.oauth_ca)
        extensions = _extensions(self.oauth_extensions)
        return ClientCredentials(self.oauth_token_url, self.oauth_client_id, secret, self.oauth_scope, ca, extensions)


def _extensions(text: str) -> dict[str, str]:
    """NAME=VALUE[,NAME=VALUE…]; names are letters, and `auth` is taken (RFC 7628, section 3.1)."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not (equals and value and value.isprintable() and name.isascii() and name.isalpha()) or name == "auth":
            raise CredentialsError(
                f"SIDESTEP_OAUTH_EXTENSIONS: {part!r} is not NAME=VALUE, with letters for a name, and not auth"
            )
        found[name] = value
    return found


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _file(text: str) -> Path | None:
    return Path(text) if text else None
