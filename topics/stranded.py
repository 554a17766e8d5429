"""Clients that have let go of all their brokers, and never ask anybody again.

A broker that has just started may name topics and no brokers. librdkafka since 2.10 takes its word and lets go of all
that it knew; where the connection breaks in the same moment, the timer that would begin anew with the bootstrap servers
is stopped for good, and no setting helps (confluentinc/librdkafka#5301). Nothing is asked, nothing is answered, and
nothing is told but that all brokers are down, as in any outage.

So a client is given up only where Kafka answers others: new clients were answered, again and again, and all that time
it had nobody to ask. That is longer than librdkafka waits before it connects again.
"""

import contextlib
import logging
import threading
import time
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException

from sidestep.topics.cluster import admin_client
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError

LOOK_SECONDS = 8.0
"""Between two looks at a client that has brokers."""
AGAIN_SECONDS = 2.0
"""Between two looks at one that has none, and between two questions of new clients."""
SURE_SECONDS = 12.0
"""For which Kafka answers others only. librdkafka pauses for 10 s at the most (reconnect.backoff.max.ms) before it
connects again, so that a client whose broker was away has one by then."""
LONG_SECONDS = 60.0
"""Looks that lie further apart say nothing of the time between them."""
ANSWER_SECONDS = 5.0
AT_ONCE = 0.001
"""Seconds: for a question whose answer nobody waits for."""

log = logging.getLogger(__name__)


class Asking(Protocol):
    """What all of confluent-kafka's clients have."""

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """Asks a broker. Raises KafkaException, _TRANSPORT where there is none to ask."""


class OtherClients:
    """Whether Kafka answers clients that have just been made. Asked in a thread of its own; for any number of them."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._asking = threading.Lock()
        self._asked = float("-inf")
        self.row = (float("inf"), float("-inf"))
        """When the first and the last of the answers came that followed one another; the first is infinite where the
        last question had none."""

    def ask(self) -> None:
        """Unless that was done a moment ago. Never waits."""
        due = time.monotonic() - self._asked >= AGAIN_SECONDS
        if due and self._asking.acquire(blocking=False):
            self._asked = time.monotonic()
            threading.Thread(target=self._ask, name="answers", daemon=True).start()

    def _ask(self) -> None:
        try:
            # brokers: this one may have met the answer without any as well
            answered = bool(admin_client(self._connection).list_topics(timeout=ANSWER_SECONDS).brokers)
        except (KafkaException, SidestepError) as error:
            log.debug("a new client is not answered: %s", error)
            answered = False
        finally:
            self._asking.release()
        self.note(answered)

    def note(self, answered: bool) -> None:
        """A new client was answered now, or was not."""
        now = time.monotonic()
        self.row = (min(self.row[0], now), now) if answered else (float("inf"), float("-inf"))


class Stranded:
    """Whether one client has let go of all its brokers. For any number of threads; looks cost next to nothing until
    one is due."""

    def __init__(self, answers: OtherClients):
        self._answers = answers
        self._looking = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._next = time.monotonic() + LOOK_SECONDS
        self._alone_since: float | None = None

    def look(self, client: Asking, topic: str | None = None) -> bool:
        """True, once: it is to be replaced. `topic`: one that it uses, None: of all, for clusters that are asked so
        anyway. Never waits."""
        if time.monotonic() < self._next or not self._looking.acquire(blocking=False):
            return False
        try:
            return self._look(client, topic)
        finally:
            self._looking.release()

    def _look(self, client: Asking, topic: str | None) -> bool:
        if has_brokers(client, topic):
            self._begin()
            return False
        now = time.monotonic()
        if self._alone_since is None or now - self._next > LONG_SECONDS:  # nobody has looked for long: who knows
            self._alone_since = now
        since = self._alone_since
        first, last = self._answers.row
        if last - max(first, since) >= SURE_SECONDS:
            self._begin()
            return True
        self._next = now + AGAIN_SECONDS
        self._answers.ask()
        return False


def has_brokers(client: Asking, topic: str | None) -> bool:
    """Whether there is a broker to which the client is connected, as far as it knows."""
    try:
        client.list_topics(topic, timeout=AT_ONCE) if topic else client.list_topics(timeout=AT_ONCE)
    except KafkaException as error:
        return bool(error.args[0].code() != KafkaError._TRANSPORT)
    return True


def close_aside(client: Any) -> None:
    """Ends a consumer that may have nobody to take leave of: that takes it a minute."""

    def close() -> None:
        with contextlib.suppress(KafkaException, RuntimeError):
            client.close()

    threading.Thread(target=close, name="closing", daemon=True).start()
