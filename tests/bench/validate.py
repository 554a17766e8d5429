"""What POST /v1/validate takes for domains that are cached: `python -m tests.bench.validate [--rate N --seconds S]`.

A `sidestep serve` process on one core; its name server and the load on the others. Requests go out by the clock,
whether or not earlier ones have been answered, and latency counts from the moment at which a request *should* have gone
out: a server that stalls can't hide the requests that it kept waiting.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import psutil
import uvloop

from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.local.ports import free_port
from sidestep.streams.web.validate.token_file import new_token
from sidestep.streams.web.validate.tokens import line_of
from tests.bench.measure import percentile
from tests.bench.processes import Child, sidestep

DOMAINS = [f"d{number}.example" for number in range(300)]
ZONES = {
    **{domain: [f"3600 MX 10 mx{number % 7}.mail.example"] for number, domain in enumerate(DOMAINS)},
    "*.mail.example": ["3600 A 93.184.215.14"],
}
CONNECTIONS = 64
START_SECONDS = 20.0
DRAIN_SECONDS = 10.0
AIM_MS = 20.0

CLOCK = time.perf_counter
"""Not the event loop's: uvloop's goes in whole milliseconds."""


class Load(NamedTuple):
    """What a run saw. Latencies are milliseconds, from the intended moment of sending to the last octet."""

    latencies: list[float]
    statuses: dict[int, int]
    cpu_share: float
    """Of one core, by the server."""
    late: float
    """The most that the load itself was behind its clock, milliseconds: part of the latencies."""


class Connection(asyncio.Protocol):
    """One request at a time, kept alive."""

    def __init__(self, load: "Generator") -> None:
        self._load = load
        self._transport: Any = None
        self._intended = 0.0
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._load.free(self)

    def send(self, request: bytes, intended: float) -> None:
        """Send it; `intended` is when it should have gone out, in CLOCK's time."""
        self._intended = intended
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, gap, body = self._heard.partition(b"\r\n\r\n")
        if gap and len(body) >= _content_length(head):
            self._heard = b""
            self._load.answered(int(head[9:12]), self._intended)
            self._load.free(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._load.lost += 1


class Generator:
    """The open loop: `rate` requests a second for some seconds, over a few connections."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        self._requests = requests
        self._free: list[Connection] = []
        self._waiting: deque[tuple[bytes, float]] = deque()
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}
        self.late = 0.0
        self.lost = 0

    async def run(self, host: str, port: int, rate: float, seconds: float) -> None:
        """Raises RuntimeError when answers are missing at the end."""
        for _ in range(CONNECTIONS):
            await asyncio.get_running_loop().create_connection(lambda: Connection(self), host, port)
        total, began = int(rate * seconds), CLOCK() + 0.1
        for number in range(total):
            intended = began + number / rate
            if (early := intended - CLOCK()) > 0:
                await asyncio.sleep(early)
            self.late = max(self.late, CLOCK() - intended)
            self._offer(self._requests[number % len(self._requests)], intended)
        await self._drain(total)

    def free(self, connection: Connection) -> None:
        """The connection takes the request that has waited longest, or waits itself."""
        if self._waiting:
            connection.send(*self._waiting.popleft())
        else:
            self._free.append(connection)

    def answered(self, status: int, intended: float) -> None:
        """A response is complete."""
        self.latencies.append((CLOCK() - intended) * 1000)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def _offer(self, request: bytes, intended: float) -> None:
        if self._free:
            self._free.pop().send(request, intended)
        else:
            self._waiting.append((request, intended))

    async def _drain(self, total: int) -> None:
        deadline = CLOCK() + DRAIN_SECONDS
        while len(self.latencies) < total:
            if CLOCK() > deadline:
                missing = total - len(self.latencies)
                raise RuntimeError(f"{missing} of {total} requests were not answered, {self.lost} connections lost")
            await asyncio.sleep(0.01)


def measure(rate: float, seconds: float, folder: Path) -> Load:
    """Start everything, warm the caches, load it."""
    token, port = new_token(), free_port()
    tokens = folder / "tokens"
    tokens.write_text(f"{line_of('bench', token)} 1000000/s,max_burst=1000000\n")
    tokens.chmod(0o600)
    with NameServer(ZONES) as ns:
        command = sidestep("serve", "--port", port, "--tokens", tokens, "--dns", f"{ns.host}:{ns.port}")
        with Child("serve", command, folder / "serve.log") as server:
            _share_cores(server.pid)
            _warm(port, token, server)
            before, began = server.cpu(), time.monotonic()
            found = uvloop.run(_load(port, token, rate, seconds))
            share = (server.cpu() - before) / (time.monotonic() - began)
            return Load(found.latencies, found.statuses, share, found.late * 1000)


async def _load(port: int, token: str, rate: float, seconds: float) -> Generator:
    generator = Generator([_request(port, token, {"address": f"jane.doe@{domain}"}) for domain in DOMAINS])
    await generator.run("127.0.0.1", port, rate, seconds)
    return generator


def _request(port: int, token: str, body: dict[str, object]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST /v1/validate HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _content_length(head: bytes) -> int:
    line = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return int(line.partition(b":")[2])


def _share_cores(server: int) -> None:
    """The first core for the server alone, where there are several and the system lets us choose."""
    if hasattr(os, "sched_setaffinity") and len(cores := sorted(os.sched_getaffinity(0))) > 1:
        psutil.Process(server).cpu_affinity(cores[:1])
        os.sched_setaffinity(0, cores[1:])


def _warm(port: int, token: str, server: Child) -> None:
    """Until every domain is known. Raises Ended when the server does, TimeoutError when it can't answer."""
    body = json.dumps({"addresses": [f"a@{domain}" for domain in DOMAINS], "deadline_ms": 5000}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/validate", body, headers)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        server.check()
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                results = json.load(response)["results"]
        except OSError:  # not listening yet
            time.sleep(0.05)
            continue
        if all(result["outcome"] == "approved" for result in results):
            return
    raise TimeoutError("the server did not come to know the domains:\n" + server.said())


@click.command()
@click.option("--rate", default=1000.0, show_default=True, type=click.FloatRange(1, 100_000), help="Requests a second.")
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(0.1, 600), help="How long.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def main(rate: float, seconds: float, as_json: bool) -> None:
    """Measure POST /v1/validate for cached domains on this machine."""
    with tempfile.TemporaryDirectory(prefix="sidestep-bench-") as folder:
        found = measure(rate, seconds, Path(folder))
    figures = {
        "rate": rate,
        "answers": len(found.latencies),
        "not_200": len(found.latencies) - found.statuses.get(200, 0),
        **{f"p{share:g}": round(percentile(found.latencies, share / 100), 2) for share in (50, 90, 99, 99.9)},
        "max": round(max(found.latencies), 2),
        "load_late": round(found.late, 2),
        "server_cpu_share": round(found.cpu_share, 3),
    }
    if as_json:
        click.echo(json.dumps(figures))
    else:
        for name, value in figures.items():
            click.echo(f"{name:<18}{value:>12,}")
        click.echo(f"p99 under {AIM_MS:g} ms: {'met' if figures['p99'] < AIM_MS else 'MISSED'}")


if __name__ == "__main__":
    sys.exit(main())
