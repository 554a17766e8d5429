"""Clients that live long are made anew when certificates or secrets on disk have changed: librdkafka reads them once.

First one that is only for that tries whether Kafka lets it in with the renewed ones. Until it does, the old clients go
on: a slip in a rotation stops nobody.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from confluent_kafka import KafkaException

from sidestep.topics.cluster import admin_client, cluster
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError
from sidestep.topics.security import Stamp

AGAIN_SECONDS = 5.0
"""Between two trials of what Kafka has not accepted."""
TOLD_SECONDS = 60.0
"""Between two lines of the log that say so."""

Client = TypeVar("Client")

log = logging.getLogger(__name__)


class Renewals:
    """The state of a connection's files that Kafka was last seen to accept. For any number of threads."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._accepted = connection.security.stamp()
        self._trying = threading.Lock()
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

    def _try(self, seen: Stamp) -> None:
        try:
            cluster(admin_client(self._connection), self._connection)
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


class Renewing(Generic[Client]):
    """A client that lives long. Any thread may ask for it; the old one is retired in the thread that asked first."""

    def __init__(self, renewals: Renewals, make: Callable[[], Client]):
        self._renewals = renewals
        self._make = make
        self._lock = threading.Lock()
        self._stamp = renewals.stamp()
        self.client = make()

    def renew(self, retire: Callable[[Client], None] = lambda old: None) -> bool:
        """Make it anew if renewed files are to be used; `retire` sees to the end of the old one then. True: it was.

        Raises CredentialsError where the files have become unusable since they were tried.
        """
        stamp = self._renewals.stamp()
        if stamp == self._stamp:
            return False
        with self._lock:
            if stamp == self._stamp:
                return False
            old, self.client = self.client, self._make()
            self._stamp = stamp
        retire(old)
        return True

    def get(self) -> Client:
        """The client to use now."""
        self.renew()
        return self.client
