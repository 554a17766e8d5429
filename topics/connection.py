"""Where a Kafka cluster is and how to be let in: once, for every client library. Pure."""

from dataclasses import dataclass, field
from typing import Any

from sidestep.topics.security import Plaintext, Security


@dataclass(frozen=True)
class Connection:
    """Bootstrap servers, HOST:PORT[,HOST:PORT…], and the security that they ask for. As text: the servers."""

    bootstrap: str
    security: Security = field(default_factory=Plaintext)

    @classmethod
    def of(cls, given: "Connection | str") -> "Connection":
        """A text is bootstrap servers in plain text."""
        return cls(given) if isinstance(given, str) else given

    @property
    def servers(self) -> list[str]:
        """HOST:PORT of each."""
        return [server.strip() for server in self.bootstrap.split(",") if server.strip()]

    def librdkafka(self, **more: Any) -> dict[str, Any]:
        """Settings of a confluent-kafka client. `more` are the client's own: ValueError where they would change where
        the connection leads or how safe it is."""
        ours = {"bootstrap.servers": ",".join(self.servers), **self.security.librdkafka()}
        if clash := ours.keys() & more.keys():
            raise ValueError(f"{', '.join(sorted(clash))} belongs to the Connection; give that another one instead")
        return ours | more

    def faust(self) -> dict[str, Any]:
        """Keyword arguments of faust.App: the brokers' URLs and what their security asks for."""
        return {"broker": [f"kafka://{server}" for server in self.servers], **self.security.faust()}

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments of AIOKafkaConsumer, AIOKafkaProducer and AIOKafkaAdminClient."""
        return {"bootstrap_servers": self.servers, **self.security.aiokafka()}

    def __str__(self) -> str:
        return self.bootstrap
