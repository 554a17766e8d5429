"""Tallies of the fold beside those in email-tallies, which lie by service in any of its partitions, among those of
other partitions of the log. Pure.

They are few against the log, so what stands there is put by first, by what it counts, and looked up as the fold says
each.
"""

from collections import defaultdict
from collections.abc import Sequence

from sidestep.schemas import Tally
from sidestep.schemas.codec import ContractError, decode, encode
from sidestep.streams.audit.findings import AuditFinding, Outcome, PartitionAudit, first_difference
from sidestep.streams.audit.kept import Kept, KeptPartition
from sidestep.streams.audit.key_values import KeyValues
from sidestep.streams.audit.match_ledger import Told
from sidestep.streams.audit.standing import StandingRow
from sidestep.streams.decide.tally_places import concerns_all, tally_places

TOLD_EACH = 1_000


class TallyMatch:
    """Compares the tallies of one partition of the log. `values` is for what stands in email-tallies."""

    def __init__(self, kept: Sequence[KeptPartition], values: KeyValues, audit: PartitionAudit, begins: int = 0):
        """`begins`: the second of log time in which the fold does."""
        self._begins = begins
        self._kept = {each.partition: each for each in kept}
        self._values = values
        self._audit = audit
        self._oldest: dict[int, int] = {}
        """By partition of email-tallies, the earliest second that is still there."""
        self._policies: dict[tuple[int, bytes], list[int]] = defaultdict(list)
        """Policies and erasures told, by partition and octets: offsets. The same may be told twice in a second."""

    def put_by(self, told: Told) -> None:
        """Read what stands there."""
        for kept in self._kept.values():
            for number, record in enumerate(kept.records, 1):
                self._put_by(kept, record)
                if number % TOLD_EACH == 0:
                    told(TOLD_EACH)

    def expect(self, tally: Tally) -> None:
        """The fold's next tally."""
        value = encode(tally)
        for number in tally_places(tally, len(self._kept)):
            if concerns_all(tally):
                self._expect_policy(self._kept[number], tally, value)
            else:
                self._expect(self._kept[number], tally, value)

    def end(self) -> None:
        """The fold has no more; whatever is left of what stands there is looked at."""
        for key, octets in self._values.items(b""):
            kept, second = self._kept[int.from_bytes(key[:4], "big")], int.from_bytes(key[4:12], "big", signed=True)
            self._left(kept, StandingRow.unpacked(octets).offset, second < self._begins)
        for (number, value), offsets in self._policies.items():
            for offset in offsets:
                self._left(self._kept[number], offset, decode(Tally, value).second <= self._begins)

    def _put_by(self, kept: KeptPartition, record: Kept) -> None:
        try:
            tally = decode(Tally, record.value)
        except ContractError:
            return  # whoever wrote it: Watch makes a dead letter of it
        if tally.partition != self._audit.partition or _is_tick(tally):
            return
        if concerns_all(tally):
            self._policies[kept.partition, record.value or b""].append(record.offset)
            return
        self._oldest.setdefault(kept.partition, tally.second)
        key = _key(kept.partition, tally)
        if self._values.get_many([key]) != [None]:
            self._report("repeated", kept.place(record.offset), f"{_name(tally)} has come before")
        else:
            self._values.put([(key, StandingRow(record.offset, record.value).packed())])

    def _expect(self, kept: KeptPartition, tally: Tally, value: bytes) -> None:
        key = _key(kept.partition, tally)
        [octets] = self._values.get_many([key])
        if octets is None:
            self._absent(kept, tally, tally.second < self._oldest.get(kept.partition, tally.second + 1))
            return
        self._values.put([(key, None)])
        row = StandingRow.unpacked(octets)
        if row.value == value:
            self._audit.count("tally", "proved")
        else:
            text = f"{_name(tally)}: {first_difference(value, row.value or b'null')}"
            self._report("differs", kept.place(row.offset), text)

    def _expect_policy(self, kept: KeptPartition, tally: Tally, value: bytes) -> None:
        if offsets := self._policies.get((kept.partition, value)):
            offsets.pop(0)
            self._audit.count("tally", "proved")
        else:
            self._absent(kept, tally, True)

    def _absent(self, kept: KeptPartition, tally: Tally, before: bool) -> None:
        """`before`: it would stand before what is still there."""
        if kept.start > 0 and before:
            self._audit.count("tally", "not-kept")
        else:
            self._report("missing", f"{kept.topic}/{kept.partition}", _name(tally))

    def _left(self, kept: KeptPartition, offset: int, before: bool) -> None:
        """`before`: it is of a time before the fold begins."""
        if before:
            self._audit.count("tally", "not-kept")
        elif offset < kept.sure:
            self._report("extra", kept.place(offset), "the fold makes no such tally")
        else:
            self._audit.count("tally", "later")

    def _report(self, outcome: Outcome, place: str, text: str) -> None:
        self._audit.find(AuditFinding("tally", outcome, place, "", text))


def _key(partition: int, tally: Tally) -> bytes:
    return partition.to_bytes(4, "big") + tally.second.to_bytes(8, "big", signed=True) + tally.service.encode()


def _name(tally: Tally) -> str:
    told = f"the policy {tally.policy}" if tally.policy else "an erasure" if tally.erased else ""
    what = told or tally.service or "all services"
    return f"the tally of {what} in second {tally.second}"


def _is_tick(tally: Tally) -> bool:
    """Of Watch's own: it says that time goes on, and counts nothing."""
    return tally == Tally(service="", partition=0, second=tally.second)
