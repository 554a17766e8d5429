"""Clients that live long are made anew when certificates or secrets on disk have changed: librdkafka reads them once;
and when they have let go of all their brokers (stranded.py).

First one that is only for that tries whether Kafka lets it in with the renewed ones. Until it does, the old clients go
on, and those that are made meanwhile are made of what the old ones have: a slip in a rotation stops nobody. Then each
new client connects before its old one is given up: nobody waits for a handshake.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from confluent_kafka import KafkaException

from sidestep.topics.cluster import admin_client, cluster
from sidestep.topics.connection import Connection
from sidestep.topics.errors import CredentialsError, SidestepError
from sidestep.topics.security import Stamp
from sidestep.topics.stranded import Asking, OtherClients, Stranded

AGAIN_SECONDS = 5.0
"""Between two trials of what Kafka has not accepted."""
TOLD_SECONDS = 60.0
"""Between two lines of the log that say so."""

CONNECT_SECONDS = 5.0
"""For which a new client is waited for to connect."""


CERTIFICATES, STRANDED = "certificates", "stranded"
"""Why a client is made anew."""

Client = TypeVar("Client", bound=Asking)

log = logging.getLogger(__name__)


class Renewals:
    """The state of a connection's files that Kafka was last seen to accept. For any number of threads."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._stamp = connection.security.stamp()
        self.accepted = connection.security.read()
        """What clients are made of. At the beginning: what lay there when the first one was made."""
        self._trying = threading.Lock()
        self._joining = threading.Lock()
        self._followed: WeakSet[Successor[Any]] = WeakSet()
        self._tried = self._told = float("-inf")
        self._counting = threading.Lock()
        self.answers = OtherClients(connection)
        self.renewed: Counter[str] = Counter({CERTIFICATES: 0, STRANDED: 0})
        """Clients that were made anew, by the reason."""
        self.trouble = ""
        """Why the files that are there now are not in use; empty: they are."""

    def stamp(self) -> Stamp:
        """Changes when renewed files are to be used from now on. Never waits: they are tried in a thread."""
        seen = self._connection.security.stamp()
        due = seen != self._stamp and time.monotonic() - self._tried >= AGAIN_SECONDS
        if due and self._trying.acquire(blocking=False):
            self._tried = time.monotonic()
            threading.Thread(target=self._try, args=(seen,), name="renewal", daemon=True).start()
        return self._stamp

    def follow(self, successor: "Successor[Any]") -> None:
        """Have it prepared whenever renewed files were accepted, for as long as somebody holds it."""
        with self._joining:
            self._followed.add(successor)

    def count(self, reason: str) -> None:
        """A client was made anew."""
        with self._counting:
            self.renewed[reason] += 1
        if reason == STRANDED:
            log.warning(
                "a client had let go of all its brokers while Kafka answers others, and was made anew (librdkafka 5301)"
            )

    def _try(self, seen: Stamp) -> None:
        try:
            self._let_in()
            self._prepare_all()
        except (SidestepError, KafkaException) as error:
            self.trouble = str(error)
            if time.monotonic() - self._told >= TOLD_SECONDS:
                self._told = time.monotonic()
                log.error("certificates or secrets have changed and are not accepted, the old ones go on: %s", error)
        else:
            self.trouble, self._tried, self._stamp = "", float("-inf"), seen
            log.info("certificates or secrets have changed: clients are made anew")
        finally:
            self._trying.release()

    def _let_in(self) -> None:
        """From now on clients are made of what was tried here, and of nothing that may lie there later."""
        trial = replace(self._connection, trial=self._connection.security.read())
        cluster(admin_client(trial), trial)
        self.accepted = trial.credentials()

    def _prepare_all(self) -> None:
        """One after the other: a worker has many, and verdicts go on meanwhile."""
        with self._joining:
            followed = list(self._followed)
        for successor in followed:
            successor.prepare()


class Successor(Generic[Client]):
    """The client that comes next: once renewed files are accepted it is made of them and connects, while the one before
    is still used. And whether the one that is used is to be given up."""

    def __init__(self, renewals: Renewals, make: Callable[[], Client]):
        self._renewals = renewals
        self._make = make
        self._prepared: deque[Client] = deque(maxlen=1)
        self._stranded = Stranded(renewals.answers)
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
            client = self._prepared.popleft()
        except IndexError:
            return None
        self._renewals.count(CERTIFICATES)
        return client

    def stranded(self, client: Client, topic: str | None = None) -> bool:
        """Whether the client has let go of all its brokers and is to be replaced; True once. See Stranded.look."""
        if not self._stranded.look(client, topic):
            return False
        self._renewals.count(STRANDED)
        return True


class Renewing(Generic[Client]):
    """A client that lives long. Any thread may ask for it; the old one is retired in the thread that finds the new one
    ready."""

    def __init__(self, renewals: Renewals, make: Callable[[], Client]):
        self._successor = Successor(renewals, make)
        self._make = make
        self.client = make()

    def renew(
        self,
        retire: Callable[[Client], None] = lambda old: None,
        abandon: Callable[[Client], None] = lambda old: None,
        topic: str | None = None,
    ) -> bool:
        """Go over to the client of renewed files, if one is ready: True, and `retire` sees to the end of the old one.
        Or to a new one where the old one has let go of all its brokers: True, and `abandon` sees to what it had.
        `topic`: one that it uses; None: see Stranded.look. Never waits."""
        client = self._successor.take()
        if client is not None:
            old, self.client = self.client, client
            retire(old)
            return True
        if not self._successor.stranded(self.client, topic):
            return False
        try:
            old, self.client = self.client, self._make()
        except CredentialsError as error:
            log.error("no other client can be made: %s", error)
            return False
        abandon(old)
        return True

    def get(self, topic: str | None = None) -> Client:
        """The client to use now. `topic`: one that it uses; None: see Stranded.look."""
        self.renew(topic=topic)
        return self.client
