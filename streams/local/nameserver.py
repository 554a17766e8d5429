"""A name server for loopback: the demo's whole DNS, and the tests'. UDP and TCP on one port, in a thread of its own.

It knows the zones it is given and nothing else: any other name is NXDOMAIN. zones.py has the format of zone text and
the ways in which a name can be made to misbehave.
"""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from sidestep.streams.local.zones import Fault, Zones

SMALL_WORLD = Path(__file__).parents[1] / "demo" / "data" / "zones.txt"
"""Large providers, companies, and every kind of trouble: the DNS of `sidestep demo`."""

UDP_LIMIT = 512
"""Octets; RFC 1035 section 4.2.1. The server does not speak EDNS."""

MAX_PREPARED = 100_000
"""Questions remembered with their answers; a benchmark that makes names up must not fill the memory."""

HEADER = struct.Struct("!HHHHHH")


@dataclass
class Prepared:
    """Everything about a question that can be known before it is asked again."""

    name: str
    kind: str
    head: bytes
    """Flags and counts, without the RD bit."""
    tail: bytes
    """What follows the question."""
    fault: Fault | None


class NameServer:
    """`with NameServer(zones) as ns:` or `async with`; then ns.host, ns.port.

    `zones` is zone text, a file of it, or name -> records, such as {"x.example": ["MX 10 mx.x.example"]}. `queries`
    counts what was asked, as "x.example" and as "x.example/MX".
    """

    def __init__(
        self, zones: str | Path | Mapping[str, Sequence[str]] = "", host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.host = host
        self.port = port
        self.queries: Counter[str] = Counter()
        self._zones = Zones()
        self._prepared: dict[bytes, Prepared] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] = bool
        if isinstance(zones, Mapping):
            for name, records in zones.items():
                self.set(name, *records)
        else:
            self.load(zones.read_text("utf-8") if isinstance(zones, Path) else zones)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, as a Resolver takes them."""
        return self.host, self.port

    def load(self, text: str) -> None:
        """Add zone text, also while running."""
        with self._lock:
            self._zones.load(text)
            self._prepared.clear()

    def set(self, name: str, *records: str, ttl: int = 300) -> None:
        """Give a name exactly these records, such as "MX 10 mx.example" or "60 A 93.184.215.14"; none: it is gone."""
        owner = f"{name.rstrip('.')}."
        with self._lock:
            self._zones.remove(dns.name.from_text(owner))
            self._zones.load(f"$TTL {ttl}\n" + "".join(f"{owner} {record}\n" for record in records))
            self._prepared.clear()

    def fault(self, where: str, what: str = "") -> None:
        """Let a NAME or NAME/TYPE misbehave, such as "delay 2.5"; nothing: let it behave again."""
        with self._lock:
            self._zones.faults.pop(where.lower(), None)
            if what:
                self._zones.faults[where.lower()] = Fault.parse(what.split())[0]
            self._prepared.clear()

    def start(self) -> Self:
        """Answer from now on. Raises OSError when the port is taken."""
        ready: Future[tuple[int, Callable[[], object]]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="nameserver", daemon=True)
        self._thread.start()
        self.port, self._stop = ready.result(10)
        return self

    def stop(self) -> None:
        """Close both sockets and end the thread."""
        if self._thread is not None:
            self._stop()
            self._thread.join(10)
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    async def _serve(self, ready: Future[tuple[int, Callable[[], object]]]) -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        try:
            datagrams, streams = _bind(self.host, self.port)
            udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self.answer), sock=datagrams)
            tcp = await asyncio.start_server(self._converse, sock=streams)
        except OSError as error:
            ready.set_exception(error)
            return
        ready.set_result((datagrams.getsockname()[1], lambda: loop.call_soon_threadsafe(stopped.set)))
        await stopped.wait()
        udp.close()
        tcp.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                reply, delay = self.answer(await reader.readexactly(size), over_tcp=True)
                await asyncio.sleep(delay)
                if reply == b"":
                    break
                if reply is not None:
                    writer.write(len(reply).to_bytes(2, "big") + reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has what it wanted
        finally:
            writer.close()

    def answer(self, query: bytes, over_tcp: bool = False) -> tuple[bytes | None, float]:
        """A query -> the reply (None: stay silent, empty: hang up) and the seconds to wait before it is sent."""
        end = query.find(0, 12) + 5
        if not 17 <= end <= len(query) or query[2] & 0x80:
            return None, 0.0
        try:
            known = self._prepare(query, end)
        except dns.exception.DNSException:
            return None, 0.0
        self.queries[known.name] += 1
        self.queries[f"{known.name}/{known.kind}"] += 1
        flags = bytes((known.head[0] | query[2] & 1,)) + known.head[1:]
        reply = query[:2] + flags + query[12:end] + known.tail
        if len(reply) > UDP_LIMIT and not over_tcp:
            reply = _cut(reply)
        return _misbehave(known.fault, reply, over_tcp) if known.fault else (reply, 0.0)

    def _prepare(self, query: bytes, end: int) -> Prepared:
        key = query[12:end].lower()  # label lengths are below 64, so lower() leaves them alone
        known = self._prepared.get(key)
        if known is None:
            with self._lock:
                if len(self._prepared) >= MAX_PREPARED:
                    self._prepared.clear()
                known = self._prepared[key] = self._render(query[:4] + HEADER.pack(0, 0, 1, 0, 0, 0)[4:] + key)
        return known

    def _render(self, query: bytes) -> Prepared:
        asked = dns.message.from_wire(query)
        question = asked.question[0]
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        fault = self._zones.faults.get(f"{name}/{kind.lower()}") or self._zones.faults.get(name)
        response = dns.message.make_response(asked, recursion_available=True)
        response.flags |= dns.flags.AA
        _fill(response, self._zones, fault.kind if fault else "")
        wire = response.to_wire()
        return Prepared(name, kind, bytes((wire[2] & 0xFE,)) + wire[3:12], wire[len(query) :], fault)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer: Callable[[bytes], tuple[bytes | None, float]]) -> None:
        self._answer = answer
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, sender: tuple[Any, ...]) -> None:
        reply, delay = self._answer(data)
        if reply and delay:
            asyncio.get_running_loop().call_later(delay, self._transport.sendto, reply, sender)
        elif reply:
            self._transport.sendto(reply, sender)


def _fill(response: dns.message.Message, zones: Zones, fault: str) -> None:
    """Answer and authority, as the zones or a fault that is the same each time have it."""
    question = response.question[0]
    if fault in _CODES:
        response.set_rcode(_CODES[fault])
    elif fault == "lame":
        response.flags &= ~(dns.flags.AA | dns.flags.RA)
        response.authority.append(dns.rrset.from_text(question.name, 300, "IN", "NS", "elsewhere.invalid."))
    elif fault == "alias-only":
        code, records, _ = zones.look_up(question.name, question.rdtype)
        response.answer = records[:1]
        response.set_rcode(dns.rcode.NOERROR if records else code)
    elif fault == "lie-owner":
        other = dns.name.Name((b"other", *question.name.labels))
        response.answer.append(dns.rrset.from_text(other, 300, "IN", "MX", "10 mx.elsewhere.example."))
    elif fault == "cname-steps":
        labels = question.name.labels
        other = dns.name.Name(labels[1:] if labels[0] == b"loop" else (b"loop", *labels))
        response.answer.append(dns.rrset.from_text(question.name, 300, "IN", "CNAME", str(other)))
    elif fault == "cname-loop":
        other = dns.name.Name((b"loop", *question.name.labels))
        response.answer.append(dns.rrset.from_text(question.name, 300, "IN", "CNAME", str(other)))
        response.answer.append(dns.rrset.from_text(other, 300, "IN", "CNAME", str(question.name)))
    else:
        code, response.answer, last = zones.look_up(question.name, question.rdtype)
        response.set_rcode(code)
        if not response.answer or response.answer[-1].rdtype != question.rdtype:
            response.authority.append(zones.soa(last))


_CODES = {"servfail": dns.rcode.SERVFAIL, "refuse": dns.rcode.REFUSED}


def _cut(reply: bytes) -> bytes:
    """The reply with its TC bit set and nothing but the question in it (RFC 2181 section 9)."""
    end = reply.find(0, 12) + 5
    return reply[:2] + bytes((reply[2] | 0x02, reply[3])) + HEADER.pack(0, 0, 1, 0, 0, 0)[4:] + reply[12:end]


def _misbehave(fault: Fault, reply: bytes, over_tcp: bool) -> tuple[bytes | None, float]:
    if fault.kind == "delay":
        return reply, fault.number
    if fault.kind == "drop-first" and fault.number > 0:
        fault.number -= 1
        return None, 0.0
    spoil = _SPOILED.get(fault.kind)
    return (spoil(reply, over_tcp) if spoil else reply), 0.0


_SPOILED: dict[str, Callable[[bytes, bool], bytes | None]] = {
    "drop": lambda reply, over_tcp: None,
    "truncate": lambda reply, over_tcp: reply if over_tcp else _cut(reply),
    "no-tcp": lambda reply, over_tcp: b"" if over_tcp else _cut(reply),
    "lie-id": lambda reply, over_tcp: bytes((reply[0] ^ 0x55,)) + reply[1:],
    "lie-question": lambda reply, over_tcp: reply[:13] + bytes((reply[13] ^ 0x02,)) + reply[14:],
    "garble": lambda reply, over_tcp: reply[:12] + b"\xff" * 20,
}


def _bind(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """One UDP and one listening TCP socket with the same port; for port 0, one that is free for both."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for attempt in range(10):
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        streams = socket.socket(family, socket.SOCK_STREAM)
        try:
            datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            datagrams.bind((host, port))
            streams.bind((host, datagrams.getsockname()[1]))
            streams.listen(128)
            return datagrams, streams
        except OSError:
            datagrams.close()
            streams.close()
            if port or attempt == 9:
                raise
    raise AssertionError("the last attempt returns or raises")
