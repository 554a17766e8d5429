"""sidestep import: checks a list of addresses before anybody writes to it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sidestep.streams.commands.copy_progress import copy_progress
from sidestep.streams.commands.import_lines import import_lines
from sidestep.streams.commands.options import FILE
from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing.answers_file import is_xlsx
from sidestep.streams.importing.list_file import list_file, require_xlsx
from sidestep.streams.importing.page import import_page
from sidestep.streams.importing.report import as_json as whole
from sidestep.streams.settings import Settings, load
from sidestep.streams.terminal import json_line, printable

if TYPE_CHECKING:  # they bring the fold, which --help does without
    from sidestep.streams.importing.told_histories import Asking, Past


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
@click.option(
    "--dns",
    "--name-servers",
    "dns",
    metavar="HOST[:PORT],…",
    help="Instead of the system's. [env: SIDESTEP_NAME_SERVERS]",
)
@click.option("--offline", is_flag=True, help="Ask nobody: what can't be dropped without DNS is deferred.")
@click.option("--sources", metavar="FILE", help="Block lists, feeds, … to ask too. [env: SIDESTEP_SOURCES]")
@click.option("--policy", metavar="FILE", help="The policy that verdicts follow from. [env: SIDESTEP_POLICY]")
@click.option("--stream", default="", metavar="NAME", help="Of the messages: marketing, …")
@click.option("--service", default="", metavar="NAME", help="With --broker: who would write; its own past counts too.")
@click.option(
    "--all-histories",
    "everybodys",
    is_flag=True,
    help="With --broker: all histories count. Each row tells of a person then.",
)
@click.option("--no-history", is_flag=True, help="Go by nobody's history, although SIDESTEP_BROKER is there.")
@click.option(
    "--broker",
    metavar="HOST:PORT",
    envvar="SIDESTEP_BROKER",
    show_envvar=True,
    help="Kafka bootstrap servers: go by the histories that its ledgers have.  [default: by nobody's]",
)
@click.option(
    "--data-dir",
    metavar="DIR",
    envvar="SIDESTEP_DATA_DIR",
    help="With --broker: data folder of a Screen worker, for its hash-key; or SIDESTEP_HASH_KEY (or _FILE).",
)
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
    service: str,
    everybodys: bool,
    no_history: bool,
    broker: str | None,
    data_dir: str | None,
) -> None:
    """Check a list before a campaign: each row's verdict, and whether the list is bad as a whole.

    Verdicts as check-address and /v1/validate give them, from the address, DNS, lists and the policy. WITHOUT --broker
    HISTORY IS NOT LOOKED AT: who has bounced, complained or opted out before is not known then. With it, and the hash
    key, the ledgers' rows count as they do for test intents: what operators have said, and with --service the past of
    mailboxes to which that service alone has written; with --all-histories all of it. Writes nothing to Kafka, uses
    up no ids.

    Writes the list again, with verdict, reason, sentence, suggestion and the row that it is a duplicate of. The exit
    code is 1 where the list, or a source in it, is bad as a whole. docs/import.md has the rest.
    """
    from sidestep.streams.importing.run import ListToCheck, check_list
    from sidestep.streams.importing.told_histories import Asking

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
    broker = None if no_history else broker
    if broker is None and (service or everybodys):
        raise click.UsageError("--service and --all-histories say whose histories count: give --broker, too")
    settings = load(broker=broker, data_dir=data_dir, name_servers=dns, sources=sources, policy=policy)
    with (
        list_file(file, encoding, delimiter) as listed,
        nullcontext() if broker is None else _past(settings, Asking(service, everybodys)) as past,
    ):
        wanted = ListToCheck(listed, answers, address, source, stream, offline, past)
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


@contextmanager
def _past(settings: Settings, asking: "Asking") -> Iterator["Past"]:
    """The histories of the settings' cluster."""
    from sidestep.streams.importing.histories import LedgerSource, histories
    from sidestep.streams.importing.told_histories import Past, PastSeen
    from sidestep.streams.screen.hash_key import former_hash_key, known_hash_key
    from sidestep.streams.screen.keys import Keys

    secret = known_hash_key(settings)
    if secret is None:
        raise click.UsageError(
            "histories are found by the hash key of the Screen workers: give SIDESTEP_HASH_KEY (or _FILE), or "
            "--data-dir with their hash-key; --no-history checks without"
        )
    as_of = time.time()
    source = LedgerSource(settings.connection, Keys(secret, former_hash_key(settings)), settings.snapshots_url)
    with histories(source, copy_progress) as known:
        yield Past(PastSeen(as_of, asking), known.of)


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
