"""Tokens of an OIDC provider for Kafka's OAUTHBEARER: client credentials (RFC 6749, section 4.4), fetched, kept and
fetched again before they expire. One code for all client libraries, so that they fail alike and ask the provider once.
"""

import asyncio
import base64
import http.client
import json
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sidestep.topics.errors import CredentialsError, words_of
from sidestep.topics.loopback import is_loopback
from sidestep.topics.secret_files import read_secret

TIMEOUT = 10.0
"""Seconds for the provider to answer."""
RENEW_AT = 0.8
"""Share of its life after which a token is fetched anew; librdkafka asks for one then as well."""
UNSAID_SECONDS = 300.0
"""The life of a token where the provider says none (RFC 6749, section 5.1: RECOMMENDED, not required)."""
AGAIN_SECONDS = 1.0
"""After a failure the provider is asked again, not sooner than this."""
ANSWER_MAX = 256 * 1024


class AccessToken(NamedTuple):
    """A token, and when it was fetched and ends, in seconds since 1970."""

    value: str
    fetched: float
    ends: float


@dataclass(frozen=True)
class ClientCredentials:
    """Who asks whom for tokens. `secret`: the file that holds the client's secret, read whenever a token is fetched.

    `url`: of the token endpoint, https unless it is on this machine. `ca`: authorities to trust there, None: the
    system's. `extensions` are shown to Kafka beside the token (RFC 7628, section 3.1). Raises CredentialsError.
    """

    url: str
    client: str
    secret: Path
    scope: str = ""
    ca: Path | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise CredentialsError(f"SIDESTEP_OAUTH_TOKEN_URL={self.url}: expected https://HOST/PATH")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise CredentialsError(
                f"SIDESTEP_OAUTH_TOKEN_URL={self.url}: the secret would travel in plain text; use https"
            )


class Tokens:
    """The tokens of one client. For any number of threads."""

    def __init__(self, credentials: ClientCredentials, now: Callable[[], float] = time.time):
        self._credentials = credentials
        self._now = now
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._failed = float("-inf")
        self._failure = ""

    def get(self) -> AccessToken:
        """A token that lasts; one that was fetched before where it has lived less than RENEW_AT of its life. Blocks.

        Raises CredentialsError: the provider is away, or refuses. A token that has not ended is used on while it is.
        """
        with self._lock:
            now, kept = self._now(), self._token
            if kept is not None and now < kept.fetched + RENEW_AT * (kept.ends - kept.fetched):
                return kept
            if now - self._failed >= AGAIN_SECONDS:
                try:
                    self._token = kept = fetch(self._credentials, now)
                    self._failure = ""
                except CredentialsError as error:
                    self._failed, self._failure = now, str(error)
            if kept is None or kept.ends <= now:
                raise CredentialsError(self._failure)
            return kept

    @property
    def ends(self) -> float | None:
        """When the token at hand ends, in seconds since 1970; None: there is none."""
        return self._token.ends if self._token is not None else None

    def for_librdkafka(self, _config: str) -> tuple[str, float, str, dict[str, str]]:
        """librdkafka's oauth_cb: token, end, principal (left to the token), extensions."""
        token = self.get()
        return token.value, token.ends, "", self.extensions()

    async def token(self) -> str:
        """aiokafka's token provider: asked by each connection. Raises ConnectionError: after that aiokafka tries again;
        after any error that it does not know it would leave its group for good."""
        try:
            return (await asyncio.to_thread(self.get)).value
        except CredentialsError as error:
            raise ConnectionError(str(error)) from error

    def extensions(self) -> dict[str, str]:
        """aiokafka's token provider: what goes along with the token."""
        return dict(self._credentials.extensions)


def fetch(credentials: ClientCredentials, now: float) -> AccessToken:
    """Ask the provider for a token. Raises CredentialsError, which says what to do."""
    status, body = _post(credentials)
    answer = _as_object(body)
    value = answer.get("access_token")
    if status != http.client.OK or not isinstance(value, str) or not value:
        raise CredentialsError(_refusal(credentials, status, answer))
    life = answer.get("expires_in")
    seconds = float(life) if isinstance(life, int | float) and life > 0 else UNSAID_SECONDS
    return AccessToken(value, now, now + seconds)


def _post(credentials: ClientCredentials) -> tuple[int, bytes]:
    parts = urllib.parse.urlsplit(credentials.url)
    form = {"grant_type": "client_credentials"} | ({"scope": credentials.scope} if credentials.scope else {})
    headers = {
        "Authorization": f"Basic {_basic(credentials.client, read_secret(credentials.secret))}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    connection = _connection(credentials, parts)
    try:
        connection.request("POST", path, urllib.parse.urlencode(form), headers)
        response = connection.getresponse()
        return response.status, response.read(ANSWER_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise CredentialsError(f"no token from {credentials.url} ({words_of(error)}): is the provider up?") from None
    finally:
        connection.close()


def _connection(credentials: ClientCredentials, parts: urllib.parse.SplitResult) -> http.client.HTTPConnection:
    host = str(parts.hostname)
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)
    try:
        context = ssl.create_default_context(cafile=credentials.ca)
    except (OSError, ssl.SSLError) as error:
        raise CredentialsError(
            f"SIDESTEP_OAUTH_CA={credentials.ca} can't be used ({words_of(error)}): a PEM file"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=context)


def _basic(client: str, secret: str) -> str:
    """RFC 6749, section 2.3.1: both are form-encoded first."""
    pair = f"{urllib.parse.quote_plus(client)}:{urllib.parse.quote_plus(secret)}"
    return base64.b64encode(pair.encode()).decode()


def _as_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(credentials: ClientCredentials, status: int, answer: dict[str, Any]) -> str:
    """What the provider said, cut and printable, and what to do (RFC 6749, section 5.2)."""
    code = str(answer.get("error", ""))[:60]
    said = str(answer.get("error_description", ""))[:200]
    words = "".join(c for c in ": ".join(filter(None, (code, said))) if c.isprintable()) or "no token in the answer"
    advice = {
        "invalid_client": f"see that SIDESTEP_OAUTH_CLIENT_ID={credentials.client} is registered there and that "
        f"{credentials.secret} holds its secret",
        "invalid_scope": f"see that SIDESTEP_OAUTH_SCOPE={credentials.scope} is one that the client may ask for",
        "unauthorized_client": "allow the client the grant client_credentials",
    }.get(code, "see that SIDESTEP_OAUTH_TOKEN_URL is the provider's token endpoint")
    return f"{credentials.url} gave no token (HTTP {status}, {words}): {advice}"
