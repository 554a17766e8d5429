"""The report on a list as one HTML page that asks no network: style and plots are in it, no script, no address.

Pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from sidestep.streams.backtest.html_page import html_page
from sidestep.streams.backtest.html_table import table
from sidestep.streams.backtest.svg import BarRow, bars, text
from sidestep.streams.importing.counts import ImportCounts
from sidestep.streams.importing.report import ImportReport, bad_sentence, caveats, named
from sidestep.streams.screen.holds import rfc3339

SHOWN = 25
NAME_MAX = 32
"""Characters beside a bar."""
KEYS = '<p><span class="key before">sent</span><span class="key after">dropped or deferred</span></p>'
SENT_OR_NOT = ("before", "after")


def import_page(report: ImportReport) -> str:
    """The whole page."""
    return html_page(f"Check of {report.file}", _sections(report))


def _sections(report: ImportReport) -> Iterator[str]:
    counts = report.counts
    yield f"<h1>Check of {text(report.file)}</h1>"
    yield _whole(counts)
    yield from _figures(counts)
    yield "<h2>Verdicts</h2>"
    yield bars([BarRow(each, [counts.verdicts[each]]) for each in ("send", "drop", "defer")], ["before"])
    yield "<h2>Stopped by rule</h2>"
    yield _counted({f"{verdict}: {rule}": rows for (verdict, rule), rows in counts.reasons.items()}, "after")
    if report.past is not None:
        yield from _past(counts)
    yield "<h2>Told besides</h2>"
    yield _counted(counts.flags, "after")
    if counts.sources:
        yield from _sources(counts)
    yield "<h2>Whose mail servers</h2>"
    yield _counted(counts.providers, "before")
    yield "<h2>How it was checked</h2>"
    yield table((), _how(report))
    yield "<h2>What this can't tell</h2>"
    yield '<ul class="quiet">' + "".join(f"<li>{text(each)}</li>" for each in caveats(report)) + "</ul>"


def _whole(counts: ImportCounts) -> str:
    bad = counts.bad()
    if not bad:
        return "<p>Nothing says that this list is bad as a whole.</p>"
    head = "This list is bad as a whole" if any(each.source is None for each in bad) else "Sources of it are bad"
    lines = "".join(f"<li>{text(bad_sentence(each))}</li>" for each in bad[:SHOWN])
    return f"<h2>{head}</h2><ul>{lines}</ul>"


def _figures(counts: ImportCounts) -> Iterator[str]:
    yield '<div class="figures">'
    for name, figure, about, kind in (
        ("rows", counts.rows, f"{counts.empty:,} of them without an address", ""),
        ("to send to", counts.usable, "verdict send, each mailbox once", "gain"),
        ("dropped", counts.verdicts["drop"], "never send to them", "loss"),
        ("deferred", counts.verdicts["defer"], "too little is known: check again", ""),
        ("duplicates", counts.duplicates, "of a mailbox further up", ""),
        ("suggestions", counts.suggestions, "an address that was probably meant", ""),
    ):
        yield f'<div class="{kind}">{text(name)}<b>{figure:,}</b><span>{text(about)}</span></div>'
    yield "</div>"


def _past(counts: ImportCounts) -> Iterator[str]:
    yield "<h2>Stopped by history</h2>"
    yield _counted(counts.past, "after")
    if counts.past_stops:
        yield table(("row", "rule", "why"), ((f"{row:,}", rule, why) for row, rule, why in counts.past_stops), (0,))
    if (more := counts.past.total() - len(counts.past_stops)) > 0:
        yield f'<p class="quiet">… and {more:,} more: the list that came back has all.</p>'


def _sources(counts: ImportCounts) -> Iterator[str]:
    largest = sorted(counts.sources.items(), key=lambda each: (-each[1]["rows"], each[0]))
    yield f"<h2>By source</h2>{KEYS}"
    yield bars(
        [
            BarRow(name[:NAME_MAX] or "(none)", [each["send"], each["rows"] - each["send"]])
            for name, each in largest[:SHOWN]
        ],
        SENT_OR_NOT,
    )
    head = ("source", "rows", "send", "drop", "defer", "unreachable", "mistyped", "traps", "duplicates")
    rows = ((name or "(none)", *(f"{each[column]:,}" for column in head[1:])) for name, each in largest[:SHOWN])
    yield table(head, rows, range(1, len(head)))
    if (more := len(largest) - SHOWN) > 0:
        yield f'<p class="quiet">… and {more:,} more: --json has them.</p>'


def _how(report: ImportReport) -> Iterator[tuple[str, str]]:
    yield "addresses", named(report.columns.address, report.columns)
    yield "sources", named(report.columns.source, report.columns)
    yield "DNS", "nobody was asked (--offline)" if report.offline else "asked"
    yield "histories", "not looked at" if report.past is None else f"as of {rfc3339(int(report.past.as_of * 1000))}"
    yield "stream", report.stream or "none"
    yield "policy", report.versions.policy
    yield "lists", report.versions.lists


def _counted(counts: Mapping[str, int], kind: str) -> str:
    if not counts:
        return '<p class="quiet">None.</p>'
    return bars([BarRow(name, [rows]) for name, rows in Counter(counts).most_common(SHOWN)], [kind])
