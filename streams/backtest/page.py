"""A backtest's report as one HTML page that asks no network: its style and plots are in it, and no script. Pure."""

from collections.abc import Iterator, Sequence

from sidestep.streams.backtest.counts import ACTIONS, DELAYS, HOUR_MS, RISK_BINS, SIDES, ChangedMessage
from sidestep.streams.backtest.html_page import html_page
from sidestep.streams.backtest.html_table import table
from sidestep.streams.backtest.outcomes import ABOUT, OUTCOMES
from sidestep.streams.backtest.report import CAVEATS, SENT, STOPPED, BacktestReport
from sidestep.streams.backtest.svg import BarRow, TimeLine, bars, lines, number, text
from sidestep.streams.backtest.words import SAID, example_head, fate_text, kind_of, moment, outcomes_text

RULES_SHOWN = 25
CHANGES_SHOWN = 200
POINTS_MAX = 360
"""Of a line: hours are put together beyond that."""
GAINS = ("traps avoided", "bounces avoided", "complaints avoided")
LOSSES = ("good mail lost", "good mail delayed", "traps hit")
KEYS = '<p><span class="key before">in the log</span><span class="key after">the other policy</span>'
WHO = ("before", "after")


def page(report: BacktestReport) -> str:
    """The whole page."""
    return html_page(f"Backtest of {report.policy}", _sections(report))


def _sections(report: BacktestReport) -> Iterator[str]:
    yield from _head(report)
    if report.counts.messages:
        yield from _figures(report)
        yield from _fates(report)
        yield from _plots(report)
        yield from _changes(report)
        yield from _examples(report)
    yield "<h2>What this can't tell</h2>"
    yield _list(CAVEATS)
    yield "<h2>Outcomes</h2>"
    yield table(("outcome", "of a message"), ((name, ABOUT[name]) for name in OUTCOMES))


def _head(report: BacktestReport) -> Iterator[str]:
    counts = report.counts
    yield f"<h1>Backtest of policy {text(report.policy)}</h1>"
    policies = ", ".join(f"{version or 'none'} ({count:,})" for version, count in counts.policies.most_common(8))
    rows = [
        ("the other policy", f"{report.policy}, version {report.version}"),
        ("policies in the log (verdicts)", policies or "none"),
        ("time of the log", _stretch(report)),
        ("partitions", ", ".join(map(str, report.partitions))),
        ("records", f"{counts.records:,}"),
        ("messages", f"{counts.messages:,}"),
        ("test intents, left out", f"{counts.tests:,}"),
        ("with a verdict by one policy alone, left out", f"{counts.unjudged:,}"),
    ]
    yield table((), rows)
    if counts.notes:
        yield _list(counts.notes)
    if counts.says_otherwise:
        yield "<h2>What it says otherwise than the last policy of the log</h2>"
        yield _list(counts.says_otherwise)


def _stretch(report: BacktestReport) -> str:
    if report.hours is None:
        return "–"
    return f"{moment(report.hours[0] * HOUR_MS)} to {moment((report.hours[1] + 1) * HOUR_MS)} UTC"


def _figures(report: BacktestReport) -> Iterator[str]:
    yield '<h2>Lost and won</h2><div class="figures">'
    for figure in report.figures:
        kind = "loss" if figure.name in LOSSES and figure.messages else "gain" if figure.name in GAINS else ""
        yield (
            f'<div class="{kind}">{text(figure.name)}<b>{figure.messages:,}</b><span>{text(figure.about)}</span></div>'
        )
    yield '</div><p class="quiet">“It” is the other policy.</p>'


def _fates(report: BacktestReport) -> Iterator[str]:
    yield "<h2>Messages</h2>"
    head = ("in the log", *(f"the other: {SAID[action]}" for action in ACTIONS))
    rows = ((SAID[b], *(f"{report.counts.count((b,), (a,)):,}" for a in ACTIONS)) for b in ACTIONS)
    yield table(head, rows, counts=(1, 2, 3))
    outcomes = [BarRow(name, [report.counts.count(SENT, STOPPED, (name,))]) for name in OUTCOMES if name != "not-sent"]
    yield "<h2>What is known of those that it would stop</h2>"
    yield bars(outcomes, ["after"])


def _changes(report: BacktestReport) -> Iterator[str]:
    changes = report.changes()
    yield "<h2>Changes by rule and service</h2>"
    if not changes:
        yield "<p>Nothing would have been otherwise.</p>"
        return
    rows = (
        (f"{outcomes.total():,}", kind_of(change), change.service, outcomes_text(outcomes))
        for change, outcomes in changes[:CHANGES_SHOWN]
    )
    yield table(("messages", "change", "service", "since"), rows, (0,), "changes")
    if (more := len(changes) - CHANGES_SHOWN) > 0:
        yield f'<p class="quiet">… and {more:,} more: --json has them.</p>'


def _examples(report: BacktestReport) -> Iterator[str]:
    rows = list(report.examples())
    if rows:
        yield "<h2>Examples</h2>"
        head = ("message", "in the log", "the other policy", "since")
        yield table(head, [_example(each) for each in rows], kind="examples")


def _example(each: ChangedMessage) -> tuple[str, ...]:
    return example_head(each), fate_text(each.before), fate_text(each.after), each.outcome


def _plots(report: BacktestReport) -> Iterator[str]:
    counts = report.counts
    before, after = (counts.stops[side] for side in SIDES)
    rules = sorted(before.keys() | after.keys(), key=lambda rule: (-max(before[rule], after[rule]), rule))
    yield f"<h2>Sent over time</h2>{KEYS}<span class='key offered'>offered</span></p>"
    yield _over_time(report)
    yield f"<h2>Stopped by rule</h2>{KEYS}</p>"
    yield bars([BarRow(rule, [before[rule], after[rule]]) for rule in rules[:RULES_SHOWN]], WHO)
    yield f"<h2>Sent within</h2>{KEYS}</p>"
    yield bars([BarRow(step, [counts.delays[side][step] for side in SIDES]) for step in DELAYS], WHO)
    if counts.least_delays:
        steps = ", ".join(f"{step}: {counts.least_delays[step]:,}" for step in DELAYS if counts.least_delays[step])
        yield f'<p class="quiet">What was sent and would be deferred waits at least {text(steps)}.</p>'
    yield f"<h2>Risk</h2>{KEYS}</p>"
    yield bars([BarRow(_tenth(at), [counts.risks[side][at] for side in SIDES]) for at in range(RISK_BINS)], WHO)
    expected = [number(round(counts.expected[side] / 1000, 1)) for side in SIDES]
    yield (
        f'<p class="quiet">Trap hits to be expected of what is sent, by the sum of its risks: {expected[0]} in the '
        f"log, {expected[1]} by the other policy.</p>"
    )


def _tenth(at: int) -> str:
    return f"{at / RISK_BINS:g} to {(at + 1) / RISK_BINS:g}"


def _over_time(report: BacktestReport) -> str:
    if report.hours is None:
        return ""
    first, last = report.hours
    each = -(-(last - first + 1) // POINTS_MAX)
    starts = range(first, last + 1, each)

    def values(kind: str) -> list[float]:
        found = report.counts.hours
        return [sum(found[hour, kind] for hour in range(start, start + each)) for start in starts]

    drawn = [TimeLine(kind, values(kind)) for kind in ("offered", *WHO)]
    return lines(drawn, moment(first * HOUR_MS), moment((last + 1) * HOUR_MS))


def _list(items: Sequence[str]) -> str:
    return '<ul class="quiet">' + "".join(f"<li>{text(item)}</li>" for item in items) + "</ul>"
