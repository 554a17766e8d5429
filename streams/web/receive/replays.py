"""Messages that a door has taken already, each remembered for as long as its time stamp would let it in again. Pure."""

from collections import OrderedDict
from dataclasses import dataclass

from sidestep.streams.web.receive.incoming import CannotTell, Refused

MOST = 100_000
"""Messages of one door that are remembered; where they are that many, the next one has to wait."""


@dataclass
class _Seen:
    digest: bytes
    until: float
    published: bool = False


class Replays:
    """The messages of a door. Times are seconds of a clock that only goes forward."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def claim(self, identity: bytes, digest: bytes, now: float, seconds: float) -> bool:
        """Whether it is to be published now: False where it has been. `seconds`: for which it is remembered.

        Raises Refused where something else has come under this id; CannotTell where the same message is on its way
        into Kafka, or too many are remembered.
        """
        self._forget(now)
        seen = self._seen.get(identity)
        if seen is None:
            if len(self._seen) >= self._most:
                raise CannotTell("too many messages of this door have come within its window")
            self._seen[identity] = _Seen(digest, now + seconds)
            return True
        if seen.digest != digest:
            raise Refused("replayed")
        if not seen.published:
            raise CannotTell("the same message is being published")
        return False

    def published(self, identity: bytes) -> None:
        """Kafka has it."""
        if seen := self._seen.get(identity):
            seen.published = True

    def release(self, identity: bytes) -> None:
        """Kafka has not taken it, as far as is known: it may come again."""
        self._seen.pop(identity, None)

    def _forget(self, now: float) -> None:
        while self._seen:
            identity, seen = next(iter(self._seen.items()))
            if seen.until > now:
                return
            del self._seen[identity]
