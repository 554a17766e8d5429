"""One partition's judge: a batch of records in, one transaction out. Blocks; the stage calls it from a thread."""

import logging
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from sidestep.schemas import Evidence
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.chain import CHAIN, ROW, ChainRow, Pairs, advanced, begins
from sidestep.streams.chain import HEADER as CHAINED
from sidestep.streams.decide.batch import Decided, decide, load, load_controls
from sidestep.streams.decide.place import in_place
from sidestep.streams.decide.tally_places import tally_places
from sidestep.streams.record_sizes import check_sizes
from sidestep.streams.runtime.dead_letters import found_note
from sidestep.streams.runtime.judging import PartitionLedger, Unread, fold_and_commit
from sidestep.streams.runtime.outgoing import Keyed, Outgoing, Single
from sidestep.streams.runtime.readable import check_stamps, folding
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Writes
from sidestep.topics.catalog import APPROVED, DEAD_LETTERS, EVIDENCE, REJECTED, TALLIES
from sidestep.topics.verdict_proof import HEADER
from sidestep.topics.verdict_signer import VerdictSigner

log = logging.getLogger(__name__)

MISPLACED = "%s/%d: %d records passed over: a worker wrote them that was away while the log grew, and others have since"


@dataclass
class Judged:
    """What became of a batch."""

    records: int = 0
    seconds: float = 0.0
    transaction_seconds: float = 0.0
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Verdicts by (decision, action)."""
    services: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Verdicts by (service, action), without those on test intents."""
    rules: Counter[str] = field(default_factory=Counter)
    tests: Counter[str] = field(default_factory=Counter)
    """Verdicts on test intents by action."""
    dead_letters: int = 0
    """Of records that can't be read."""
    unfoldable: int = 0
    """Dead letters of records for whose sake the fold fails."""
    marked: Counter[str] = field(default_factory=Counter)
    """New known traps by who has reported them: person or provider."""
    stray: Counter[str] = field(default_factory=Counter)
    """Reports that were not of a message of ours, by what they would have marked the mailbox with."""
    found: Counter[str] = field(default_factory=Counter)
    """Reports by an intent's id alone whose recipient is known here, by how a token ties them."""


class Judge:
    """Folds the evidence of one partition into its ledger.

    `tally_partitions`: how many partitions email-tallies has; a tally lies in that of its service. `signer`: whose
    proofs go with the verdicts; None: they go without. `has_grown`: the log had fewer partitions earlier.
    """

    def __init__(
        self,
        ledger: PartitionLedger,
        tally_partitions: int,
        topic: str = EVIDENCE.name,
        signer: VerdictSigner | None = None,
        has_grown: bool = False,
    ):
        self._ledger = ledger
        self._has_grown = has_grown
        self._signer = signer
        self._tally_partitions = tally_partitions
        self._topic = topic
        self._unread = Unread("not-evidence", DEAD_LETTERS.name, ledger.partition)
        self._begin_anew()

    def judge(self, records: list[Record]) -> Judged:
        """Fold what is new of `records` (Kafka messages, in offset order) and commit it. Raises SidestepError."""
        return fold_and_commit(self._ledger, records, self._fold, self._begin_anew) or Judged()

    def _begin_anew(self) -> None:
        ledger = self._ledger
        self._controls = load_controls(ledger.read, ledger.rows)
        row = ledger.read(CHAIN, [ROW]).get(ROW)
        # a version without chains may have judged meanwhile: what it has done is in no chain, and another one begins
        self._chain = row if row is not None and row.to == ledger.marker else begins(ledger.marker)

    @property
    def policy_version(self) -> str:
        """Version of the policy in force; empty: none stands in the log yet."""
        return self._controls.versions.policy

    @property
    def policy_name(self) -> str:
        """What that policy calls itself."""
        return self._controls.policy.name if self._controls.policy is not None else ""

    def _fold(self, records: list[Record], error: BaseException | None) -> Judged:
        began = time.monotonic()
        ledger = self._ledger
        with folding():
            evidence, dead = self._read(records, error)
            check_stamps([record.at for _, record in evidence])
            values = [record.value() for record in records]
            if error is None:
                check_sizes(values)
            state = load(evidence, self._controls, ledger.read, ledger.between)
            decided = decide(evidence, state, self._topic, ledger.partition)
            writes = Writes()
            writes.rows.update(state.writes())
            place = DEAD_LETTERS.name, ledger.partition
            found = [found_note(each.origin, each.event_key.hex(), *place) for each in state.found]
            outgoing, chain = self._outgoing(decided, [*dead, *found], [record.offset() for record in records], values)
            writes.of(CHAIN)[ROW] = chain
        took = ledger.commit(outgoing, writes, records[-1].offset())
        self._chain = chain
        verdicts = decided.verdicts
        services: Counter[tuple[str, str]] = Counter(
            [(verdict.service, verdict.action) for verdict in verdicts if not verdict.test]
        )
        tests: Counter[str] = Counter([verdict.action for verdict in verdicts if verdict.test])
        return Judged(
            records=len(records),
            seconds=time.monotonic() - began,
            transaction_seconds=took,
            decisions=_decisions(services, tests),
            services=services,
            rules=Counter([rule.id for verdict in verdicts if verdict.rules for rule in verdict.rules]),
            tests=tests,
            dead_letters=len(dead) if error is None else 0,
            unfoldable=len(dead) if error is not None else 0,
            marked=Counter(state.marked),
            stray=Counter(state.stray),
            found=Counter([each.tied or "none" for each in state.found]),
        )

    def _read(
        self, records: list[Record], error: BaseException | None
    ) -> tuple[list[tuple[int, Evidence]], list[Single]]:
        """What there is to fold, and dead letters of the rest."""
        if error is not None:
            return [], self._unread.refused(records, error)
        evidence, dead = self._unread.split(records, decode_evidence)
        return self._in_place(evidence, records) if self._has_grown else evidence, dead

    def _in_place(self, evidence: list[tuple[int, Evidence]], records: list[Record]) -> list[tuple[int, Evidence]]:
        """Without what a worker that was away while the log grew has put where its domain lay before."""
        keys = {record.offset(): record.key() or b"" for record in records}
        kept = in_place(evidence, keys, self._controls.partitions, self._ledger.partition)
        if len(kept) < len(evidence):
            log.warning(MISPLACED, self._topic, self._ledger.partition, len(evidence) - len(kept))
        return kept

    def _outgoing(
        self, decided: Decided, dead: list[Single], offsets: list[int], values: list[bytes | None]
    ) -> tuple[Outgoing, ChainRow]:
        """Verdicts and dead letters lie in the partition of their evidence, tallies in that of their service. The last
        verdict has the batch's link of the chain."""
        partition = self._ledger.partition
        approved: list[Keyed] = []
        rejected: list[Keyed] = []
        for verdict in decided.verdicts:
            into = approved if verdict.decision == "approved" else rejected
            into.append({"key": verdict.id, "value": encode(verdict)})
        batches: dict[tuple[str, int], list[Keyed]] = defaultdict(
            list, {(APPROVED.name, partition): approved, (REJECTED.name, partition): rejected}
        )
        for tally in decided.tallies:
            record: Keyed = {"key": tally.service, "value": encode(tally)}
            for number in tally_places(tally, self._tally_partitions):
                batches[TALLIES.name, number].append(record)
        chain, link = advanced(self._chain, offsets, values, _pairs(approved), _pairs(rejected))
        singles = self._signed(approved, rejected)
        if link is not None:
            topic = APPROVED if decided.verdicts[-1].decision == "approved" else REJECTED
            singles = _linked(link, topic.name, partition, batches[topic.name, partition], singles)
        return Outgoing(batches, [*singles, *dead]), chain

    def _signed(self, approved: list[Keyed], rejected: list[Keyed]) -> list[Single]:
        """Verdicts with their proofs, out of their batches: the client sends records with headers one by one."""
        signer, partition = self._signer, self._ledger.partition
        if signer is None:
            return []
        signed: list[Single] = []
        for topic, verdicts in ((APPROVED.name, approved), (REJECTED.name, rejected)):
            proofs = signer.proofs(topic, partition, [each["value"] or b"" for each in verdicts])
            signed += [
                {"topic": topic, "partition": partition, **each, "headers": [(HEADER, proof)]}
                for each, proof in zip(verdicts, proofs, strict=True)
            ]
            verdicts.clear()
        return signed


def _pairs(verdicts: list[Keyed]) -> Pairs:
    return Pairs([str(each["key"]).encode() for each in verdicts], [each["value"] for each in verdicts])


def _linked(link: bytes, topic: str, partition: int, verdicts: list[Keyed], signed: list[Single]) -> list[Single]:
    """The last verdict of a topic gets the link: out of its batch, or among those that are signed."""
    header: tuple[str, bytes] = CHAINED, link
    if verdicts:
        return [{"topic": topic, "partition": partition, **verdicts.pop(), "headers": [header]}]
    last = next(each for each in reversed(signed) if each["topic"] == topic)
    last["headers"].append(header)
    return signed


def _decisions(services: Counter[tuple[str, str]], tests: Counter[str]) -> Counter[tuple[str, str]]:
    """The action says the decision."""
    by_action = Counter(tests)
    for (_, action), count in services.items():
        by_action[action] += count
    return Counter(
        {("approved" if action == "send" else "rejected", action): count for action, count in by_action.items()}
    )
