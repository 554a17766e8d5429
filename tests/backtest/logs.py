"""Small logs, and what two policies make of them."""

from collections.abc import Sequence

from sidestep.schemas import Evidence
from sidestep.schemas.codec import encode
from sidestep.streams.audit import ReplayTables
from sidestep.streams.audit.audit_partition import Span
from sidestep.streams.audit.key_values import InMemory
from sidestep.streams.backtest.partition import LoggedPartition, PartitionBacktest
from sidestep.streams.backtest.report import BacktestReport
from sidestep.streams.decide.policy_check import checked


def compared(log: Sequence[Evidence | bytes], text: str, span: Span = Span()) -> BacktestReport:
    """The report of one partition with this log."""
    policy = checked(text)
    records = [record if isinstance(record, bytes) else encode(record) for record in log]
    backtest = PartitionBacktest(policy, text, span, lambda _: InMemory(), lambda _: None)
    counts = backtest.compare(LoggedPartition(0, ReplayTables(), 0, (each for each in enumerate(records))))
    return BacktestReport(policy.name, policy.version, [0], span, counts)


def figures(report: BacktestReport) -> dict[str, int]:
    """Those that are not 0."""
    return {figure.name: figure.messages for figure in report.figures if figure.messages}


def kinds(report: BacktestReport) -> dict[tuple[str, str, str, str], int]:
    """Messages by kind of change: fates and rules in the log and by the other policy."""
    found: dict[tuple[str, str, str, str], int] = {}
    for change, outcomes in report.changes():
        found[change[:4]] = found.get(change[:4], 0) + outcomes.total()
    return found
