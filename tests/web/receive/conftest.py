"""Doors of every kind, on a real server; what would go to Kafka is kept in a list."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from sidestep.streams.web.guarded import ConnectionLimits
from sidestep.streams.web.receive.api import ReceiveApi
from sidestep.streams.web.receive.confirming import NotTaken
from sidestep.streams.web.receive.door_file import DoorFile
from sidestep.streams.web.receive.incoming import CannotTell
from sidestep.streams.web.receive.received_metrics import ReceivedMetrics
from sidestep.streams.web.receive.receiver_health import ReceiverHealth
from sidestep.streams.web.receive.receiving import LIMITS, receiver_server
from sidestep.topics.publish import Headers
from tests.web.receive.senders import ARN, CERTIFICATE, MAILGUN_KEY, NOW, PATH, SVIX_SECRET, SendGrid, Sent, Sns

DOORS = """
[[door]]
name = "sendgrid"
provider = "sendgrid"
service = "shop"
key = "sendgrid.key"

[[door]]
name = "mailgun"
provider = "mailgun"
service = "shop"
key = "mailgun.key"
path-secret = "path"

[[door]]
name = "resend"
provider = "resend"
service = "billing"
key = "resend.key"

[[door]]
name = "ses"
provider = "ses"
service = "shop"
topic-arns = ["ARN"]

[[door]]
name = "postmark"
provider = "postmark"
service = "shop"
user = "postmark"
password = "password"

[[door]]
name = "sparkpost"
provider = "sparkpost"
service = "shop"
path-secret = "path"
topic = "email-engagement"
""".replace("ARN", ARN)


class Doors:
    """A folder with doors and their secrets, and the providers that know those."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sendgrid, self.sns = SendGrid(), Sns()
        self.path = folder / "doors.toml"
        self.path.write_text(DOORS)
        self.secret("sendgrid.key", self.sendgrid.public_key)
        self.secret("mailgun.key", MAILGUN_KEY)
        self.secret("resend.key", SVIX_SECRET)
        self.secret("password", "w" * 32)
        self.secret("path", PATH)

    def secret(self, name: str, text: str) -> None:
        """Write a file of secrets."""
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(0o600)


class World:
    """The doors, open. `answers` has what was published; `down` turns Kafka off."""

    def __init__(self, doors: Doors) -> None:
        self.published: list[tuple[str, bytes, Headers]] = []
        self.confirmed: list[str] = []
        self.certificates = {CERTIFICATE: doors.sns.certificate}
        self.asked: list[str] = []
        self.down = False
        self.now = NOW
        self.file = DoorFile(doors.path, self)
        self.metrics = ReceivedMetrics()
        self.url, self.host, self.port = "", "", 0
        self.gate: asyncio.Event | None = None
        """Where there is one, Kafka's answer waits for it."""

    async def get(self, url: str) -> bytes:
        """A certificate, as Amazon gives it."""
        self.asked.append(url)
        if url not in self.certificates:
            raise CannotTell("there is none")
        return self.certificates[url]

    async def publish(self, topic: str, value: bytes, headers: Headers) -> None:
        """As Kafka would."""
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise NotTaken("Kafka is down")
        self.published.append((topic, value, headers))

    async def confirm(self, url: str) -> None:
        """As Amazon would."""
        self.confirmed.append(url)

    async def post(self, sent: Sent, method: str = "POST") -> int:
        """The status of the answer."""
        async with (
            ClientSession() as session,
            session.request(method, self.url + sent.path, data=sent.body, headers=sent.headers) as answer,
        ):
            await answer.read()
            return answer.status

    async def raw(self, octets: bytes) -> bytes:
        """What comes back for these octets, until the server ends it or says no more for a second."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(octets)
        said = b""
        try:
            while piece := await asyncio.wait_for(reader.read(65536), 1.0):
                said += piece
        except (TimeoutError, ConnectionError):
            pass
        writer.transport.abort()
        return said

    def counted(self, door: str, outcome: str) -> float:
        """Messages of that door with that outcome."""
        return (
            self.metrics.registry.get_sample_value("sidestep_received_total", {"door": door, "outcome": outcome}) or 0
        )


@asynccontextmanager
async def opened(doors: Doors, limits: ConnectionLimits = LIMITS) -> AsyncIterator[World]:
    """The doors, from here to the end of the block."""
    world = World(doors)
    api = ReceiveApi(
        world.file, world.publish, world.confirm, ReceiverHealth(), world.metrics, clock=lambda: world.now
    )  # fmt: skip
    server = receiver_server(api, "127.0.0.1", 0, limits=limits)
    await server.start()
    world.url, world.host, world.port = server.url, server.host, server.port
    world.url = f"http://{server.host}:{server.port}"
    try:
        yield world
    finally:
        await server.stop()


Play = Callable[..., Any]


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    """Doors of every kind."""
    return Doors(tmp_path)


@pytest.fixture
def play(doors: Doors) -> Play:
    """play(scene): what `scene(world)` gives, with the doors open."""

    def run(scene: Callable[[World], Awaitable[Any]], limits: ConnectionLimits = LIMITS) -> Any:
        async def whole() -> Any:
            async with opened(doors, limits) as world:
                return await asyncio.wait_for(scene(world), 30)

        return asyncio.run(whole())

    return run
