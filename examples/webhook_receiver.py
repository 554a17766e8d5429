"""Takes the webhook bodies of an email provider and puts them into Kafka as they are; Screen reads what is in them.

    python examples/webhook_receiver.py --port 8080        # POST http://127.0.0.1:8080/, from your proxy

IT CHECKS NO SIGNATURE. Whoever can reach it can make Sidestep believe that anybody's mail bounced. `sidestep receive`
(docs/receive.md) does what this does not: it checks what each provider signs, refuses replays, speaks TLS and bounds
rates and connections. This shows how little it takes to put a body into Kafka. It listens on loopback, and should stay
there.

The answer is 200 only when Kafka has the body: a provider sends again what was answered with 503, and Sidestep counts
an event once however often it comes.
"""

import argparse
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

from sidestep.topics import Access, Publisher, SidestepError
from sidestep.topics.catalog import BOUNCES

LARGEST = 1_000_000
"""Octets of a body, a little less than Kafka takes."""


class Receiver(BaseHTTPRequestHandler):
    """Answers one provider's POSTs, one after the other: a publisher is not for several threads."""

    timeout = 10  # a client that says nothing must not keep the next one waiting

    def __init__(self, publisher: Publisher, *connection: object):
        self._publisher = publisher
        super().__init__(*connection)  # type: ignore[arg-type]

    def do_POST(self) -> None:
        """Any path: which provider it is can be seen from the body."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self._answer(411)
        elif int(length) > LARGEST:
            self._answer(413)
        else:
            self._publish(self.rfile.read(int(length)), self.headers.get("Content-Type", "application/json"))

    def _publish(self, body: bytes, content_type: str) -> None:
        # opens and clicks come by the same webhook; Screen takes both from this topic
        try:
            self._publisher.publish_bytes(BOUNCES.name, body, headers={"content-type": content_type})
            self._publisher.flush()
            self._answer(200)
        except SidestepError as error:
            self.log_error("not published: %s", error)
            self._answer(503)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    """Until it is ended."""
    options = argparse.ArgumentParser(description="Put webhook bodies into email-bounces. Checks no signature!")
    options.add_argument(
        "--broker", help="instead of SIDESTEP_BROKER; how Kafka lets us in is said by SIDESTEP_SECURITY and its like"
    )
    options.add_argument("--port", type=int, default=8080)
    given = options.parse_args()
    # providers wait some ten seconds for an answer
    kafka = Access.from_environment().at(given.broker).connect()
    with Publisher(kafka, **{"delivery.timeout.ms": 5_000}) as publisher:
        server = HTTPServer(("127.0.0.1", given.port), partial(Receiver, publisher))
        print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
