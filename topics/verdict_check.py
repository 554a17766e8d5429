"""What a reader looks at before it hands a verdict out: whether a known key has signed it for the place where it
stands, and whether it has been there before.

Decide makes at most one verdict of each record of evidence, in their order. So in a partition the offsets of their
evidence go up, and a genuine verdict that somebody has written there once more is behind the last one. How far they
have come is kept beside the group's offset, in Kafka, so that a reader knows it after a restart as well. One that has
read nothing looks at the last verdicts before the place where it begins.
"""

import logging
import re
import time
from collections import Counter
from dataclasses import replace

from cryptography.exceptions import InvalidSignature

from sidestep.schemas.codec import ContractError
from sidestep.schemas.verdicts import Verdict
from sidestep.topics.merkle import leaf_hash, root_of
from sidestep.topics.received import Received, Unproved
from sidestep.topics.signing import HeaderPairs
from sidestep.topics.verdict_keys import VerdictKeys
from sidestep.topics.verdict_proof import HEADER, VerdictProof, proof_among, signed_root

TOLD_SECONDS = 60.0
"""Between two lines of the log about the same reason."""
ROOTS_MOST = 256
"""Roots whose signatures held that are remembered: the verdicts of a batch come one behind the other."""
LOOK_BACK = 1000
"""Offsets in each partition that a reader looks at who does not know how far its verdicts have come. Whoever wants to
have an old one taken for new has to write more of them than these behind Decide's last."""
_REACHED = re.compile(r"sidestep-evidence=(\d{1,18})")

log = logging.getLogger(__name__)


class VerdictCheck:
    """The check of one reader. Not for several threads at once."""

    def __init__(self, keys: VerdictKeys):
        self._file = keys
        self._keys = keys.now()
        self._held: dict[tuple[object, ...], None] = {}
        self._reached: dict[tuple[str, int], int] = {}
        self._begins: dict[tuple[str, int], int] = {}
        self._told: dict[str, float] = {}
        self.refused: Counter[str] = Counter()
        """What was not handed out as a verdict, by the reason's code."""

    def renew(self) -> None:
        """The keys of now. Raises CredentialsError where there are none."""
        keys = self._file.now()
        if keys is not self._keys:
            self._keys, self._held = keys, {}

    def resume(self, topic: str, partition: int, note: str | None) -> None:
        """Reading of a partition goes on where a group left it; `note` is what stands beside its offset."""
        found = _REACHED.fullmatch(note or "")
        self._reached.pop((topic, partition), None)
        self._begins.pop((topic, partition), None)
        if found:
            self._reached[topic, partition] = int(found[1])

    def begin(self, topic: str, partition: int, offset: int, first: int) -> int:
        """Verdicts are handed out from `offset` on; where to begin reading for that. `first`: the partition's first
        record that is there."""
        place = topic, partition
        self._begins[place] = offset
        return offset if place in self._reached else min(offset, max(first, offset - LOOK_BACK))

    def is_before(self, topic: str | None, partition: int | None, offset: int | None) -> bool:
        """Whether a record is from before where verdicts begin to be handed out."""
        return (offset or 0) < self._begins.get((topic or "", partition or 0), 0)

    def look_back(self, record: Received, octets: bytes | None, headers: HeaderPairs | None) -> None:
        """Learn from a record that is not handed out how far verdicts had come. What proves nothing tells nothing."""
        place = record.topic, record.partition
        try:
            proof = proof_among(headers or ())
            if proof is None:
                return
            self._prove(record, octets or b"", proof)
        except ContractError:
            return
        if isinstance(record.value, Verdict):
            self._reached[place] = max(record.value.evidence.offset, self._reached.get(place, -1))

    def note(self, topic: str, partition: int) -> str:
        """What is to stand beside the group's offset; empty before the first verdict."""
        reached = self._reached.get((topic, partition))
        return "" if reached is None else f"sidestep-evidence={reached}"

    def checked(self, record: Received, octets: bytes | None, headers: HeaderPairs | None) -> Received:
        """The record, or in its place why nobody may act on it. `octets` are its value, `headers` None where they can't
        be read."""
        try:
            self._check(record, octets, headers)
        except ContractError as error:
            self._tell(record, error)
            return replace(record, value=Unproved(error.code, str(error), octets))
        return record

    def _check(self, record: Received, octets: bytes | None, headers: HeaderPairs | None) -> None:
        if headers is None:
            raise ContractError("proof-unreadable", "the record's headers can't be read as text")
        proof = proof_among(headers)
        if proof is None:
            if self._file.required:
                raise ContractError("proof-missing", f"the record has no header {HEADER}: nothing proves it")
            return
        self._prove(record, octets or b"", proof)
        if isinstance(record.value, Verdict):
            self._go_on(record, record.value.evidence.offset)

    def _prove(self, record: Received, octets: bytes, proof: VerdictProof) -> None:
        key = self._keys.get(proof.key_id)
        if key is None:
            raise ContractError("proof-key-unknown", "the proof names a key that is not known here")
        try:
            root = root_of(leaf_hash(octets), proof.place, proof.size, proof.path)
            said = (record.topic, record.partition, proof.key_id, proof.size, root, proof.signature)
            if said in self._held:
                return
            key.verify(proof.signature, signed_root(*said[:5]))
        except (ValueError, InvalidSignature):
            raise ContractError(
                "proof-wrong", "the proof is not the key's for these octets in this partition of this topic"
            ) from None
        if len(self._held) >= ROOTS_MOST:
            self._held.pop(next(iter(self._held)))
        self._held[said] = None

    def _go_on(self, record: Received, evidence: int) -> None:
        place = record.topic, record.partition
        if evidence <= self._reached.get(place, -1):
            raise ContractError(
                "proof-repeated", "a verdict as old as this one was read here before: somebody has written it once more"
            )
        self._reached[place] = evidence

    def _tell(self, record: Received, error: ContractError) -> None:
        self.refused[error.code] += 1
        now = time.monotonic()
        if now - self._told.get(error.code, float("-inf")) >= TOLD_SECONDS:
            self._told[error.code] = now
            place, count = f"{record.topic}/{record.partition}@{record.offset}", self.refused[error.code]
            log.error("%s is not taken for a verdict (%s, %d so far): %s", place, error.code, count, error)
