"""Clients that live long are made anew when certificates or secrets on disk have changed: librdkafka reads them once.

First one that is only for that tries whether Kafka lets it in with the renewed ones. Until it does, the old clients go
on: a slip in a rotation stops nobody. Then each new client connects before its old one is given up: nobody waits for a
handshake.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet

from confluent_kafka import KafkaException

from sidestep.topics.cluster import admin_client, cluster
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError
from sidestep.topics.security import Stamp

AGAIN_SECONDS = 5.0
"""Between two trials of what Kafka has not accepted."""
TOLD_SECONDS = 60.0
"""Between two lines of the log that say so."""

CONNECT_SECONDS = 5.0
"""For which a new client is waited for to connect."""


class Connecting(Protocol):
    """What all of confluent-kafka's clients have."""

    def list_topics(self, *, timeout: float) -> object:
        """Connects, and asks."""


Client = TypeVar("Client", bound=Connecting)

log = logging.getLogger(__name__)


class Renewals:
    """The state of a connection's files that Kafka was last seen to accept. For any number of threads."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._accepted = connection.security.stamp()
        self._trying = threading.Lock()
        self._joining = threading.Lock()
        self._followed: WeakSet[Successor[Any]] = WeakSet()
        self._tried = self._told = float("-inf")
        self.trouble = ""
        """Why the files that are there now are not in use; empty: they are."""

    def stamp(self) -> Stamp:
        """Changes when renewed files are to be used from now on. Never waits: they are tried in a thread."""
        seen = self._connection.security.stamp()
        due = seen != self._accepted and time.monotonic() - self._tried >= AGAIN_SECONDS
        if due and self._trying.acquire(blocking=False):
            self._tried = time.monotonic()
            threading.Thread(target=self._try, args=(seen,), name="renewal", daemon=True).start()
        return self._accepted

    def follow(self, successor: "Successor[Any]") -> None:
        """Have it prepared whenever renewed files were accepted, for as long as somebody holds it."""
        with self._joining:
            self._followed.add(successor)

    def _try(self, seen: Stamp) -> None:
        try:
            cluster(admin_client(self._connection), self._connection)
            self._prepare_all()
        except (SidestepError, KafkaException) as error:
            self.trouble = str(error)
            if time.monotonic() - self._told >= TOLD_SECONDS:
                self._told = time.monotonic()
                log.error("certificates or secrets have changed and are not accepted, the old ones go on: %s", error)
        else:
            self.trouble, self._tried, self._accepted = "", float("-inf"), seen
            log.info("certificates or secrets have changed: clients are made anew")
        finally:
            self._trying.release()

    def _prepare_all(self) -> None:
        """One after the other: a worker has many, and verdicts go on meanwhile."""
        with self._joining:
            followed = list(self._followed)
        for successor in followed:
            successor.prepare()


class Successor(Generic[Client]):
    """The client that comes next: once renewed files are accepted it is made of them and connects, while the one before
    is still used."""

    def __init__(self, renewals: Renewals, make: Callable[[], Client]):
        self._renewals = renewals
        self._make = make
        self._prepared: deque[Client] = deque(maxlen=1)
        renewals.follow(self)

    def prepare(self) -> None:
        """Make it, and wait until it has connected. Raises CredentialsError, KafkaException."""
        client = self._make()
        client.list_topics(timeout=CONNECT_SECONDS)
        self._prepared.append(client)

    def take(self) -> Client | None:
        """The client, where there is one, once; None: go on as before. Never waits. These calls look at the files."""
        self._renewals.stamp()
        try:
            return self._prepared.popleft()
        except IndexError:
            return None


class Renewing(Generic[Client]):
    """A client that lives long. Any thread may ask for it; the old one is retired in the thread that finds the new one
    ready."""

    def __init__(self, renewals: Renewals, make: Callable[[], Client]):
        self._successor = Successor(renewals, make)
        self.client = make()

    def renew(self, retire: Callable[[Client], None] = lambda old: None) -> bool:
        """Go over to the client of renewed files, if one is ready: True, and `retire` sees to the end of the old one.
        Never waits."""
        client = self._successor.take()
        if client is None:
            return False
        old, self.client = self.client, client
        retire(old)
        return True

    def get(self) -> Client:
        """The client to use now."""
        self.renew()
        return self.client
