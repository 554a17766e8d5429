"""Where a Kafka cluster is and how to be let in: once, for every client library."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sidestep.topics.credentials import Credentials
from sidestep.topics.errors import CredentialsError
from sidestep.topics.loopback import is_loopback
from sidestep.topics.security import Plaintext, Security

if TYPE_CHECKING:
    from sidestep.topics.renewing import Renewals


@dataclass(frozen=True)
class Connection:
    """Bootstrap servers, HOST:PORT[,HOST:PORT…], and the security that they ask for. As text: the servers.

    Raises CredentialsError for plain text that would leave this machine without being allowed to.
    """

    bootstrap: str
    security: Security = field(default_factory=Plaintext)
    trial: Credentials | None = None
    """For clients that try whether Kafka takes these, whatever the files say and whatever it took before."""

    def __post_init__(self) -> None:
        if isinstance(self.security, Plaintext) and not self.security.anywhere:
            for server in self.servers:
                if not is_loopback(server.rpartition(":")[0]):
                    raise CredentialsError(
                        f"{server} is another machine, and plain text could be read and changed on the way: set "
                        "SIDESTEP_SECURITY to tls, mtls, scram or oauth (docs/security.md). Where nobody else can "
                        "listen, SIDESTEP_PLAINTEXT_ANYWHERE=true allows it"
                    )

    @classmethod
    def of(cls, given: "Connection | str") -> "Connection":
        """A text is bootstrap servers in plain text."""
        return cls(given) if isinstance(given, str) else given

    @property
    def servers(self) -> list[str]:
        """HOST:PORT of each."""
        return [server.strip() for server in self.bootstrap.split(",") if server.strip()]

    @cached_property
    def renewals(self) -> "Renewals":
        """For clients that live long: when certificates or secrets on disk have changed, they are made anew."""
        from sidestep.topics.renewing import Renewals  # which makes clients, as everything but this file does

        return Renewals(self)

    def credentials(self) -> Credentials:
        """What a client that is made now shows to Kafka. Where clients live long: what Kafka last accepted, so
        that one that is made in the middle of a rotation, or after a slip in one, gets in as the others do. Elsewhere
        what the files say. Raises CredentialsError."""
        if self.trial is not None:
            return self.trial
        followed: Renewals | None = self.__dict__.get("renewals")  # not made by asking for it
        if followed is None:
            return self.security.read()
        followed.stamp()  # whoever is not let in at all, and asks again, has renewed files tried
        return followed.accepted

    def librdkafka(self, **more: Any) -> dict[str, Any]:
        """Settings of a confluent-kafka client. `more` are the client's own: ValueError where they would change where
        the connection leads or how safe it is."""
        ours = {"bootstrap.servers": ",".join(self.servers), **self.credentials().librdkafka()}
        if clash := ours.keys() & more.keys():
            raise ValueError(f"{', '.join(sorted(clash))} belongs to the Connection; give that another one instead")
        return ours | more

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments of AIOKafkaConsumer, AIOKafkaProducer and AIOKafkaAdminClient."""
        return {"bootstrap_servers": self.servers, **self.credentials().aiokafka()}

    def __str__(self) -> str:
        return self.bootstrap
