"""sidestep import: checks a list of addresses before anybody writes to it."""

import asyncio
from pathlib import Path

import click

from sidestep.streams.commands.copy_progress import copy_progress
from sidestep.streams.commands.import_lines import import_lines
from sidestep.streams.commands.options import FILE
from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing.answers_file import is_xlsx
from sidestep.streams.importing.list_file import list_file, require_xlsx
from sidestep.streams.importing.page import import_page
from sidestep.streams.importing.report import as_json as whole
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line, printable


@click.command("import")
@click.argument("file", metavar="FILE", type=FILE)
@click.option(
    "--address", metavar="COLUMN", help="Column of addresses: its name, or its number from 1. [default: found]"
)
@click.option("--source", metavar="COLUMN", help="Column that says where an address is from. [default: found]")
@click.option("--out", type=FILE, help="The list again, with verdicts: .csv or .xlsx. [default: beside it]")
@click.option("--html", "html_file", type=FILE, help="Besides, the summary with plots: a page that asks no network.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object.")
@click.option("--encoding", help="latin-1, cp1252, …  [default: UTF-8, or UTF-16 if marked so]")
@click.option("--delimiter", metavar="CHARACTER", help="Between cells.  [default: found, of , ; tab |]")
@click.option("--dns", metavar="HOST:PORT", help="Name server to ask, several with commas.  [default: the system's]")
@click.option("--offline", is_flag=True, help="Ask nobody: what can't be dropped without DNS is deferred.")
@click.option("--sources", metavar="FILE", help="Block lists, feeds, … to ask too. [env: SIDESTEP_SOURCES]")
@click.option("--policy", metavar="FILE", help="The policy that verdicts follow from. [env: SIDESTEP_POLICY]")
@click.option("--stream", default="", metavar="NAME", help="Of the messages: marketing, …")
def import_list(
    file: Path,
    address: str | None,
    source: str | None,
    out: Path | None,
    html_file: Path | None,
    as_json: bool,
    encoding: str | None,
    delimiter: str | None,
    dns: str | None,
    offline: bool,
    sources: str | None,
    policy: str | None,
    stream: str,
) -> None:
    """Check a list before a campaign: each row's verdict, and whether the list is bad as a whole.

    Verdicts as check-address and /v1/validate give them, from the address, DNS, lists and the policy. HISTORY IS NOT
    LOOKED AT YET: who has bounced, complained or opted out before is not known here. Needs no Kafka, writes nothing
    there, uses up no ids.

    Writes the list again, with verdict, reason, sentence, suggestion and the row that it is a duplicate of. The exit
    code is 1 where the list, or a source in it, is bad as a whole. docs/import.md has the rest.
    """
    from sidestep.streams.importing.run import ListToCheck, check_list

    if dns is not None and not dns.strip(", "):
        raise click.UsageError("--dns names no server; leave it out to ask those of the system")
    if offline and dns:
        raise click.UsageError("--offline asks nobody: leave out --dns")
    _require_known(encoding, delimiter)
    answers = out or file.with_name(f"{file.stem}.checked{'.xlsx' if is_xlsx(file) else '.csv'}")
    if is_xlsx(answers):
        require_xlsx()
    for each in filter(None, (answers, html_file)):
        _require_new(each)
    settings = load(name_servers=dns, sources=sources, policy=policy)
    with list_file(file, encoding, delimiter) as listed:
        wanted = ListToCheck(listed, answers, address, source, stream, offline)
        report = asyncio.run(check_list(wanted, settings, copy_progress))
    if html_file is not None:
        _write(html_file, import_page(report))
    for line in [json_line(whole(report))] if as_json else import_lines(report):
        click.echo(line)
    written = ", ".join(printable(str(each)) for each in (answers, html_file) if each is not None)
    click.echo(
        f"written: {written} (addresses: for its owner alone)" if html_file is None else f"written: {written}", err=True
    )
    if report.counts.bad():
        raise SystemExit(1)


def _require_known(encoding: str | None, delimiter: str | None) -> None:
    try:
        "".encode(encoding or "utf-8")
    except LookupError:
        raise click.BadParameter("no such encoding; latin-1, cp1252, utf-16, …", param_hint="--encoding") from None
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise click.BadParameter("one character, such as ;", param_hint="--delimiter")


def _require_new(path: Path) -> None:
    """Before the work is done, and so that no list is ever written over."""
    if path.exists():
        raise ImportFailed(f"{printable(str(path))} is there already: remove it, or name another file")
    if not path.parent.is_dir():
        raise ImportFailed(f"{printable(str(path))} can't be written: there is no such folder")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ImportFailed(f"{printable(str(path))} can't be written: {error.strerror}") from None
