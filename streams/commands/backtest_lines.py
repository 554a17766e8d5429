"""A backtest's report as lines for people. Pure."""

from collections.abc import Iterator

from sidestep.streams.backtest.counts import ACTIONS, DELAYS, HOUR_MS, ChangedMessage
from sidestep.streams.backtest.report import CAVEATS, SENT, BacktestReport
from sidestep.streams.backtest.words import SAID, example_head, fate_text, kind_of, moment, outcomes_text
from sidestep.streams.terminal import printable

CHANGES_SHOWN = 40
RULES_SHOWN = 20
OTHERWISE_SHOWN = 30


def described(report: BacktestReport) -> Iterator[str]:
    """The whole report."""
    yield from _head(report)
    if report.counts.messages:
        yield from _fates(report)
        yield from _figures(report)
        yield from _changes(report)
        yield from _examples(report)
        yield from _stops(report)
        yield from _delays(report)
        yield from _risk(report)
    yield ""
    yield from CAVEATS


def example_lines(each: ChangedMessage) -> Iterator[str]:
    """A message, and what both policies say of it."""
    yield f"{example_head(each)}  since: {each.outcome}"
    yield f"    in the log {fate_text(each.before)}"
    yield f"    the other  {fate_text(each.after)}"


def _head(report: BacktestReport) -> Iterator[str]:
    counts = report.counts
    yield printable(f"policy {report.policy!r}, version {report.version}, in place of {_policies(report)}")
    hours = report.hours
    stretch = f", {moment(hours[0] * HOUR_MS)} to {moment((hours[1] + 1) * HOUR_MS)}" if hours else ""
    partitions = ", ".join(map(str, report.partitions))
    yield f"{counts.records:,} records of partitions {partitions}{stretch}: {counts.messages:,} messages"
    if report.followed:
        yield "compared with verdicts as they appeared; what comes back later is not known yet"
    yield from map(printable, counts.notes)
    if counts.tests:
        yield f"{counts.tests:,} test intents are left out"
    if counts.unjudged:
        yield f"{counts.unjudged:,} messages are left out: they have a verdict by one of the two policies alone"
    if counts.says_otherwise:
        yield ""
        yield "what it says otherwise than the last policy of the log"
        yield from (f"  {printable(line)}" for line in counts.says_otherwise[:OTHERWISE_SHOWN])
        if (more := len(counts.says_otherwise) - OTHERWISE_SHOWN) > 0:
            yield f"  … and {more} more: sidestep policy diff"


def _policies(report: BacktestReport) -> str:
    named = [f"{version or 'none'} ({count:,} verdicts)" for version, count in report.counts.policies.most_common(5)]
    return ", ".join(named) or "none"


def _fates(report: BacktestReport) -> Iterator[str]:
    yield ""
    yield f"{'in the log':<14}{'the other policy:':<18}" + "".join(f"{SAID[action]:>12}" for action in ACTIONS)
    for before in ACTIONS:
        cells = "".join(f"{report.counts.count((before,), (after,)):>12,}" for after in ACTIONS)
        yield f"{SAID[before]:<32}{cells}"


def _figures(report: BacktestReport) -> Iterator[str]:
    yield ""
    for figure in report.figures:
        yield f"{figure.name:<24}{figure.messages:>10,}  {figure.about}"
    same = report.counts.count(SENT, SENT)
    engaged = report.counts.count(SENT, SENT, ("engaged",))
    yield f"{'sent by both':<24}{same:>10,}  {engaged:,} of them were opened, clicked or answered since"


def _changes(report: BacktestReport) -> Iterator[str]:
    changes = report.changes()
    yield ""
    yield "changes by rule and service" if changes else "nothing would have been otherwise"
    for change, outcomes in changes[:CHANGES_SHOWN]:
        line = f"  {outcomes.total():>9,}  {kind_of(change)}  {change.service}  since: {outcomes_text(outcomes)}"
        yield printable(line)
    if (more := len(changes) - CHANGES_SHOWN) > 0:
        yield f"  … and {more:,} more: --json or --html has them"


def _examples(report: BacktestReport) -> Iterator[str]:
    examples = list(report.examples())
    if examples:
        yield ""
        yield "examples"
    for each in examples:
        yield from (f"  {printable(line)}" for line in example_lines(each))


def _stops(report: BacktestReport) -> Iterator[str]:
    before, after = report.counts.stops["before"], report.counts.stops["after"]
    rules = sorted(before.keys() | after.keys(), key=lambda rule: (-max(before[rule], after[rule]), rule))
    yield ""
    yield f"{'messages stopped by':<32}{'in the log':>12}{'the other':>12}"
    for rule in rules[:RULES_SHOWN]:
        yield printable(f"  {rule:<30}{before[rule]:>12,}{after[rule]:>12,}")


def _delays(report: BacktestReport) -> Iterator[str]:
    delays, least = report.counts.delays, report.counts.least_delays
    yield ""
    yield f"{'messages sent within':<32}{'in the log':>12}{'the other':>12}"
    for step in DELAYS:
        yield f"  {step:<30}{delays['before'][step]:>12,}{delays['after'][step]:>12,}"
    if least:
        steps = ", ".join(f"{step}: {least[step]:,}" for step in DELAYS if least[step])
        yield f"what was sent and would be deferred waits at least {steps}"


def _risk(report: BacktestReport) -> Iterator[str]:
    expected = report.counts.expected
    yield ""
    yield (
        f"trap hits to be expected of what is sent, by the sum of its risks: {expected['before'] / 1000:,.1f} in the "
        f"log, {expected['after'] / 1000:,.1f} by the other policy"
    )
