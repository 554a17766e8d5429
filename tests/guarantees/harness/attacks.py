"""What an attacker sends, each the worst that we know of its kind. `prepare` takes its time; the launch does not."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from confluent_kafka import Producer

from sidestep.streams.local.nameserver import NameServer
from sidestep.topics.catalog import BOUNCES, INTENTS
from tests.guarantees.harness.system import System
from tests.guarantees.harness.workers import WorkerProcess, wait_for

Launch = Callable[[], None]
Sent = tuple[str, bytes]
"""Topic and value."""
Headers = dict[str, str | bytes | None]

PUBLIC = "A 93.184.215.14"
FEED_REFUSED = "feed hostile: refused"
LARGEST = 1_000_000
"""Octets that fit into a record."""


class Attacker:
    """Publishes to partition 0, where an honest tenant's records are as well."""

    def __init__(self, system: System, compression: str = "none", largest: int = LARGEST):
        options = {"message.max.bytes": largest + 100_000, "compression.type": compression, "linger.ms": 5}
        self._producer = Producer(system.connection.librdkafka(log_level=0, **options))

    def send(self, records: Iterator[Sent], headers: Headers | None = None) -> None:
        """Returns when Kafka has taken all of them; large ones one by one, so that they take no memory here."""
        for topic, value in records:
            self._producer.produce(topic, value, partition=0, headers=headers)
            if len(value) > LARGEST:
                assert self._producer.flush(60) == 0
        assert self._producer.flush(60) == 0


def _intents(names: list[str], label: str) -> Iterator[Sent]:
    for number, name in enumerate(names):
        record = {"id": f"{label}-{number}", "to": f"a{number}@{name}", "service": "attacker"}
        yield INTENTS.name, json.dumps(record).encode()


def fat_domains(server: NameServer, names: int) -> list[str]:
    """The names of so many. Every other one has 500 exchanges, the others ten, and each of these as many addresses as
    go into 7 KiB or into 60."""
    for size in (440, 3_700):
        addresses = [f"A 93.184.{number // 250}.{number % 250 + 1}" for number in range(size)]
        server.set(f"*.fat{size}.example", *addresses)
    domains = [f"fat{number}.example" for number in range(names)]
    for number, domain in enumerate(domains):
        wide = f"{number}.fat{(440, 3_700)[number // 2 % 2]}.example"
        count = 500 if number % 2 else 10
        server.set(domain, *(f"MX {10 + each} mx{each}.{wide}" for each in range(count)))
    return domains


def fat_names(system: System, names: int) -> Launch:
    """An intent to each of so many fat domains."""
    domains = fat_domains(system.names, names)
    return lambda: Attacker(system).send(_intents(domains, f"fat-{time.monotonic()}"))


def silent_names(system: System, names: int) -> Launch:
    """Nobody answers for any of so many domains, each of them somebody else's."""
    domains = [f"silent{number}.example" for number in range(names)]
    for domain in domains:
        system.names.fault(domain, "drop")
    return lambda: Attacker(system).send(_intents(domains, f"silent-{time.monotonic()}"))


def rubbish(system: System, records: int) -> Launch:
    """An octet a record."""
    return lambda: Attacker(system).send((INTENTS.name, b"?") for _ in range(records))


def bombs(system: System, records: int) -> Launch:
    """Of 40 MB each, 40 KB on the wire."""
    return lambda: Attacker(system, "gzip", 40_000_000).send((INTENTS.name, b" " * 40_000_000) for _ in range(records))


def packed(system: System, records: int) -> Launch:
    """Of 120 MB each, 4 KB on the wire: more than is unpacked at all."""
    return lambda: Attacker(system, "zstd", 120_000_000).send(
        (INTENTS.name, bytes(120_000_000)) for _ in range(records)
    )


def large_headers(system: System, records: int) -> Launch:
    """A megabyte of headers beside a sound value."""
    fields: Headers = {f"h{number}": b"x" * 300 for number in range(3_000)}
    return lambda: Attacker(system).send(_intents(["d0.example"] * records, f"headers-{time.monotonic()}"), fields)


def webhooks(system: System, records: int) -> Launch:
    """Amazon SES: a thousand recipients and a megabyte of headers and tags; SparkPost: 12,000 events in one member."""
    said = {
        "bounceType": "Permanent",
        "bouncedRecipients": [{"emailAddress": f"u{number}@d0.example"} for number in range(1_000)],
    }
    mail = {
        "headers": [{"name": f"X-{number}", "value": "y" * 20} for number in range(8_000)],
        "tags": {f"t{number}": ["z"] for number in range(8_000)},
        "messageId": "m",
    }
    ses = json.dumps({"notificationType": "Bounce", "bounce": said, "mail": mail}).encode()
    event = {"type": "bounce", "rcpt_to": "u@d0.example", "bounce_class": "10"}
    members = {f"e{number}": event for number in range(12_000)}
    sparkpost = json.dumps([{"msys": members}]).encode()[:LARGEST]
    return lambda: Attacker(system).send((BOUNCES.name, each) for _ in range(records) for each in (ses, sparkpost))


HEAD = b"From: MAILER-DAEMON@mx.example.net\nSubject: Undelivered Mail Returned to Sender\n"
REPORT = b'MIME-Version: 1.0\nContent-Type: multipart/report; boundary="B"\n\n'
FIELDS = "Final-Recipient: rfc822; u{0}@d0.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 {1}\n\n"


def mail(system: System, records: int) -> Launch:
    """An mbox of 100 messages to 100 recipients each, a report of 100 recipients with a thousand words about each, and
    trees of parts without end."""
    lines = b"".join(b"<u%d@d0.example>: 550 5.1.1 user unknown\n" % number for number in range(100))
    mbox = b"".join(b"From x Thu Apr 29 23:34:45 2021\n" + HEAD + b"\n" + lines + b"\n" for _ in range(100))
    words = " ".join(f"w{number:x}q" for number in range(200))
    fields = "".join(FIELDS.format(number, f"no {number} {words}") for number in range(100)).encode()
    report = HEAD + REPORT + b"--B\nContent-Type: message/delivery-status\n\n\n" + fields + b"--B--\n"
    mixed = b"Content-Type: multipart/mixed; boundary=b\n\n"
    tree, parts = mixed + (b"--b\n" + mixed) * 20_000, mixed + b"--b\nContent-Type: text/plain\n\nx\n" * 25_000
    nested = b"Content-Type: message/rfc822\n\n" * 20_000
    return lambda: Attacker(system).send(
        (BOUNCES.name, each[:LARGEST]) for _ in range(records) for each in (mbox, report, tree, parts, nested)
    )


def marks(system: System, records: int) -> Launch:
    """Ten thousand people who are said to have bounced, a hundred in each of a hundred messages without a proof."""
    return lambda: Attacker(system).send((BOUNCES.name, hundred_bounces(number * 100)) for number in range(records))


def hundred_bounces(first: int) -> bytes:
    """A message that says so of a hundred people: of all those that are accepted it takes longest for its octets."""
    lines = (b"<victim%d@d0.example>: 550 5.1.1 user unknown\n" % number for number in range(first, first + 100))
    return HEAD + b"\n" + b"".join(lines)


def connections(port: int, seconds: float) -> Launch:
    """Three hundred at once: heads of 60 KB that never end, and such that never begin. Who is cut off comes again."""

    def launch() -> None:
        end, open_ones = time.monotonic() + seconds, list[socket.socket]()
        while time.monotonic() < end:
            with suppress(OSError):
                client = socket.create_connection(("127.0.0.1", port), timeout=1)
                open_ones.append(client)
                if len(open_ones) % 3:
                    client.sendall(b"GET /metrics HTTP/1.1\r\n" + b"x-y: " + b"z" * 3_900 + b"\r\n")
                    client.sendall((b"x: " + b"z" * 3_900 + b"\r\n") * 15)
            while len(open_ones) > 300:
                open_ones.pop(0).close()
        for client in open_ones:
            client.close()

    return launch


class Feed:
    """A list at a server of its own, which may be another one at any time."""

    def __init__(self) -> None:
        self._octets = gzip.compress(b"trap.example\n")
        feed = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """The whole list."""
                self.send_response(200)
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(feed._octets)))
                self.end_headers()
                self.wfile.write(feed._octets)

            def log_message(self, *_: Any) -> None:
                """Not into the test's output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.address = f"http://127.0.0.1:{self._server.server_port}/list"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def swell(self, worker: WorkerProcess, lines: int) -> Launch:
        """So many lines of five octets; a thousandth of that on the wire. Over when the worker has refused them."""
        honest, hostile = self._octets, gzip.compress(b"a.bc\n" * lines)

        def launch() -> None:
            self._octets = hostile
            wait_for(lambda: FEED_REFUSED in worker.said, 120, "the feed is refused", every=0.5)
            self._octets = honest

        return launch
