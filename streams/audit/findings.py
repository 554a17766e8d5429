"""What an audit has found: how many of each kind are proved, and what is not, with its place. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from sidestep.streams.masking import without_local_parts

Kind = Literal["verdict", "tally", "row", "id", "link", "anomaly", "watch-row"]
"""What is proved: `row` and `id` are what the ledger's two changelogs say, `watch-row` what that of Watch's says,
`link` is one of the partition's chain."""
Outcome = Literal["proved", "differs", "missing", "extra", "repeated", "not-kept", "later"]
"""`not-kept`: retention has taken what it would be compared with. `later`: younger than the audit."""

KINDS: tuple[Kind, ...] = ("verdict", "tally", "row", "id", "link", "anomaly", "watch-row")
OF_WATCH: tuple[Kind, ...] = ("anomaly", "watch-row")
FAULTS: tuple[Outcome, ...] = ("differs", "missing", "extra", "repeated")
GRAVEST_KINDS: tuple[Kind, ...] = ("verdict", "link", "row", "id", "tally", "anomaly", "watch-row")
"""In the order in which people are told: mail is sent by verdicts, the chain says that somebody has changed something,
and what follows rests on rows."""
GRAVEST_OUTCOMES: tuple[Outcome, ...] = ("extra", "differs", "missing", "repeated")
"""Likewise: a verdict that nobody made, another one, none, and one twice, which is recognised by its id."""
FINDINGS_MAX = 100
"""Kept of a partition, of each kind and outcome: what follows from a fault must not hide it. The rest is counted."""
STORIES_MAX = 20
TEXT_MAX = 160


class AuditFinding(NamedTuple):
    """One thing that is not as the fold says."""

    kind: Kind
    outcome: Outcome
    place: str
    """TOPIC/PARTITION/OFFSET of what stands there; without an offset where nothing does."""
    evidence: str
    """Of a verdict, the record of the log that it is about; else empty."""
    text: str
    state: str = ""
    """Of a verdict, the recipient's row before it, as JSON."""


def gravity(finding: AuditFinding) -> tuple[int, int, str, list[int]]:
    """Sorts findings: the gravest first, those that are as grave by their place."""
    topic, *numbers = finding.place.split("/")
    grave = GRAVEST_KINDS.index(finding.kind), GRAVEST_OUTCOMES.index(finding.outcome)
    return *grave, topic, [int(number) for number in numbers if number.isdecimal()]


class FindingGroup(NamedTuple):
    """All findings of a kind and outcome."""

    kind: Kind
    outcome: Outcome
    times: int
    findings: list[AuditFinding]
    """Those that are kept, by their place."""


@dataclass
class PartitionAudit:
    """What was found in one partition of the log."""

    partition: int
    records: int = 0
    """Records of the log that were folded."""
    begins: int = 0
    """The offset of the log with which the fold began."""
    snapshot: str = ""
    """The snapshot that it began with; empty: none, at the log's beginning."""
    refused: list[str] = field(default_factory=list)
    """Why snapshots were not used that would have done; each is named."""
    unjudged: int = 0
    """Offsets behind the ledger's marker: Decide has not judged them yet."""
    counts: dict[Kind, Counter[Outcome]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    findings: list[AuditFinding] = field(default_factory=list)
    stopped: str = ""
    """Why the fold could not go on; empty: it did."""
    unwatched: str = ""
    """Why nothing can be said of what Watch has made; empty: it was compared, if there was to be compared."""
    whole: bool = True
    """False: verdicts alone were compared, as only a stretch was asked for."""
    chained_from: int | None = None
    """Offset in the log from which on the chain says what stood there; None: there is none."""

    def count(self, kind: Kind, outcome: Outcome, times: int = 1) -> None:
        """So many more."""
        self.counts[kind][outcome] += times

    def find(self, finding: AuditFinding) -> None:
        """One more that is not as it should be."""
        self.count(finding.kind, finding.outcome)
        if self.counts[finding.kind][finding.outcome] <= FINDINGS_MAX:
            self.findings.append(finding)

    @property
    def tells_stories(self) -> bool:
        """The next verdict that differs comes with what was known of its recipient."""
        return self.counts["verdict"]["differs"] < STORIES_MAX

    @property
    def proved(self) -> int:
        """Verdicts that are proved."""
        return self.counts["verdict"]["proved"]

    @property
    def faults(self) -> int:
        """Whatever is not as the fold says."""
        found = sum(counts[outcome] for counts in self.counts.values() for outcome in FAULTS)
        return found + bool(self.stopped)


@dataclass
class AuditReport:
    """All partitions of the log."""

    partitions: list[PartitionAudit]

    @property
    def right(self) -> bool:
        """All that stands in Kafka is what the fold says."""
        return not any(each.faults for each in self.partitions)

    def groups(self) -> Iterator[FindingGroup]:
        """What was found in all partitions, the gravest first."""
        findings = sorted((finding for each in self.partitions for finding in each.findings), key=gravity)
        for kind in GRAVEST_KINDS:
            for outcome in GRAVEST_OUTCOMES:
                if times := sum(each.counts[kind][outcome] for each in self.partitions):
                    own = [finding for finding in findings if finding[:2] == (kind, outcome)]
                    yield FindingGroup(kind, outcome, times, own)

    def line(self) -> str:
        """The last line: equal numbers where everything is proved, not the verdicts alone."""
        proved = sum(each.proved for each in self.partitions)
        return f"proved={proved}/{proved + sum(each.faults for each in self.partitions)}"


def first_difference(folded: bytes, stands: bytes) -> str:
    """The first field in which two JSON records differ, with both values. Raises msgspec.DecodeError."""
    if (said := msgspec.json.decode(folded)) == (found := msgspec.json.decode(stands)):
        return "the same fields, in other octets"
    path, one, other = next(_differences("", said, found))
    return f"{path} is {_text(other)}, the fold says {_text(one)}"


def difference_of_rows(folded: Any, stands: Any) -> str:
    """The same of two rows of a table."""
    fields = ((name, getattr(folded, name), getattr(stands, name)) for name in folded.__struct_fields__)
    name, one, other = next(field for field in fields if field[1] != field[2])
    return f"{name} is {_text(msgspec.to_builtins(other))}, the fold says {_text(msgspec.to_builtins(one))}"


def row_text(row: msgspec.Struct | None) -> str:
    """What a row says, as JSON without what it does not know."""
    if row is None:
        return "none"
    said = {name: value for name in row.__struct_fields__ if (value := getattr(row, name))}
    return msgspec.json.encode(said).decode()


_ABSENT = object()


def _differences(path: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            yield from _differences(
                f"{path}.{name}" if path else name, one.get(name, _ABSENT), other.get(name, _ABSENT)
            )
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs: Iterable[tuple[Any, Any]] = zip(one, other, strict=True)
        for number, (each, its) in enumerate(pairs):
            yield from _differences(f"{path}[{number}]", each, its)
    elif one != other:
        yield path or "the record", one, other


def _text(value: Any) -> str:
    """A value, short, and without whose mailbox it is."""
    if value is _ABSENT:
        return "absent"
    return without_local_parts(msgspec.json.encode(value, enc_hook=bytes.hex).decode())[:TEXT_MAX]
