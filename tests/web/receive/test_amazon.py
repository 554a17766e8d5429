"""Certificates and confirmations, over real TLS from a server that stands in for SNS."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from sidestep.streams.local.development_ca import DevelopmentCA
from sidestep.streams.web.receive import amazon
from sidestep.streams.web.receive.amazon import FAILED_SECONDS, KEPT_SECONDS, Amazon
from sidestep.streams.web.receive.incoming import CannotTell
from tests.web.receive.senders import CERTIFICATE, HOST


class _Here(AbstractResolver):
    """Every name is this machine's, at one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=socket.AF_INET, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


class Sns:
    """The server: what it answers, and how often it was asked."""

    def __init__(self) -> None:
        self.body, self.status, self.asked = b"PEM", 200, 0
        self.location = ""
        self.now = 1000.0

    async def answer(self, request: web.Request) -> web.Response:
        """The same to everybody."""
        self.asked += 1
        headers = {"Location": self.location} if self.location else {}
        return web.Response(body=self.body, status=self.status, headers=headers)


Scene = Callable[[Sns, Amazon], Any]


def _play(folder: Path, scene: Scene, name: str = "sns.eu-west-1.amazonaws.com") -> Any:
    authority = DevelopmentCA(folder)
    issued = authority.issue("sns", [name])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(issued.certificate, issued.key)
    trusting = ssl.create_default_context(cafile=str(authority.certificate))

    async def whole() -> Any:
        sns = Sns()
        app = web.Application()
        app.add_routes([web.get("/{any:.*}", sns.answer)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        client = Amazon(lambda: aiohttp.TCPConnector(ssl=trusting, resolver=_Here(port)), clock=lambda: sns.now)
        try:
            return await scene(sns, client)
        finally:
            await client.close()
            await runner.cleanup()

    return asyncio.run(whole())


async def _get(client: Amazon, url: str = CERTIFICATE) -> bytes:
    try:
        return await client.get(url)
    except CannotTell:
        return b"none"


def test_a_certificate_is_fetched_once(tmp_path: Path) -> None:
    """By many at once as by many one after the other, and again when its day is over."""

    async def scene(sns: Sns, client: Amazon) -> list[Any]:
        found: list[Any] = [
            set(await asyncio.gather(*(_get(client) for _ in range(20)))),
            await _get(client),
            sns.asked,
        ]
        sns.now += KEPT_SECONDS
        return [*found, await _get(client), sns.asked]

    assert [{b"PEM"}, b"PEM", 1, b"PEM", 2] == _play(tmp_path, scene)


@pytest.mark.parametrize("kind", ["404", "redirect", "too large", "empty"])
def test_what_is_no_certificate_is_not_asked_for_again_and_again(tmp_path: Path, kind: str) -> None:
    """No redirect is followed, no more is read than a certificate may have; half a minute later it may be there."""

    async def scene(sns: Sns, client: Amazon) -> list[Any]:
        if kind == "404":
            sns.status = 404
        elif kind == "redirect":
            sns.status, sns.location = 302, f"{HOST}/elsewhere"
        else:
            sns.body = b"" if kind == "empty" else b"x" * (amazon.OCTETS_MAX + 1)
        found: list[Any] = [await _get(client), await _get(client), sns.asked]
        sns.body, sns.status = b"PEM", 200
        sns.now += FAILED_SECONDS
        return [*found, await _get(client)]

    assert [b"none", b"none", 1, b"PEM"] == _play(tmp_path, scene)


def test_a_server_with_another_certificate_is_not_believed(tmp_path: Path) -> None:
    """The name that was asked for has to stand in it."""

    async def scene(sns: Sns, client: Amazon) -> tuple[bytes, int]:
        return await _get(client), sns.asked

    assert (b"none", 0) == _play(tmp_path, scene, name="evil.example")


def test_forgers_can_not_have_amazon_asked_at_will(tmp_path: Path) -> None:
    """Ten a minute: made-up names of certificates cost no more than that, and few are kept."""

    async def scene(sns: Sns, client: Amazon) -> tuple[int, int]:
        sns.status = 404
        for number in range(100):
            await _get(client, CERTIFICATE.replace("0a0a", f"{number:04x}"))
        return sns.asked, len(client._kept)

    assert (10, 10) == _play(tmp_path, scene)


def test_a_confirmation_is_a_request(tmp_path: Path) -> None:
    """That must succeed: otherwise Amazon has to ask again."""

    async def scene(sns: Sns, client: Amazon) -> int:
        await client.confirm(f"{HOST}/?Action=ConfirmSubscription")
        sns.status = 500
        with pytest.raises(CannotTell):
            await client.confirm(f"{HOST}/?Action=ConfirmSubscription")
        return sns.asked

    assert 2 == _play(tmp_path, scene)
