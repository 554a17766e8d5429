"""What a releaser publishes when: the next attempt, once, in its time and at its rate, and what it lets go."""

from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import EmailIntent, Verdict
from sidestep.schemas.codec import decode, encode
from sidestep.streams.decide.policy import Release
from sidestep.streams.gcra import parse_rate
from sidestep.streams.release.pace import SECOND_US, ReleasePace
from sidestep.streams.release.releaser import Releaser, Sign
from sidestep.streams.release.tables import DUE, WAITING
from sidestep.streams.runtime.outgoing import Outgoing
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.runtime.tables import Writes
from sidestep.streams.runtime.transactions import Aborted
from sidestep.topics.catalog import INTENTS
from sidestep.topics.signer import Signer
from tests.decide.memory_ledger import MemoryLedger
from tests.kafka_records import delivered
from tests.release.test_fold import AT, verdict

AT_MS = round(AT * 1000)
DUE_MS = AT_MS + 3_600_000


class Scene:
    """A releaser over a ledger in memory and the verdicts that stand in its partition."""

    def __init__(self, *verdicts: Verdict, sign: Sign | None = None, **policy: Any):
        self.policy = Release(**{"services": frozenset({"*"}), **policy})
        self.ledger = MemoryLedger()
        self.stored: dict[int, bytes | None] = {number: encode(one) for number, one in enumerate(verdicts)}
        self.releaser = Releaser(self.ledger, self._read, lambda: self.policy, sign, 4, 1)
        if verdicts:
            self.releaser.judge([delivered(number, value) for number, value in self.stored.items()])

    def _read(self, offsets: Collection[int]) -> Mapping[int, bytes | None]:
        return {offset: self.stored[offset] for offset in offsets if offset in self.stored}

    def intents(self) -> list[EmailIntent]:
        """Everything that was published."""
        return [decode(EmailIntent, single["value"]) for single in self.ledger.singles]


def test_an_intent_is_offered_again_once_when_its_time_has_come() -> None:
    """As the next attempt, where its publisher would put it; not a millisecond before."""
    scene = Scene(verdict(metadata={"a": 1}, stream="news"))
    assert not scene.releaser.release(DUE_MS - 1).offered and {"shop": 1} == scene.releaser.waiting
    assert {"shop": 1} == scene.releaser.release(DUE_MS).offered
    assert [verdict(metadata={"a": 1}, stream="news").again()] == scene.intents()
    (single,) = scene.ledger.singles
    assert (INTENTS.name, partition_of("shop/w-1", 4), "shop/w-1") == tuple(
        single.get(name) for name in ("topic", "partition", "key")
    )
    assert "headers" not in single and {} == scene.releaser.waiting
    assert not scene.releaser.release(DUE_MS + 1).offered and 1 == len(scene.ledger.singles)
    assert 0 == scene.ledger.marker, "reading goes on where it was"


def test_what_was_proved_is_signed_and_a_claim_stays_one(tmp_path: Path) -> None:
    """Otherwise Release would make anybody the service that he says he is."""
    key = tmp_path / "key"
    key.write_text(f"hmac-sha-256:{sha256(b'of the test').hexdigest()}\n")
    key.chmod(0o600)
    signer = Signer("release-2026", key)
    proved, claim = verdict(id="proved", proved="shop-2026"), verdict(id="claim")
    scene = Scene(proved, claim, sign=lambda value: signer.sign(INTENTS.name, value))
    scene.releaser.release(DUE_MS)
    signed = {single["key"]: "headers" in single for single in scene.ledger.singles}
    assert {"shop/proved": True, "shop/claim": False} == signed
    (headers,) = [single["headers"] for single in scene.ledger.singles if "headers" in single]
    assert ["sidestep-signature"] == [name for name, _ in headers]


def test_what_can_not_be_offered_is_let_go() -> None:
    """Its service is named no more; it is so old that Decide may have forgotten its id; its verdict is gone, or another
    one stands there."""
    scene = Scene(verdict())
    scene.policy = Release()
    assert {"not-named": 1} == scene.releaser.release(DUE_MS).let_go
    scene = Scene(verdict())
    assert {"too-old": 1} == scene.releaser.release(AT_MS + 7 * 86_400_000 + 1).let_go
    for value in (None, b"{", encode(verdict(id="other")), encode(verdict("drop"))):
        scene = Scene(verdict())
        scene.stored[0] = value
        assert {"no-verdict": 1} == scene.releaser.release(DUE_MS).let_go
    assert {} == scene.releaser.waiting and [] == scene.intents()
    assert not list(scene.ledger.rows(DUE)) and None is scene.releaser.oldest
    assert not list(scene.ledger.rows(WAITING))


def test_what_has_expired_is_offered_all_the_same() -> None:
    """Then Decide drops it as that, and whoever waits for a verdict has one."""
    scene = Scene(verdict(expires_at=AT + 10))
    assert {"shop": 1} == scene.releaser.release(DUE_MS).offered


def test_a_backlog_goes_out_at_the_rate() -> None:
    """A second's worth at once, the first that is due first; what is late is counted."""
    verdicts = [verdict(id=str(number), retry_at=AT + 100 - number) for number in range(30)]
    scene = Scene(*verdicts, rate=parse_rate("10/s"))
    went = [scene.releaser.release(DUE_MS + at).offered.total() for at in (0, 0, 500, 1_000, 9_000)]
    assert [10, 0, 5, 5, 10] == went
    assert [str(number) for number in reversed(range(30))] == [intent.id for intent in scene.intents()]
    scene = Scene(*verdicts, rate=parse_rate("10/s"))
    scene.releaser.release(DUE_MS)
    assert (20, AT_MS + 81_000) == (scene.releaser.overdue, scene.releaser.oldest)


def test_what_is_rolled_back_is_offered_later() -> None:
    """Nothing has changed; the counts are those of the ledger."""

    class Rolled(MemoryLedger):
        rolled = False

        def commit(self, outgoing: Outgoing, writes: Writes, marker: int) -> float:
            """Once it is not."""
            if self.rolled:
                self.rolled = False
                raise Aborted("for the test")
            return super().commit(outgoing, writes, marker)

    scene = Scene(verdict())
    ledger = Rolled()
    scene.releaser = Releaser(ledger, scene._read, lambda: scene.policy, None, 4, 1)
    scene.releaser.judge([delivered(0, scene.stored[0])])
    ledger.rolled = True
    assert not scene.releaser.release(DUE_MS).offered and {"shop": 1} == scene.releaser.waiting
    assert {"shop": 1} == scene.releaser.release(DUE_MS).offered


def test_what_is_no_verdict_is_passed_over() -> None:
    """Nobody but Decide may write there; one odd record stops nothing."""
    scene = Scene()
    scene.releaser.judge([delivered(0, b"{"), delivered(1, None), delivered(2, encode(verdict()))])
    assert {"shop": 1} == scene.releaser.waiting and 2 == scene.ledger.marker


@given(st.integers(1, 5 * SECOND_US), st.lists(st.integers(0, 3 * SECOND_US), max_size=30))
def test_the_rate_is_never_exceeded(interval: int, waits: list[int]) -> None:
    """But by a second's worth, or one intent where that is more."""
    pace, now, gone, began = ReleasePace(), 10**15, 0, 10**15
    for wait in waits:
        now += wait
        room = pace.room(interval, now)
        pace.spend(room, interval, now)
        gone += room
        assert gone <= (now - began + max(SECOND_US, interval)) // interval
        assert 0 == pace.room(interval, now)
