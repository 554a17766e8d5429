"""A client that lives long, made anew when certificates or secrets on disk have changed: librdkafka reads them once."""

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from confluent_kafka import KafkaException

from sidestep.topics.connection import Connection
from sidestep.topics.errors import CredentialsError

Client = TypeVar("Client")

log = logging.getLogger(__name__)


class Renewing(Generic[Client]):
    """The client at hand. For one thread at a time.

    `make` makes one; where the renewed files can't be used, the old client goes on, and the log says why.
    """

    def __init__(self, connection: Connection, make: Callable[[], Client]):
        self._connection = connection
        self._make = make
        self._stamp = connection.stamp
        self._client = make()

    @property
    def client(self) -> Client:
        """The one at hand, as it is."""
        return self._client

    def renew(self) -> Client | None:
        """Make another one if files have changed. The one before, for its end to be seen to; None: nothing changed."""
        stamp = self._connection.stamp
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        try:
            new = self._make()
        except (CredentialsError, KafkaException) as error:
            log.error("certificates or secrets have changed and can't be used, the old ones go on: %s", error)
            return None
        old, self._client = self._client, new
        return old

    def get(self) -> Client:
        """The client to use now; one that was there before is left to itself."""
        self.renew()
        return self._client
