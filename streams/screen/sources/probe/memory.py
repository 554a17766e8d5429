"""What the mailbox probe remembers, in bounded memory and without addresses: history, newest entries, counts."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from secrets import token_bytes
from typing import Generic, TypeVar

from msgspec import Struct

from sidestep.schemas import FeedbackEvidence

SIGNS_OF_LIFE = ("delivered", "opened", "clicked", "replied")

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def keyed() -> Callable[[str], bytes]:
    """A hash with a key of its own, 16 octets: what is remembered in memory holds no address, and is no use outside."""
    key = token_bytes(32)
    return lambda text: blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=16).digest()


class Recent(Generic[_Key, _Value]):
    """The newest so many entries."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[_Key, _Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: _Key) -> _Value | None:
        """None when it was never put in, or was pushed out."""
        return self._kept.get(key)

    def put(self, key: _Key, value: _Value) -> None:
        """In place of what stood there; beyond the size the oldest goes."""
        self._kept.pop(key, None)
        self._kept[key] = value
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def items(self) -> list[tuple[_Key, _Value]]:
        """Oldest first."""
        return list(self._kept.items())


class History:
    """Which mailboxes were alive when feedback of ours last told: delivered to, opened, clicked, replied.

    What this process saw, 200,000 mailboxes unless told; the oldest go first. Identities are kept as keyed hashes.
    """

    def __init__(self, size: int = 200_000) -> None:
        self._key = keyed()
        self._told: Recent[bytes, int] = Recent(size)  # milliseconds; negative where the last word was "dead"

    def hear(self, feedback: FeedbackEvidence, identity: str) -> None:
        """Takes in what a bounce or a sign of engagement says of the mailbox."""
        if feedback.event in SIGNS_OF_LIFE:
            self.note(identity, feedback.occurred_at)
        elif feedback.event == "bounce" and feedback.hard and feedback.scope == "recipient":
            self.refute(identity, feedback.occurred_at)

    def note(self, identity: str, at_ms: int) -> None:
        """Feedback says that the mailbox was alive at this time (ms since 1970)."""
        self._tell(identity, at_ms, 1)

    def refute(self, identity: str, at_ms: int) -> None:
        """A bounce says that it does not exist, or no longer: what was noted from before counts no more."""
        self._tell(identity, at_ms, -1)

    def alive_at(self, identity: str) -> int:
        """When it was last known to be alive, ms since 1970; 0: not known, or refuted since."""
        return max(self._told.get(self._key(identity)) or 0, 0)

    def _tell(self, identity: str, at_ms: int, sign: int) -> None:
        key = self._key(identity)
        before = self._told.get(key) or 0
        later = at_ms > abs(before) or (at_ms == abs(before) and sign < 0)
        self._told.put(key, sign * at_ms if later else before)


class ProbeStatus(Struct, frozen=True):
    """What the probe has done, for /metrics and the like."""

    asked: int
    """Connections opened, or tried to."""
    yes: int
    no: int
    unknown: int
    reasons: dict[str, int]
    open_circuits: tuple[str, ...]
    """Providers, or registrable domains of exchanges."""
    catch_all_domains: int
