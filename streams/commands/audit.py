"""sidestep audit: proves again every verdict that still stands, from the log that it follows from."""

import time
from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import to_builtins

from sidestep.streams.audit.audit_partition import FOR_EVER, NEVER, Span
from sidestep.streams.audit.findings import (
    FAULTS,
    KINDS,
    OF_WATCH,
    AuditFinding,
    AuditReport,
    Outcome,
    PartitionAudit,
    gravity,
)
from sidestep.streams.commands.copy_progress import copy_progress, percent_of
from sidestep.streams.commands.options import broker_option, past_second
from sidestep.streams.commands.past import HELP
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line, printable

SHOWN = 20
"""Findings of a kind and outcome for people; --json has more of them."""
NAMES = {
    "verdict": "verdicts", "tally": "tallies", "row": "rows", "id": "ids", "link": "links",
    "anomaly": "anomalies", "watch-row": "of Watch",
}  # fmt: skip
COLUMNS: tuple[Outcome, ...] = ("proved", *FAULTS, "not-kept", "later")
A_STRETCH = "tallies, ledgers and anomalies: compared only without --since and --until"


@click.command()
@click.option("--since", metavar="T", help=f"Only verdicts decided since then, by the log's time: {HELP}.")
@click.option("--until", metavar="T", help="Only verdicts decided before then.")
@click.option(
    "--partition", "partitions", type=click.IntRange(0), multiple=True, help="Only this partition of the log."
)
@click.option(
    "--verdict-keys",
    "keys_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Verdicts are signed: one without a proof is a fault. The proofs are checked by `sidestep tail`.",
)
@click.option(
    "--snapshots",
    "place",
    metavar="PLACE",
    help="Where workers keep them: a folder or a URL. The audit begins with one where the log no longer has its "
    "beginning, or --since says when.  [default: SIDESTEP_SNAPSHOTS]",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Remember there which partitions are finished; after an interruption go on with the others.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a partition, and one for all.")
@broker_option
def audit(
    since: str | None,
    until: str | None,
    partitions: tuple[int, ...],
    keys_file: Path | None,
    place: str | None,
    resume: Path | None,
    as_json: bool,
    broker: str | None,
) -> None:
    """Prove every verdict again, from the log that it follows from.

    The log is folded from its beginning, or from a snapshot of the ledger (`sidestep snapshot`), and what the fold says
    is compared, octet by octet, with email-approved and email-rejected, with email-tallies and with the ledger's
    changelogs; email-tallies likewise, as Watch folds it, with email-anomalies and its changelog. Nothing is written to
    Kafka. Exit code 0 when all of it is proved, 1 when something is not: each is named with its place. docs/audit.md
    says more.
    """
    from sidestep.streams.audit.run import audit as run
    from sidestep.streams.runtime.collector import fit_batches
    from sidestep.streams.thresholds_file import read_thresholds

    if keys_file is not None:
        from sidestep.topics.verdict_keys import read_verdict_keys

        read_verdict_keys(keys_file)
    fit_batches()
    now_ms = int(time.time() * 1000)
    span = Span(past_second("--since", since, now_ms, NEVER), past_second("--until", until, now_ms, FOR_EVER))
    settings = load(broker=broker, snapshots=place)
    with copy_progress("auditing", 100) as show:
        rules, proofs, kept_in = read_thresholds(settings), keys_file is not None, settings.snapshots_url
        shown, connection = percent_of(show), settings.connection
        report = run(connection, partitions, span, proofs, shown, rules=rules, snapshots=kept_in, resume=resume)
    for line in as_json_lines(report) if as_json else described(report):
        click.echo(line)
    if not report.right:
        raise SystemExit(1)


def described(report: AuditReport) -> Iterator[str]:
    """The report for people: a table, what was found, the gravest first, and in the end how much is proved."""
    yield f"{'partition':<11}{'':<10}" + "".join(f"{name:>11}" for name in COLUMNS)
    for each in report.partitions:
        for kind in KINDS:
            if kind == "verdict" or (each.whole and (kind not in OF_WATCH or each.counts[kind])):
                counts = "".join(f"{each.counts[kind][outcome]:>11,}" for outcome in COLUMNS)
                yield f"{each.partition if kind == 'verdict' else '':<11}{NAMES[kind]:<10}{counts}"
    for each in report.partitions:
        yield from _begun(each)
        yield from _notes(each)
    for group in report.groups():
        yield click.style(f"{NAMES[group.kind]}, {group.outcome}: {group.times:,}", bold=True)
        for finding in group.findings[:SHOWN]:
            yield from _found(finding)
        if group.times > SHOWN:
            yield f"          {group.times - min(SHOWN, len(group.findings)):,} more"
    if not all(each.whole for each in report.partitions):
        yield A_STRETCH
    yield report.line()


def as_json_lines(report: AuditReport) -> Iterator[str]:
    """The report for programs."""
    for each in report.partitions:
        counts = {NAMES[kind]: dict(counts) for kind, counts in each.counts.items()}
        begun = {"begins": each.begins, "snapshot": each.snapshot, "refused": each.refused}
        fields = {"partition": each.partition, "records": each.records, "unjudged": each.unjudged, **begun, **counts}
        fields["chained_from"] = each.chained_from
        findings = [to_builtins(finding._asdict()) for finding in sorted(each.findings, key=gravity)]
        yield json_line({**fields, "stopped": each.stopped, "unwatched": each.unwatched, "findings": findings})
    yield json_line({"proved": report.line().removeprefix("proved="), "right": report.right})


def _begun(each: PartitionAudit) -> Iterator[str]:
    if each.snapshot:
        yield printable(f"partition {each.partition}: begun at offset {each.begins:,}, with the {each.snapshot}")
    for line in each.refused:
        yield click.style(printable(f"partition {each.partition}: not used: {line}"), fg="yellow")


def _notes(each: PartitionAudit) -> Iterator[str]:
    if each.stopped:
        yield click.style(printable(f"partition {each.partition} ends here: {each.stopped}"), fg="red")
    if each.unjudged:
        yield f"partition {each.partition}: {each.unjudged:,} records wait for Decide, and are left out"
    if each.whole and not each.stopped:
        since = "nothing" if each.chained_from is None else f"from record {each.chained_from:,} of the log on"
        yield f"partition {each.partition}: chained={each.counts['link']['proved']:,} links, {since}"
    if each.unwatched:
        yield printable(f"partition {each.partition}, what Watch has made: not compared. {each.unwatched}")


def _found(finding: AuditFinding) -> Iterator[str]:
    about = f" on {finding.evidence}" if finding.evidence else ""
    head = f"{finding.outcome:<9} {finding.kind} {finding.place}{about}: {finding.text}"
    yield click.style(printable(head), fg="red")
    if finding.state:
        yield printable(f"          its recipient before: {finding.state}")
