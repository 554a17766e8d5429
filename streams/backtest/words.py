"""Words that a backtest's report says things by, on a terminal and on a page. Pure."""

from collections import Counter
from datetime import UTC, datetime

from sidestep.streams.backtest.counts import ChangedMessage, FateChange
from sidestep.streams.backtest.fate import MessageFate
from sidestep.streams.backtest.outcomes import OUTCOMES, OutcomeName

SAID = {"send": "sent", "defer": "deferred", "drop": "dropped"}
"""What became of a message, by action."""


def moment(at_ms: int) -> str:
    """Log time, UTC, to the second."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return str(at_ms)


def kind_of(change: FateChange) -> str:
    """sent -> dropped (trap-risk): the rules that stop it."""
    before = SAID[change.before] + (f" ({change.rule_before})" if change.rule_before else "")
    after = SAID[change.after] + (f" ({change.rule_after})" if change.rule_after else "")
    return f"{before} -> {after}"


def outcomes_text(outcomes: Counter[OutcomeName]) -> str:
    """What there is of each, the gravest first."""
    return ", ".join(f"{name} {outcomes[name]:,}" for name in OUTCOMES if outcomes[name])


def example_head(each: ChangedMessage) -> str:
    """Which message it is; where it stands in the log."""
    return f"{moment(each.at_ms)}  {each.service}/{each.id} to ***@{each.domain}  {each.place}"


def fate_text(fate: MessageFate) -> str:
    """What became of it, and why."""
    why = f": {fate.rule}: {fate.text}" if fate.rule else ""
    return f"{SAID[fate.action]}, risk {fate.risk:g}{why}"
