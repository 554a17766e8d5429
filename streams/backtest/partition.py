"""One partition of a log folded twice: with the policies that stand in it, and with another one. Pure.

Until `since` both are one fold, so histories before it are what they were. Behind `until` the first goes on alone: what
came back there still tells of messages before.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, tee
from typing import NamedTuple

from sidestep.schemas import Verdict
from sidestep.streams.audit.audit_partition import Span
from sidestep.streams.audit.replay import LogRecord, Replayed, Replayer
from sidestep.streams.audit.tables import ReplayTables
from sidestep.streams.backtest.counts import BacktestCounts
from sidestep.streams.backtest.messages import MessageRow, Messages
from sidestep.streams.backtest.other_policy import NewStore, copied, put_in_force, says_otherwise, with_policy
from sidestep.streams.backtest.stretches import Stretches
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES
from sidestep.topics.catalog import EVIDENCE

COUNTED_AT_ONCE = 1_000


class LoggedPartition(NamedTuple):
    """What there is to fold of a partition."""

    partition: int
    tables: ReplayTables
    """The state before `start`."""
    start: int
    records: Iterable[LogRecord]


class PartitionBacktest:
    """Folds one partition. `text`: of the policy; `new_store`: where tables and messages are kept meanwhile."""

    def __init__(self, policy: Policy, text: str, span: Span, new_store: NewStore, told: Callable[[int], None]):
        self._policy = policy
        self._text = text
        self._span = span
        self._new_store = new_store
        self._told = told
        self._counts = BacktestCounts()

    def compare(self, log: LoggedPartition) -> BacktestCounts:
        """What both come to. Raises NoPolicy where an intent stands before any policy."""
        messages = Messages(self._new_store("messages"))
        stretches = Stretches(log.records)
        recorded = Replayer(log.partition, log.tables, log.start)
        for step in recorded.replay(stretches.before(self._span.since * 1000)):
            self._told(step.read)
        self._compare(recorded, stretches.before(self._span.until * 1000), messages)
        self._counts.says_otherwise = says_otherwise(log.tables, self._policy)
        for step in recorded.replay(stretches.rest()):
            messages.take_returns(step.records, by_offset(step.verdicts))
            self._told(step.read)
        count_messages(self._counts, messages, log.tables, f"{EVIDENCE.name}/{log.partition}")
        return self._counts

    def _compare(self, recorded: Replayer, log: Iterator[LogRecord], messages: Messages) -> None:
        tables = copied(recorded.tables, self._new_store)
        put_in_force(tables, self._policy, self._text)
        other = Replayer(recorded.partition, tables, recorded.next)
        ours, theirs = tee(log)
        steps = alike(recorded.replay(ours), other.replay(with_policy(theirs, self._policy, self._text)))
        for before, after in steps:
            records = [record for step in before for record in step.records]
            messages.take(records, _by_offset_of(before), _by_offset_of(after))
            read = sum(step.read for step in before)
            self._counts.records += read
            self._told(read)


def alike(ours: Iterator[Replayed], theirs: Iterator[Replayed]) -> Iterator[tuple[list[Replayed], list[Replayed]]]:
    """Steps of two folds of the same log, so many together that they end with the same record: one step each, but where
    a record can't be folded by one of the two."""
    for step in ours:
        left, right = [step], [next(theirs)]
        while left[-1].last != right[-1].last:
            steps, some = (ours, left) if left[-1].last < right[-1].last else (theirs, right)
            some.append(next(steps))
        yield left, right


def _by_offset_of(steps: Sequence[Replayed]) -> dict[int, Verdict]:
    return by_offset([verdict for step in steps for verdict in step.verdicts])


def by_offset(verdicts: Sequence[Verdict]) -> dict[int, Verdict]:
    """Verdicts by the offset of their evidence."""
    return {verdict.evidence.offset: verdict for verdict in verdicts}


def count_messages(counts: BacktestCounts, messages: Messages, tables: ReplayTables, where: str) -> None:
    """All messages, with what the state knows of traps by now. `where`: TOPIC/PARTITION of their records."""
    counts.tests += messages.tests
    counts.policies.update(messages.policies)
    rows = messages.rows()
    while some := list(islice(rows, COUNTED_AT_ONCE)):
        traps = _traps(some, tables)
        for row in some:
            counts.add(row, not traps.isdisjoint((row.recipient_key, row.domain.encode())), where)


def _traps(rows: Sequence[MessageRow], tables: ReplayTables) -> set[bytes]:
    """Keys of mailboxes and names of domains, of those in these rows, that are known traps."""
    mailboxes = tables.read(BOUNCE_HISTORY, {row.recipient_key for row in rows})
    domains = tables.read(DOMAIN_RATES, {row.domain.encode() for row in rows})
    found = {key for key, mailbox in mailboxes.items() if mailbox.trap is not None}
    return found | {name for name, domain in domains.items() if domain.trap is not None}
