"""The parties of the demo, each with a way into Kafka of its own: services publish, the mailer says what came back."""

from collections.abc import Callable

from sidestep.schemas import Bounce, EmailIntent, Engagement
from sidestep.topics.acls import service_principal
from sidestep.topics.catalog import INTENTS
from sidestep.topics.connection import Connection
from sidestep.topics.publish import Publisher
from sidestep.topics.signer import Signer

MAILER = "mailer"
DASHBOARD = "dashboard"
OPERATOR = "operator"
AUDITOR = "auditor"
STRANGER = "alerts"
"""The service whose records can't be read."""

Connect = Callable[[str], Connection]
"""The connection of a principal."""
Sign = Callable[[str], Signer | None]
"""What a principal signs with; None: nothing is signed."""


class Parties:
    """The publishers of all parties. One for each connection, however many principals have that one."""

    def __init__(self, connect: Connect, sign: Sign):
        self._connect = connect
        self._sign = sign
        self._publishers: dict[Connection, Publisher] = {}
        self._by_principal: dict[str, Publisher] = {}

    def intent(self, intent: EmailIntent) -> None:
        """A service offers a message."""
        self._of(service_principal(intent.service)).intent(intent)

    def octets(self, service: str, value: bytes, key: str | None) -> None:
        """A service offers what may be a message."""
        self._of(service_principal(service)).publish_bytes(INTENTS.name, value, key)

    def report(self, report: Bounce | Engagement) -> None:
        """The mailer says what became of a message."""
        mailer = self._of(MAILER)
        if isinstance(report, Bounce):
            mailer.bounce(report)
        else:
            mailer.engagement(report)

    def flush(self) -> None:
        """Returns when Kafka has taken everything. Raises PublishFailed."""
        for publisher in self._publishers.values():
            publisher.flush()

    def _of(self, principal: str) -> Publisher:
        found = self._by_principal.get(principal)
        if found is None:
            connection = self._connect(principal)
            if connection not in self._publishers:
                self._publishers[connection] = Publisher(connection, signer=self._sign(principal))
            found = self._by_principal[principal] = self._publishers[connection]
        return found
