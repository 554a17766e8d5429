"""A log of tallies and its watcher. The watcher is the real one: decoding, folding, encoding, all of it."""

from typing import Any

from sidestep.schemas import (
    Anomaly,
    Breakdown,
    HoldRecord,
    Outcomes,
    PaceRecord,
    Reaction,
    Returns,
    ReturnsByName,
    SourceHoldRecord,
    Tally,
)
from sidestep.schemas.codec import decode, decode_evidence, encode
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.record import Record
from sidestep.streams.runtime.tables import Table
from sidestep.streams.screen.holds import note
from sidestep.streams.watch import tables
from sidestep.streams.watch.judge import WatchedBatch, Watcher
from sidestep.streams.watch.thresholds import Thresholds, thresholds
from sidestep.topics.catalog import ANOMALIES, CONTROL, DEAD_LETTERS, EVIDENCE, TALLIES
from tests.decide.memory_ledger import MemoryLedger
from tests.kafka_records import delivered

LOG = Partition(TALLIES.name, 0)
START = 1_800_000_000 // 604_800 * 604_800
"""The beginning of an hour, a day and a week."""
PARTITIONS = {ANOMALIES.name: 4, EVIDENCE.name: 4, CONTROL.name: 1, DEAD_LETTERS.name: 4}
RULES = thresholds()
MINUTE, HOUR, DAY = 60, 3600, 86_400
INTENTS = tuple(Outcomes.__struct_fields__)
BACK = tuple(Returns.__struct_fields__)


def tally(second: int = START, service: str = "shop", source: str = "", provider: str = "", **fields: Any) -> Tally:
    """A tally; `approved`, `unknown`, `hard_bounces` and their like are put where they belong."""
    intents = Outcomes(**{name: fields.pop(name) for name in INTENTS if name in fields})
    returns = Returns(**{name: fields.pop(name) for name in BACK if name in fields})
    if source:
        fields["sources"] = Breakdown({source: intents})
        fields["returns_by_source"] = ReturnsByName({source: returns})
    if provider:
        fields["providers"] = Breakdown({provider: intents})
        fields["returns_by_provider"] = ReturnsByName({provider: returns})
    given: dict[str, Any] = {"partition": 0, "second": second, "intents": intents, "returns": returns}
    return Tally(service=service, **given | fields)


class Scene:
    """One partition of email-tallies. Time passes by `wait`; tallies are made for the second at which they come."""

    tally = staticmethod(tally)
    start = START

    def __init__(self, ledger: MemoryLedger | None = None, rules: Thresholds = RULES) -> None:
        self.ledger = ledger or MemoryLedger()
        self.rules = rules
        self.log: list[Record] = []
        self.now = START
        self.reopen()

    def reopen(self) -> None:
        """Another worker has the partition from now on."""
        self.watcher = Watcher(self.ledger, PARTITIONS, self.rules, note)

    def wait(self, seconds: int) -> None:
        """Later tallies are of so much later."""
        self.now += seconds

    def append(self, *tallies: Tally | bytes) -> WatchedBatch:
        """Appends the tallies and judges them as one batch."""
        first = len(self.log)
        for one in tallies:
            value = one if isinstance(one, bytes) else encode(one)
            self.log.append(delivered(len(self.log), value, tp=LOG, key=b""))
        return self.watcher.judge(self.log[first:])

    def says(self, **fields: Any) -> list[Anomaly]:
        """What a tally of now leads to, when its minute is over and waited for."""
        before = len(self.anomalies())
        self.append(tally(self.now, **fields))
        self.wait(MINUTE)
        self.tick(RULES.watch.windows.grace)
        return self.anomalies()[before:]

    def minutes(self, count: int, **fields: Any) -> list[Anomaly]:
        """The same tally in each of so many minutes."""
        return [anomaly for _ in range(count) for anomaly in self.says(**fields)]

    def tick(self, ahead: int = 0) -> None:
        """Nothing but the time."""
        self.append(tally(self.now + ahead, ""))

    def quiet(self, seconds: int) -> list[Anomaly]:
        """What the time alone leads to."""
        before = len(self.anomalies())
        self.wait(seconds)
        self.tick()
        return self.anomalies()[before:]

    def policy(self, **reactions: Reaction) -> None:
        """A policy takes force: underscores for hyphens of patterns."""
        wanted = {name.replace("_", "-"): reaction for name, reaction in reactions.items()}
        self.append(tally(self.now, "", policy="0123456789ab", reactions=wanted))

    def usual(self, days: int, **fields: Any) -> None:
        """So many days in which the same happens each hour: what is usual from then on."""
        tallies = [tally(self.now + hour * HOUR, **fields) for hour in range(days * 24)]
        self.append(*tallies)
        self.wait(days * DAY)

    def anomalies(self) -> list[Anomaly]:
        """All that were written, in their order."""
        return [decode(Anomaly, value) for value in self.ledger.outputs.get(ANOMALIES.name, [])]

    def holds(self) -> list[HoldRecord | SourceHoldRecord]:
        """All holds, each in every partition of the log."""
        records = [decode_evidence(value) for value in self.ledger.outputs.get(EVIDENCE.name, [])]
        found = [record for record in records if not isinstance(record, PaceRecord)]
        once = found[:: PARTITIONS[EVIDENCE.name]]
        assert found == [record for record in once for _ in range(PARTITIONS[EVIDENCE.name])]
        return [record for record in once if isinstance(record, HoldRecord | SourceHoldRecord)]

    def written(self) -> dict[tuple[str, int], list[tuple[str | bytes | None, bytes]]]:
        """Keys and octets of everything that was written, by topic and partition."""
        found: dict[tuple[str, int], list[tuple[str | bytes | None, bytes]]] = {}
        for topic, values in self.ledger.outputs.items():
            placed = [(partition, key) for name, partition, key in self.ledger.placed if name == topic]
            for (partition, key), value in zip(placed, values, strict=True):
                found.setdefault((topic, partition), []).append((key, value))
        return found

    def contents(self) -> dict[str, dict[bytes, bytes]]:
        """The ledger, octet by octet."""
        return {name: rows for name, rows in self.ledger.stored.items() if rows}


TABLES: tuple[Table[Any], ...] = tuple(value for value in vars(tables).values() if isinstance(value, Table))
