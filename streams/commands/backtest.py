"""sidestep backtest: what another policy would have made of the log, or makes of it beside the workers."""

import time
from pathlib import Path

import click

from sidestep.streams.audit.audit_partition import FOR_EVER, NEVER, Span
from sidestep.streams.backtest.page import page
from sidestep.streams.backtest.report import BacktestReport
from sidestep.streams.backtest.report import as_json as whole
from sidestep.streams.commands.backtest_lines import described
from sidestep.streams.commands.copy_progress import copy_progress, percent_of
from sidestep.streams.commands.options import FILE, broker_option, past_second, refused_as
from sidestep.streams.commands.past import HELP
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_check import checked
from sidestep.streams.decide.policy_file import decoded, read_octets
from sidestep.streams.errors import BacktestFailed, PolicyError
from sidestep.streams.screen.holds import until_ms
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line


@click.command()
@click.option("--policy", "policy_file", type=FILE, required=True, help="The other policy, as `policy check` takes it.")
@click.option("--since", metavar="T", help=f"In force from then on, by the log's time: {HELP}. [default: always]")
@click.option(
    "--until", metavar="T", help="Compare what was decided before then. With --follow: end then (2h: from now)."
)
@click.option(
    "--follow",
    "follows",
    is_flag=True,
    help="Beside running workers, from now on: compares with verdicts as they appear; Ctrl-C, SIGTERM or --until ends "
    "it with the report.",
)
@click.option(
    "--partition", "partitions", type=click.IntRange(0), multiple=True, help="Only this partition of the log."
)
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@click.option("--html", "html_file", type=FILE, help="Besides, the report with plots: a page that asks no network.")
@broker_option
def backtest(
    policy_file: Path,
    since: str | None,
    until: str | None,
    follows: bool,
    partitions: tuple[int, ...],
    as_json: bool,
    html_file: Path | None,
    broker: str | None,
) -> None:
    """Show what would have become of each message by another policy, and what is known of those messages since.

    The log is folded twice, once with the policies that stand in it. Nothing is written to Kafka, no group is joined.
    docs/backtest.md says how each figure is counted and what can't be known.
    """
    from sidestep.streams.backtest.run import backtest as run
    from sidestep.streams.commands.backtest_follow import followed
    from sidestep.streams.local.processes import ended_by_signals
    from sidestep.streams.runtime.collector import fit_batches
    from sidestep.streams.runtime.malloc import bound_malloc_arenas

    policy, text = usable(policy_file)
    now_ms = int(time.time() * 1000)
    _require_writable(html_file)
    bound_malloc_arenas()
    fit_batches()
    settings = load(broker=broker)
    connection = settings.connection
    if follows:
        if since is not None:
            raise click.UsageError("--follow begins now: --since goes without it")
        report = followed(settings, policy, text, partitions, _end(until, now_ms))
        _show(report, as_json, html_file)
        return
    span = Span(past_second("--since", since, now_ms, NEVER), past_second("--until", until, now_ms, FOR_EVER))
    if span.since >= span.until:
        raise click.UsageError("--since has to be before --until")
    try:
        with ended_by_signals(), copy_progress("folding twice", 100) as show:
            shown = percent_of(show)
            report = run(connection, policy, text, partitions, span, shown, snapshots=settings.snapshots_url)
    except KeyboardInterrupt:
        raise BacktestFailed("ended before the log was folded: there is nothing to report") from None
    _show(report, as_json, html_file)


def usable(file: Path) -> tuple[Policy, str]:
    """A policy that `sidestep policy check` lets through, and its text. Raises SidestepError with all its faults."""
    try:
        text = decoded(read_octets(file))
    except OSError as error:
        raise BacktestFailed(f"{file} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise PolicyError(f"{file} {error}") from None
    try:
        return checked(text), text
    except PolicyError as error:
        raise PolicyError(f"{file}: {error}") from None


def _require_writable(html_file: Path | None) -> None:
    """Before the work, which may take hours, is done."""
    try:
        if html_file is not None:
            html_file.touch()
    except OSError as error:
        raise BacktestFailed(f"{html_file} can't be written: {error.strerror}") from None


def _show(report: BacktestReport, as_json: bool, html_file: Path | None) -> None:
    if html_file is not None:
        html_file.write_text(page(report), "utf-8")
    for line in [json_line(whole(report))] if as_json else described(report):
        click.echo(line)


def _end(until: str | None, now_ms: int) -> float:
    with refused_as("--until"):
        return FOR_EVER if until is None else until_ms(until, now_ms) / 1000
