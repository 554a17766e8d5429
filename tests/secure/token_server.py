"""An OIDC provider for the tests, as small as it can be: client credentials over TLS on loopback, tokens signed with
ES256, the keys in a file for the broker. What it hands out can be made wrong on purpose."""

import base64
import datetime
import json
import secrets
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.secure_kafka import AUDIENCE, Issuer

HOST = "127.0.0.1"
NAME = "https://issuer.test"


class TokenServer:
    """Runs while the context is open. `clients`: secrets by client id; they may change meanwhile."""

    def __init__(
        self,
        folder: Path,
        authority: DevelopmentCA,
        life: float = 300,
        hosts: tuple[str, ...] = (HOST, "localhost"),
        begins: datetime.datetime | None = None,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.clients: dict[str, str] = {}
        self.life = life
        self.asked: list[str] = []
        """Client ids, one for each token that was asked for."""
        self.away = False
        """Whether it answers nobody, as one that is overloaded."""
        self.late = 0.0
        """Seconds that tokens are back-dated: more than their life makes them expired when they are handed out."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.issuer = Issuer(NAME, (folder / "jwks.json").resolve())
        self.issuer.keys.write_text(json.dumps({"keys": [self._public()]}), "utf-8")
        files = authority.issue("token-server", hosts, begins=begins)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files.certificate, files.key)
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{HOST}:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Of the token endpoint."""
        return f"https://{HOST}:{self._server.server_port}/token"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, client: str) -> str:
        """A signed token."""
        now = time.time() - self.late
        claims = {"iss": NAME, "aud": AUDIENCE, "sub": client, "iat": int(now), "exp": int(now + self.life)}
        claims |= {"jti": secrets.token_hex(8), "scope": "kafka"}
        signed = f"{_b64(json.dumps({'alg': 'ES256', 'kid': 'k1', 'typ': 'JWT'}))}.{_b64(json.dumps(claims))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def answer(self, authorization: str, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """What a request gets (RFC 6749, sections 5.1 and 5.2)."""
        client, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        client, secret = unquote_plus(client), unquote_plus(secret)
        self.asked.append(client)
        if self.away:
            return 503, {}
        if form.get("grant_type") != ["client_credentials"]:
            return 400, {"error": "unsupported_grant_type"}
        if not secret or self.clients.get(client) != secret:
            return 401, {"error": "invalid_client", "error_description": "client or secret is not known"}
        return 200, {"access_token": self.token(client), "token_type": "Bearer", "expires_in": int(self.life)}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, answer = provider.answer(self.headers.get("Authorization", ""), parse_qs(body))
                octets = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

            def log_message(self, *_: object) -> None:
                """Nothing: pytest's output is for people."""

        return Handler

    def _public(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        point = {"x": _b64(numbers.x.to_bytes(32, "big")), "y": _b64(numbers.y.to_bytes(32, "big"))}
        return {"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256", **point}


def _b64(value: str | bytes) -> str:
    octets = value.encode() if isinstance(value, str) else value
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
