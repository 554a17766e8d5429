"""Who can prove that he says a record: by a key, or as the one who writes to a topic; and what each may say. Pure."""

from dataclasses import dataclass, field

from sidestep.schemas.codec import ContractError

ANY_SERVICE = "*"
OF_TOPIC = "topic:"
"""Before the name of a topic that proves who says what stands in it."""


class Speaker:
    """Somebody who can prove that he says a record, and what he may say."""

    key_id: str
    """What the evidence has as `proved`."""
    services: frozenset[str]
    """With ANY_SERVICE in it: all."""
    streams: frozenset[str]
    """Of their intents; empty: all."""

    def check_says(self, service: str, stream: str | None) -> None:
        """Raises ContractError where these are not the speaker's. `stream` None: feedback, which has none, and may name
        no service: then it is the speaker's own."""
        if service not in self.services and ANY_SERVICE not in self.services and (service or stream is not None):
            raise ContractError("service-not-the-signers", f"{self} may not speak for the service it names")
        if stream is not None and self.streams and stream not in self.streams:
            raise ContractError("stream-not-the-signers", f"{self} may not speak for the stream it names")


@dataclass(frozen=True)
class TopicSpeaker(Speaker):
    """Writers of a topic that services have to themselves."""

    topic: str
    services: frozenset[str]
    streams: frozenset[str] = frozenset()

    @property
    def key_id(self) -> str:  # type: ignore[override]
        """No key's: those have no colon."""
        return f"{OF_TOPIC}{self.topic}"

    def __str__(self) -> str:
        return f"who writes to {self.topic}"


@dataclass(frozen=True)
class SignerKey(Speaker):
    """A key: who signs with it, and what they may say."""

    key_id: str
    algorithm: str
    key: bytes = field(repr=False)
    """The secret, or the public key."""
    services: frozenset[str]
    streams: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    """General ones, and with each those that services have to themselves. Empty: all."""
    until: float = float("inf")
    """Unix time after which nothing that it has signed is taken."""

    def __str__(self) -> str:
        return f"key {self.key_id}"
