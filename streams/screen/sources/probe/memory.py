"""The memory of the mailbox probe, bounded and without addresses: the history of mailboxes, and counts."""

from collections.abc import Callable
from hashlib import blake2b
from secrets import token_bytes

from msgspec import Struct

from sidestep.schemas import FeedbackEvidence
from sidestep.streams.screen.cache_room import STANDARD, octets_of_number
from sidestep.streams.screen.ttl_cache import BoundedCache

SIGNS_OF_LIFE = ("delivered", "opened", "clicked", "replied")


def keyed_hash() -> Callable[[str], bytes]:
    """A hash with a key of its own, 16 octets: the memory holds no address, and its keys are of no use outside."""
    key = token_bytes(32)
    return lambda text: blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=16).digest()


class MailboxHistory:
    """The history of mailboxes: alive while the last word was delivered, opened, clicked or replied.

    By feedback that this process saw, 200,000 mailboxes at most; the oldest go first. Identities are keyed hashes.
    """

    def __init__(self, size: int = 200_000, octets: int = STANDARD["history"]) -> None:
        self._key = keyed_hash()
        # milliseconds; negative where the last word was "dead"
        self._told: BoundedCache[bytes, int] = BoundedCache(size, octets, octets_of_number)

    @property
    def octets(self) -> int:
        """Octets of what is remembered."""
        return self._told.octets

    def hear(self, feedback: FeedbackEvidence, identity: str) -> None:
        """Take in a bounce or a sign of engagement of the mailbox."""
        if feedback.event in SIGNS_OF_LIFE:
            self.note(identity, feedback.occurred_at)
        elif feedback.event == "bounce" and feedback.hard and feedback.scope == "recipient":
            self.refute(identity, feedback.occurred_at)

    def note(self, identity: str, at_ms: int) -> None:
        """Note that the mailbox was alive at this time (ms since 1970)."""
        self._tell(identity, at_ms, 1)

    def refute(self, identity: str, at_ms: int) -> None:
        """Note that the mailbox did not exist at this time, or no longer: what was noted from before counts no more."""
        self._tell(identity, at_ms, -1)

    def alive_at(self, identity: str) -> int:
        """When the mailbox was last known to be alive, ms since 1970; 0: not known, or refuted since."""
        return max(self._told.get(self._key(identity)) or 0, 0)

    def _tell(self, identity: str, at_ms: int, sign: int) -> None:
        key = self._key(identity)
        before = self._told.get(key) or 0
        later = at_ms > abs(before) or (at_ms == abs(before) and sign < 0)
        self._told.put(key, sign * at_ms if later else before)


class ProbeStatus(Struct, frozen=True):
    """The status of the probe since the start."""

    asked: int
    """Connections opened, or tried to."""
    yes: int
    no: int
    unknown: int
    reasons: dict[str, int]
    open_circuits: tuple[str, ...]
    """Providers, or registrable domains of exchanges."""
    catch_all_domains: int
