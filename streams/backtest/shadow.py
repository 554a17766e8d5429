"""Another policy beside the one in force, in one partition: folded as the log grows, compared with verdicts as they
appear. Pure."""

from collections import Counter, deque
from collections.abc import Iterable

from sidestep.schemas import Evidence, Verdict
from sidestep.schemas.verdicts import Action
from sidestep.streams.audit.replay import LogRecord, Replayer
from sidestep.streams.backtest.counts import BacktestCounts
from sidestep.streams.backtest.messages import Messages
from sidestep.streams.backtest.other_policy import with_policy
from sidestep.streams.backtest.partition import by_offset, count_messages
from sidestep.streams.decide.policy import Policy
from sidestep.topics.catalog import EVIDENCE


class PartitionShadow:
    """Folds one partition. `replayer`: has the state of now, with the other policy; what is before its next record is
    not compared."""

    def __init__(self, replayer: Replayer, messages: Messages, policy: Policy, text: str):
        self._replayer = replayer
        self._messages = messages
        self._policy = policy
        self._text = text
        self._waiting: deque[tuple[int, Evidence, Verdict | None]] = deque()
        """Records with what the other policy says, that wait for what the one in force says; in the log's order."""
        self._appeared: dict[int, Verdict] = {}
        self._settled = replayer.next - 1
        """Offset of the last record that was compared."""
        self._last = {"approved": -1, "rejected": -1}
        """Offset of the evidence of the last verdict that has appeared, by topic: none before it will."""
        self.records = 0
        self.verdicts = 0
        """Compared so far, …"""
        self.otherwise: Counter[tuple[Action, Action]] = Counter()
        """… and those of them that are otherwise; verdicts, not messages."""

    @property
    def waiting(self) -> int:
        """Records that wait for a verdict, their own or that of a record before them."""
        return len(self._waiting)

    @property
    def ahead(self) -> int:
        """Verdicts that have appeared, on records that are not folded yet."""
        return len(self._appeared)

    def fold(self, records: Iterable[LogRecord]) -> None:
        """Records of the log, in offset order; those that are in the state already are passed over."""
        for step in self._replayer.replay(with_policy(records, self._policy, self._text)):
            after = by_offset(step.verdicts)
            self._waiting.extend((offset, record, after.get(offset)) for offset, record in step.records)
            self.records += step.read

    def appeared(self, verdict: Verdict) -> None:
        """A verdict as it was published."""
        offset = verdict.evidence.offset
        if offset > self._settled:
            self._appeared[offset] = verdict
            self._last[verdict.decision] = max(self._last[verdict.decision], offset)

    def settle(self) -> None:
        """Compare whatever has both verdicts, or will have one alone."""
        records: list[tuple[int, Evidence]] = []
        before: dict[int, Verdict] = {}
        after: dict[int, Verdict] = {}
        while self._waiting and self._is_settled():
            offset, record, verdict = self._waiting.popleft()
            self._settled = offset
            records.append((offset, record))
            if verdict is not None:
                after[offset] = verdict
            if (found := self._appeared.pop(offset, None)) is not None:
                before[offset] = found
        if records:
            self._messages.take(records, before, after)
            self._note(before, after)

    def counts(self) -> BacktestCounts:
        """What it has come to so far. What waits still is left out."""
        counts = BacktestCounts(records=self.records, unjudged=sum(each[2] is not None for each in self._waiting))
        where = f"{EVIDENCE.name}/{self._replayer.partition}"
        count_messages(counts, self._messages, self._replayer.tables, where)
        return counts

    def _is_settled(self) -> bool:
        offset, _, verdict = self._waiting[0]
        return verdict is None or offset in self._appeared or min(self._last.values()) > offset

    def _note(self, before: dict[int, Verdict], after: dict[int, Verdict]) -> None:
        for offset in before.keys() & after.keys():
            one, other = before[offset], after[offset]
            self.verdicts += not one.test
            if one.action != other.action and not one.test:
                self.otherwise[one.action, other.action] += 1
