"""The report on a list as lines for people. Pure."""

from collections.abc import Iterator

from sidestep.streams.importing.report import ImportReport, bad_sentence, caveats, named
from sidestep.streams.terminal import printable

SHOWN = 20


def import_lines(report: ImportReport) -> Iterator[str]:
    """The whole report; what is bad as a whole comes last, where people look."""
    counts, columns = report.counts, report.columns
    yield printable(f"{report.file}: {counts.rows:,} rows, addresses in {named(columns.address, columns)}")
    if counts.empty:
        yield f"{counts.empty:,} rows have no address"
    yield ""
    yield from _counted("verdict", counts.verdicts.most_common(), counts.rows)
    stopped = [(f"{verdict}: {rule}", rows) for (verdict, rule), rows in counts.reasons.most_common()]
    yield from _counted("stopped by rule", stopped, counts.rows)
    yield from _past(report)
    yield from _counted("told besides", counts.flags.most_common(), counts.rows)
    yield from _sources(report)
    yield f"{counts.duplicates:,} duplicates of a mailbox further up, {counts.suggestions:,} suggestions"
    yield f"{counts.usable:,} to send to: verdict send, each mailbox once"
    if deferred := counts.verdicts["defer"]:
        yield f"{deferred:,} deferred: too little is known of them for now, which is no approval; check them again"
    yield ""
    yield printable(caveats(report)[0])
    bad = counts.bad()
    if any(each.source is None for each in bad):
        yield "This list is bad as a whole:"
    elif bad:
        yield "Sources of this list are bad:"
    yield from (printable(f"  {bad_sentence(each)}") for each in bad[:SHOWN])
    if (more := len(bad) - SHOWN) > 0:
        yield f"  … and {more:,} more: --json has them"


def _past(report: ImportReport) -> Iterator[str]:
    counts = report.counts
    yield from _counted("stopped by history", counts.past.most_common(), counts.rows)
    for stop in counts.past_stops[:SHOWN]:
        yield printable(f"  row {stop.row:,}: {stop.rule}: {stop.sentence}")
    if (more := counts.past.total() - len(counts.past_stops[:SHOWN])) > 0:
        yield f"  … and {more:,} more: the list that came back has all"
    if counts.past:
        yield ""


def _counted(head: str, counted: list[tuple[str, int]], of: int) -> Iterator[str]:
    if not counted:
        return
    yield head
    for name, rows in counted[:SHOWN]:
        yield printable(f"  {name:<34} {rows:>11,} {100 * rows / max(of, 1):>6.1f} %")
    yield ""


def _sources(report: ImportReport) -> Iterator[str]:
    if report.columns.source is None:
        return
    largest = sorted(report.counts.sources.items(), key=lambda each: (-each[1]["rows"], each[0]))
    yield printable(f"{'source':<36} {'rows':>11} {'send':>11} {'drop':>9} {'defer':>9} {'duplicates':>11}")
    for name, each in largest[:SHOWN]:
        figures = f"{each['rows']:>11,} {each['send']:>11,} {each['drop']:>9,} {each['defer']:>9,}"
        yield printable(f"  {name or '(none)':<34} {figures} {each['duplicates']:>11,}")
    if (more := len(largest) - SHOWN) > 0:
        yield f"  … and {more:,} more: --json has them"
    yield ""
