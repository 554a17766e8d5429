"""What is told of a list that was checked. Pure."""

from typing import Any, NamedTuple

from sidestep.schemas import Versions
from sidestep.streams.importing.columns import Columns
from sidestep.streams.importing.counts import BadWhole, ImportCounts
from sidestep.streams.importing.told_histories import PastSeen
from sidestep.streams.screen.holds import rfc3339

NO_HISTORY = (
    "History was not looked at (--broker): who has bounced, complained or opted out before is not known here, nor what "
    "operators have suppressed. Limits, holds and the risk are not in it either. Verdicts on real intents know all "
    "that."
)
NO_PROOF = (
    "That DNS and the lists find nothing wrong does not prove that a mailbox exists, nor that its owner wants mail."
)


class ImportReport(NamedTuple):
    """The report on one list."""

    file: str
    columns: Columns
    counts: ImportCounts
    versions: Versions
    offline: bool
    stream: str
    past: PastSeen | None = None
    """None: nobody's history was looked at."""


def caveats(report: ImportReport) -> tuple[str, str]:
    """What it can't know; of histories first."""
    return history_sentence(report.past) if report.past is not None else NO_HISTORY, NO_PROOF


def history_sentence(past: PastSeen) -> str:
    """As: Histories as of 2026-11-27T20:30:00Z: what operators have said …"""
    told = "what operators have said of addresses and domains"
    if past.asking.everybodys:
        told = "everybody's, so each row that they stop tells what a person has been through"
    elif past.asking.service:
        told += f", and the past of mailboxes to which {past.asking.service} alone has ever written"
    else:
        told += "; nobody's past, for no --service was named"
    return (
        f"Histories as of {rfc3339(int(past.as_of * 1000))}: {told}. Limits, holds and the risk are not in it. "
        "Verdicts on real intents know all that."
    )


def bad_sentence(bad: BadWhole) -> str:
    """As: source “fair 2016”: 1,200 of 20,000 rows (6.0 %) can't be reached: …"""
    where = "the list" if bad.source is None else f"source “{bad.source}”" if bad.source else "rows without a source"
    return (
        f"{where}: {bad.bad:,} of {bad.of:,} rows ({100 * bad.bad / bad.of:.1f} %; bad from {100 * bad.kind.share:g} % "
        f"on) {bad.kind.text}{bad.kind.advice if bad.source is None else ''}"
    )


def named(column: int | None, columns: Columns) -> str:
    """A column by its name and number."""
    if column is None:
        return "none"
    name = columns.names[column]
    return f"{name} ({column + 1})" if columns.headed and name else f"column {column + 1}"


def as_json(report: ImportReport) -> dict[str, Any]:
    """Plain values, for JSON."""
    counts = report.counts
    return {
        "file": report.file,
        "address_column": named(report.columns.address, report.columns),
        "source_column": None if report.columns.source is None else named(report.columns.source, report.columns),
        "rows": counts.rows,
        "usable": counts.usable,
        "empty": counts.empty,
        "duplicates": counts.duplicates,
        "suggestions": counts.suggestions,
        "verdicts": dict(counts.verdicts),
        "reasons": [
            {"verdict": verdict, "reason": reason, "rows": rows}
            for (verdict, reason), rows in counts.reasons.most_common()
        ],
        "flags": dict(counts.flags),
        "providers": dict(counts.providers),
        "sources": {name: dict(each) for name, each in counts.sources.items()},
        "bad": [
            {"source": each.source, "kind": each.kind.name, "rows": each.bad, "of": each.of, "text": bad_sentence(each)}
            for each in counts.bad()
        ],
        "history": False if report.past is None else _past_json(report.past, counts),
        "policy": report.versions.policy,
        "lists": report.versions.lists,
        "engine": report.versions.engine,
    }


def _past_json(past: PastSeen, counts: ImportCounts) -> dict[str, Any]:
    return {
        "as_of": rfc3339(int(past.as_of * 1000)),
        "service": past.asking.service,
        "everybodys": past.asking.everybodys,
        "stopped": dict(counts.past),
        "first": [stop._asdict() for stop in counts.past_stops],
    }
