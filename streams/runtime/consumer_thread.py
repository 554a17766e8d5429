"""The thread in which aiokafka keeps a consumer's place in its group; it fetches nothing."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from sidestep.streams.runtime.coordinator import WaryCoordinator, make_wary
from sidestep.streams.runtime.credentials import renew_client
from sidestep.streams.runtime.kafka import SILENT_SECONDS

if TYPE_CHECKING:  # the app makes the transport, which makes the thread
    from sidestep.streams.runtime.batch_app import BatchApp


class RebalanceListener(driver.ConsumerRebalanceListener):
    """Keeps aiokafka from fetching: Reader does that."""

    async def on_partitions_assigned(self, assigned: Iterable[TP]) -> None:
        """Pause first, then let Faust know."""
        self._thread._ensure_consumer().pause(*assigned)
        await super().on_partitions_assigned(assigned)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread of aiokafka's consumer, which is a wary member of its group; see coordinator.py."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._credentials = cast("BatchApp", self.app).connection.renewals.stamp()

    @property
    def coordinator(self) -> WaryCoordinator | None:
        """The member; None before the consumer has started."""
        return getattr(self._consumer, "_coordinator", None)

    def _create_worker_consumer(self, transport: Any) -> Any:
        """A coordinator that is silent for longer than a session and some has frozen or is cut off, and the group has
        given the partitions away. Not Faust's setting, which is for its waits as well; see BatchApp."""
        consumer = super()._create_worker_consumer(transport)
        silent = max(SILENT_SECONDS, 2 * float(self.app.conf.broker_session_timeout))
        consumer._client._request_timeout_ms = int(silent * 1000)
        return consumer

    def renew(self) -> None:
        """Where certificates or secrets have changed: the next connection is made with the renewed ones."""
        app = cast("BatchApp", self.app)
        stamp = app.connection.renewals.stamp()
        if stamp != self._credentials and self._consumer is not None:
            self._credentials = stamp
            renew_client(self._consumer._client, app.connection)

    async def on_start(self) -> None:
        """Nothing is subscribed yet: the coordinator waits for that."""
        await super().on_start()
        app = cast("BatchApp", self.app)
        main = app.loop

        def fatal(error: Exception) -> None:
            main.call_soon_threadsafe(app.fail, error)

        make_wary(self._consumer, fatal)
