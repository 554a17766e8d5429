"""A log and its judge. The judge is the real one: decoding, folding, encoding, tallies, all of it."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from sidestep.schemas import (
    ErasureRecord,
    Evidence,
    FeedbackEvidence,
    HoldRecord,
    IntentEvidence,
    MarksRecord,
    MxFinding,
    PolicyRecord,
    SoughtFeedback,
    SuppressRecord,
    Tally,
    TickRecord,
    TrapRecord,
    Verdict,
)
from sidestep.schemas.codec import decode, encode
from sidestep.schemas.evidence import TOKEN_END
from sidestep.streams.chain import CHAIN
from sidestep.streams.decide.judge import Judge
from sidestep.streams.decide.policy_file import SHIPPED
from sidestep.streams.decide.policy_text import version_of
from sidestep.streams.decide.tally_places import concerns_all
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.outgoing import Single
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Row, Table
from sidestep.streams.screen.keys import Keys
from sidestep.topics.catalog import APPROVED, DEAD_LETTERS, EVIDENCE, REJECTED, TALLIES
from tests.decide.memory_ledger import MemoryLedger
from tests.kafka_records import delivered

LOG = Partition(EVIDENCE.name, 0)
START = 1_800_000_000_000
DAY = 86_400_000
SHIPPED_TEXT = SHIPPED.read_text(encoding="utf-8")
KEYS = Keys(bytes(32))
MX = {
    "yes": MxFinding("yes", "mx", START, 300),
    "no": MxFinding("no", "nxdomain", START, 300),
    "unknown": MxFinding("unknown", "timeout", START, 15),
}
GOOGLE = MxFinding("yes", "mx", 1, 300, ("mx.google.com",), "google")
"""Google runs the domain's mail."""
GENEROUS = "1000000/s,max_burst=1000000"
"""A limit that nobody waits for."""


def intent(
    id: str = "1", to: str = "jane@example.com", service: str = "shop", mx: Any = "yes", **fields: Any
) -> IntentEvidence:
    """Evidence of one intent. `mx` is yes, no, unknown, "" for none, or a finding."""
    test = fields.get("test", False)
    id_key = KEYS.intent(service, id, bool(fields.get("proved")), test)
    stream, campaign, source = (fields.get(name, "") for name in ("stream", "campaign", "source"))
    given: dict[str, Any] = {
        "at": START,
        "domain": to.rpartition("@")[2],
        "id_key": id_key,
        "content_key": KEYS.content(id_key, to, stream, campaign, source, fields.get("metadata")),
        "recipient_key": KEYS.recipient(to),
        "mx": MX.get(mx) if isinstance(mx, str) else mx,
        "parts": KEYS.parts(to, stream, campaign, source, fields.get("metadata")),
    }
    return IntentEvidence(id=id, to=to, service=service, **given | fields)


def feedback(event: str, to: str = "jane@example.com", id: str = "", **fields: Any) -> FeedbackEvidence:
    """Evidence of one bounce, complaint or sign of life, with a token of today's; without an id it is known by what it
    says."""
    at = fields.get("at", START)
    given: dict[str, Any] = {
        "at": at,
        "tied": "token",
        "tied_at": min(at, fields.get("occurred_at", at)) // DAY * DAY,
        "domain": to.rpartition("@")[2],
        "event_key": KEYS.event(event, to, id),
        "recipient_key": KEYS.recipient(to),
    }
    return FeedbackEvidence(**given | {"event": event} | fields)


def sought(event: str, intent_id: str = "1", service: str = "shop", token: str = "", **fields: Any) -> SoughtFeedback:
    """Evidence of the same without a recipient: it names the intent's id alone, and a token perhaps."""
    unknown: dict[str, Any] = {"domain": "", "recipient_key": b"", "tied": "", "tied_at": 0, "service": service}
    said = feedback(event, **unknown | {"intent_id": intent_id} | fields)
    keys = tuple(KEYS.intent(service, intent_id, proved) for proved in (True, False))
    return SoughtFeedback(said.at, keys, said, bytes.fromhex(token[-2 * TOKEN_END :]))


def policy(text: str = SHIPPED_TEXT, at: int = START, partitions: int = 1) -> PolicyRecord:
    """The control record of a policy."""
    return PolicyRecord(version=version_of(text), text=text, at=at, partitions=partitions)


def policy_text(modes: dict[str, str] | None = None, /, **limits: str) -> str:
    """The shipped policy with other modes; `domain`, `service`, `tests`, `provider` (google): the only limit of that
    kind."""
    text = SHIPPED_TEXT
    for rule, mode in (modes or {}).items():
        text, count = re.subn(rf'(?ms)^(\[rules\.{rule}\].*?^mode = )"\w+"', rf'\1"{mode}"', text)
        assert count == 1, rule
    for name, rate in limits.items():
        section = {"domain": "domain", "service": "service-at-domain", "provider": "mx-provider", "tests": "tests"}[
            name
        ]
        entry = "google" if name == "provider" else "default"
        text, count = re.subn(rf"(?m)(^\[limits\.{section}\][^\n]*\n)[^[#]*", rf'\1{entry} = "{rate}"\n', text)
        assert count == 1, name
    return text


def approved(verdicts: Iterable[Verdict]) -> int:
    """How many of them go out."""
    return sum(verdict.action == "send" for verdict in verdicts)


def _order(found: tuple[Tally, bytes]) -> tuple[int, str, str, list[str]]:
    tally, _ = found
    return tally.second, tally.service, tally.policy, tally.erased


class World:
    """One partition's log and its judge. Time passes by `wait`; records get the time at which they are appended."""

    intent_record = staticmethod(intent)
    feedback_record = staticmethod(feedback)
    sought_record = staticmethod(sought)
    policy_record = staticmethod(policy)
    policy_text = staticmethod(policy_text)
    keys = KEYS
    mx = MX
    start = START

    def __init__(self, text: str | None = SHIPPED_TEXT):
        """A log that begins with this policy; None: with nothing."""
        self.ledger = MemoryLedger()
        self.judge = Judge(self.ledger, 4)
        self.log: list[Record] = []
        self.now = START
        if text is not None:
            self.append(policy(text))

    def wait(self, milliseconds: float) -> None:
        """Later records are stamped so much later."""
        self.now += int(milliseconds)

    def append(self, *records: Evidence | bytes | None) -> list[Verdict]:
        """Appends the records and judges them as one batch. Their verdicts, in the log's order."""
        first = len(self.log)
        for record in records:
            value = record if isinstance(record, bytes | None) else encode(record)
            self.log.append(delivered(len(self.log), value, tp=LOG, key=b"key"))
        self.judge.judge(self.log[first:])
        return [verdict for verdict in self.verdicts() if verdict.evidence.offset >= first]

    def intent(self, id: str = "1", **fields: Any) -> Verdict:
        """One intent, now; its verdict."""
        (verdict,) = self.append(intent(id, **{"at": self.now} | fields))
        return verdict

    def crowd(self, many: int = 1000, service: str = "", **fields: Any) -> list[Verdict]:
        """One message each of so many services that somebody makes up, now, to mailboxes of their own; or all of one
        service."""
        return self.append(
            *(
                intent(f"{self.now}-{n}", f"m{n}@example.com", service or f"made-up-{n}", at=self.now, **fields)
                for n in range(many)
            )
        )

    def waits(self, verdict: Verdict) -> float:
        """Seconds from now until a deferred intent is to be offered again."""
        assert verdict.retry_at is not None
        return verdict.retry_at - self.now / 1000

    def passes_over(self, id: str = "1", **fields: Any) -> bool:
        """One intent, now, has no verdict."""
        return self.append(intent(id, **{"at": self.now} | fields)) == []

    def feedback(self, event: str, **fields: Any) -> None:
        """One event, now."""
        assert [] == self.append(feedback(event, **{"at": self.now} | fields))

    def sought(self, event: str, **fields: Any) -> None:
        """One event by an intent's id alone, now."""
        assert [] == self.append(sought(event, **{"at": self.now} | fields))

    def hold(self, service: str, until: int, reason: str = "complaints") -> None:
        """Puts a service on hold; until 0 lifts it."""
        assert [] == self.append(HoldRecord(service=service, until=until, reason=reason, at=self.now))

    def suppress(self, subject: str, **fields: Any) -> None:
        """Somebody stops all mail to an address or a domain, now."""
        given: dict[str, Any] = {"reason": "asked for it", "by": "ops", "at": self.now} | fields
        key = KEYS.recipient(subject) if "@" in subject else b""
        domain = subject.rpartition("@")[2]
        assert [] == self.append(SuppressRecord(domain=domain, recipient_key=key, **given))

    def take_back(self, address: str, **fields: Any) -> None:
        """Somebody takes marks of a mailbox back, now."""
        given: dict[str, Any] = {"reason": "forged", "by": "ops", "at": self.now} | fields
        record = MarksRecord(domain=address.rpartition("@")[2], recipient_key=KEYS.recipient(address), **given)
        assert [] == self.append(record)

    def erase(self, address: str, **fields: Any) -> None:
        """Somebody has a person forgotten, now."""
        given: dict[str, Any] = {"by": "ops", "at": self.now} | fields
        assert [] == self.append(ErasureRecord(recipient_key=KEYS.recipient(address), **given))

    def trap(self, subject: str, **fields: Any) -> None:
        """Somebody knows that an address, or a domain, is a spam trap; he says so now."""
        given: dict[str, Any] = {"by": "ops", "at": self.now} | fields
        if given.get("event_key"):
            given = {"tied": "token", "tied_at": self.now // DAY * DAY} | given
        key = KEYS.recipient(subject) if "@" in subject else b""
        domain = {"domain": subject.rpartition("@")[2]}
        assert [] == self.append(TrapRecord(recipient_key=key, **domain | given))

    def tick(self, milliseconds: int = 1000) -> None:
        """Nothing but time passes, and the log says so."""
        self.wait(milliseconds)
        assert [] == self.append(TickRecord(at=self.now))

    def values(self) -> list[bytes]:
        """All verdicts so far, as published, in the log's order."""
        outputs = self.ledger.outputs
        values = outputs.get(APPROVED.name, []) + outputs.get(REJECTED.name, [])
        return sorted(values, key=lambda value: decode(Verdict, value).evidence.offset)

    def verdicts(self) -> list[Verdict]:
        """All verdicts so far, in the log's order."""
        return [decode(Verdict, value) for value in self.values()]

    def tally_values(self) -> list[bytes]:
        """All tallies so far, as published; by second and service, whatever partitions they went to. What went to all
        of them, once."""
        values = self.ledger.outputs.get(TALLIES.name, [])
        places = [partition for partition, _ in self.ledger.keys_of(TALLIES.name)]
        found = [(decode(Tally, value), value, place) for value, place in zip(values, places, strict=True)]
        once = [(tally, value) for tally, value, place in found if not concerns_all(tally) or place == 0]
        return [value for _, value in sorted(once, key=_order)]

    def tallies(self) -> list[Tally]:
        """The tallies of services so far."""
        return [tally for tally in self._all_tallies() if tally.service]

    def totals(self) -> list[Tally]:
        """The tallies of all services together so far, one for each second."""
        return [tally for tally in self._all_tallies() if not tally.service]

    def _all_tallies(self) -> list[Tally]:
        return [tally for value in self.tally_values() if not concerns_all(tally := decode(Tally, value))]

    def dead_letters(self) -> list[Single]:
        """All dead letters so far."""
        return [single for single in self.ledger.singles if single["topic"] == DEAD_LETTERS.name]

    def row(self, table: Table[Row], key: bytes) -> Row:
        """A row of the ledger, which must be there."""
        return self.ledger.read(table, [key])[key]

    def knows(self, table: Table[Any], key: bytes) -> bool:
        """There is such a row."""
        return key in self.ledger.read(table, [key])

    def contents(self) -> dict[str, Any]:
        """The whole ledger, for comparison; but for the chain's row, which says how the log was cut."""
        stored = {name: dict(rows) for name, rows in self.ledger.stored.items() if rows and name != CHAIN.name}
        contents: dict[str, Any] = msgspec.to_builtins(stored)
        return contents
