"""Kafka of docker-compose.yml on loopback: its server.properties as they stand there, certificates of `make certs`.

The container's addresses become 127.0.0.1 and further ones of this machine, ports and paths become free ones; nothing
else is changed. Beside it whatever runs with the environment that a service has there.
"""

import base64
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.local.embedded_config import Server, quick_start
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.topics.access import Access
from sidestep.topics.connection import Connection
from tests.compose_file import COMPOSE, ROOT, SERVICES, environment, given, kafka_properties, listeners
from tests.secure.token_server import TokenServer

ADDRESSES = {
    "localhost": "127.0.0.1",
    "kafka-core": "127.0.0.1",
    "kafka-producers": "127.0.0.2",
    "kafka-readers": "127.0.0.3",
    "kafka-development": "127.0.0.4",
    "kafka-receivers": "127.0.0.5",
}


class Provider(TokenServer):
    """As Dex: keys at /keys, the client's name in `azp`, and in `aud` whom it asked for by its scope."""

    audience: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """What takes the place of https://tokens:5556."""
        return f"https://{self.address}"

    def answer(self, authorization: str, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """The scope of docker-compose.yml asks for a token for Kafka."""
        scopes = " ".join(form.get("scope", [])).split()
        self.audience = tuple(s.rpartition(":")[2] for s in scopes if s.startswith("audience:server:client_id:"))
        return super().answer(authorization, form)

    def token(self, client: str) -> str:
        """A signed token; `sub` is opaque, as Dex makes it."""
        now = int(time.time())
        claims = {"iss": self.base, "aud": [*self.audience, client], "azp": client, "sub": _b64(client.encode())}
        head = {"alg": "ES256", "kid": "k1", "typ": "JWT"}
        parts = (head, claims | {"iat": now, "exp": now + 300})
        signed = ".".join(_b64(json.dumps(part).encode()) for part in parts)
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keys = self.issuer.keys

        class Handler(super()._handler()):  # type: ignore[misc]  # a class that is made for each server
            def do_GET(self) -> None:
                """The keys, whatever is asked for."""
                octets = keys.read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

        return Handler


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


class Running(NamedTuple):
    """The broker, its certificates, the provider of tokens; ports by listener."""

    broker: EmbeddedKafka
    folder: Path
    provider: Provider
    ports: dict[str, int]

    def by_certificate(self, principal: str, listener: str) -> Access:
        """As a principal, with its certificate."""
        files = DevelopmentCA(self.folder).issued(principal)
        return Access(
            self.address(listener),
            "mtls",
            tls_ca=str(self.folder / "ca.pem"),
            tls_certificate=str(files.certificate),
            tls_key=str(files.key),
        )

    def by_token(self, scope: str) -> Access:
        """As the service of the profile `example`."""
        return Access(
            self.address("PRODUCERS"),
            "oauth",
            tls_ca=str(self.folder / "ca.pem"),
            oauth_token_url=f"{self.provider.base}/token",
            oauth_client_id="service-example",
            oauth_client_secret_file=str(self.folder / "service-example.secret"),
            oauth_scope=scope,
            oauth_ca=str(self.folder / "ca.pem"),
        )

    def environment(self, service: str) -> dict[str, str]:
        """What a service has in docker-compose.yml, with addresses and files of this machine."""
        return {name: self.here(value, service) for name, value in environment(service).items()}

    def here(self, value: str, service: str) -> str:
        """A value of a service, the same way."""
        for name, (host, port) in listeners().items():
            value = value.replace(f"{host}:{port}", f"{ADDRESSES[host]}:{self.ports[name]}")
        secrets = {f"/run/secrets/{target}": source for target, source in given(service).items()}
        if value in secrets:  # the one beside it: those for containers are open to others
            return str(self.folder / Path(COMPOSE["secrets"][secrets[value]]["file"]).relative_to("certs/mounted"))
        for volume in SERVICES[service].get("volumes", []):
            source, target = volume.split(":")[:2]
            if value.startswith(f"{target}/") and source.startswith("./certs/mounted/"):
                return str(self.folder / Path(source).name / value.removeprefix(f"{target}/"))
        return value.replace("https://tokens:5556", self.provider.base)

    @contextmanager
    def started(self, service: str, home: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
        """The command of a service with its environment, as a process of its own that is stopped in the end."""
        words = [self.here(word, service) for word in SERVICES[service]["command"]]
        settings = {**_bare(), **self.environment(service), "SIDESTEP_DATA_DIR": str(home), **more}
        command = [str(Path(sys.executable).with_name("sidestep")), *words]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=settings, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=40)

    def ended(self, service: str, home: Path, sent: str = "") -> str:
        """What a command that ends has said; it must have ended well."""
        with self.started(service, home) as process:
            said, _ = process.communicate(sent, timeout=60)
            assert process.returncode == 0, said
        return said

    def address(self, listener: str) -> str:
        """HOST:PORT."""
        return f"{ADDRESSES[listeners()[listener][0]]}:{self.ports[listener]}"


def load_certs() -> ModuleType:
    """The script behind `make certs`."""
    spec = importlib.util.spec_from_file_location("certs", ROOT / ".deploy/certs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _ports() -> dict[str, int]:
    sockets = {name: socket.create_server((ADDRESSES[host], 0)) for name, (host, _) in listeners().items()}
    ports = {name: int(each.getsockname()[1]) for name, each in sockets.items()}
    for each in sockets.values():
        each.close()
    return ports


def _here(value: str, ports: dict[str, int], folder: Path, provider: Provider) -> str:
    """A property, with this machine's addresses, ports and paths in place of the container's."""
    for name, (host, port) in listeners().items():
        value = value.replace(f"{name}://{host}:{port}", f"{name}://{ADDRESSES[host]}:{ports[name]}")
        if name == "CONTROLLER":
            value = value.replace(f"1@{host}:{port}", f"1@{ADDRESSES[host]}:{ports[name]}")
    value = value.replace("DEVELOPMENT://localhost:9092", f"DEVELOPMENT://127.0.0.4:{ports['DEVELOPMENT']}")
    value = value.replace("https://tokens:5556", provider.base)
    value = value.replace("/run/secrets/both", str(folder / "kafka.both.pem"))
    return value.replace("/run/secrets/ca", str(folder / "ca.pem"))


def _bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SIDESTEP_")}


@contextmanager
def kafka_of_compose(folder: Path) -> Iterator[Running]:
    """The broker, with topics and rights as the set-up of docker-compose.yml makes them."""
    certs = load_certs()
    certs.prepare(folder / "certs")
    authority = DevelopmentCA(folder / "certs")
    authority.issue("kafka", {*certs.SERVERS["kafka"], *ADDRESSES.values()})
    with Provider(folder / "provider", authority) as provider:
        provider.clients["service-example"] = (folder / "certs/service-example.secret").read_text().strip()
        running = _broker(folder, provider, _ports())
        with running.broker:
            for service in ("topics", "acls"):
                running.ended(service, folder)
            yield running


def _broker(folder: Path, provider: Provider, ports: dict[str, int]) -> Running:
    certs = folder / "certs"
    properties = {name: _here(value, ports, certs, provider) for name, value in kafka_properties().items()}

    def connect(_: str) -> Connection:
        return running.by_certificate("admin", "CORE").connect()

    java = (environment("kafka")["KAFKA_OPTS"].replace("https://tokens:5556", provider.base),)
    server = Server(properties=properties | {"log.dirs": "data"}, connect=connect, java=java)
    broker = EmbeddedKafka(folder / "kafka", ports["CORE"], java=quick_start(), server=server)
    running = Running(broker, certs, provider, ports)
    return running
