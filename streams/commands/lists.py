"""`sidestep lists`: the feeds and lists in use, their refresh by hand, and the gate for a file."""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import click
import msgspec

from sidestep.streams.commands.lists_progress import show_progress
from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.mailbox_providers import large_providers
from sidestep.streams.screen.sources.build import read_sources
from sidestep.streams.screen.sources.check import check_sources
from sidestep.streams.screen.sources.feeds.candidate import left_out, read_files
from sidestep.streams.screen.sources.feeds.download import FetchFailed
from sidestep.streams.screen.sources.feeds.feeds import FOLDER, Feeds
from sidestep.streams.screen.sources.feeds.fetch import Fetcher, Validators
from sidestep.streams.screen.sources.feeds.gate import gate
from sidestep.streams.screen.sources.feeds.last_good import FeedState, LastGood
from sidestep.streams.screen.sources.feeds.parse import EntryKind, ParsedFeed, TooMuch
from sidestep.streams.screen.sources.feeds.refresh import FeedStatus, NoProgress, Refresh
from sidestep.streams.screen.sources.file import SourcesFile
from sidestep.streams.settings import Settings, load
from sidestep.streams.terminal import json_line, printable

COLOURS = {"taken": "green", "unchanged": "green", "refused": "red", "failed": "yellow"}
FILE_MAX = 1_073_741_824

_sources = click.option(
    "--sources", metavar="FILE", help="The sources file (TOML) that names the feeds.  [env: SIDESTEP_SOURCES]"
)
_data_dir = click.option(
    "--data-dir", metavar="DIR", help="Where the last good forms are kept.  [env: SIDESTEP_DATA_DIR]"
)


@click.group()
def lists() -> None:
    """Block lists and feeds: status, refresh, check."""


@lists.command()
@_sources
@_data_dir
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(sources: str | None, data_dir: str | None, as_json: bool) -> None:
    """Show feeds, the lists that ship, and who else is asked. Asks nobody.

    What block lists and reputation services answer at the moment, each worker says under /metrics.
    """
    settings = load(sources=sources, data_dir=data_dir)
    named, base = read_sources(settings)
    check_sources(named, base)
    found = Feeds(named.feeds, settings.data / FOLDER, base=base).status()
    shipped = load_lists().versions
    click.echo(_as_json(found, shipped, named) if as_json else _as_text(found, shipped, named, time.time()))


@lists.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--accept", metavar="NAME", multiple=True, help="Take this feed although its size has changed much.")
@_sources
@_data_dir
def refresh(names: tuple[str, ...], accept: tuple[str, ...], sources: str | None, data_dir: str | None) -> None:
    """Fetch feeds now: those named, or all of them. Leaves with 1 if one was refused or failed.

    Workers that share the data folder use the new form within some seconds.
    """
    settings = load(sources=sources, data_dir=data_dir)
    named, base = read_sources(settings)
    if not named.feeds:
        raise SourcesError("no feeds are configured: name a file with [feeds.…] by --sources or SIDESTEP_SOURCES")
    feeds = Feeds(named.feeds, settings.data / FOLDER, base=base)
    wanted = tuple(dict.fromkeys((*names, *accept))) or tuple(named.feeds)
    refreshes = asyncio.run(_refresh(feeds, wanted, accept))
    if not all(each.sound for each in refreshes):
        raise SystemExit(1)


@lists.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--kind", type=click.Choice(get_args(EntryKind)), help="What it holds.  [default: as --against, or domains]"
)
@click.option("--against", metavar="NAME", help="Compare its size with this feed's form in use.")
@_data_dir
def check(file: Path, kind: EntryKind | None, against: str | None, data_dir: str | None) -> None:
    """Say everything that speaks against FILE (or a directory) as a feed, and leave with 1; with 2 if it can't be read.

    Asks nobody and changes nothing.
    """
    state = _in_use(load(data_dir=data_dir), against) if against else FeedState()
    kind = kind or state.kind
    parsed = asyncio.run(_parsed(file, kind))
    faults = gate(parsed, kind, state.entries, large_providers())
    for sentence in faults.sentences:
        click.echo(printable(f"{file}: {sentence}"), err=True)
    if faults.sentences:
        raise SystemExit(1)
    for sentence in left_out(parsed):
        click.echo(printable(f"{file}: warning: {sentence}"), err=True)
    click.echo(f"OK: {file}: {len(parsed.entries)} {kind}")


async def _refresh(feeds: Feeds, names: tuple[str, ...], accept: tuple[str, ...]) -> list[Refresh]:
    await asyncio.to_thread(feeds.load)
    with show_progress() as progress:
        found = await asyncio.gather(*(feeds.refresh(name, progress, set(accept) & {name}) for name in names))
    refreshes = [each for group in found for each in group]
    for each in refreshes:
        click.echo(click.style(printable(each.sentence), fg=COLOURS[each.outcome]))
    return refreshes


def _in_use(settings: Settings, name: str) -> FeedState:
    plain = name == Path(name).name and not name.startswith(".")
    state = LastGood(settings.data / FOLDER / name).state() if plain else FeedState()
    if not state.version:
        raise SourcesError(f"there is no form of {name!r} in {settings.data}: sidestep lists refresh {name}")
    return state


async def _parsed(file: Path, kind: EntryKind) -> ParsedFeed:
    try:
        with TemporaryDirectory() as scratch:
            fetched = await Fetcher(Path()).fetch(str(file), Validators(), Path(scratch), FILE_MAX)
            assert fetched is not None
            return read_files(str(file), kind, fetched.files, NoProgress())
    except (FetchFailed, TooMuch) as error:
        raise SourcesError(f"{file} can't be read: {error}") from None


def _as_json(feeds: list[FeedStatus], shipped: dict[str, str], named: SourcesFile) -> str:
    document: dict[str, Any] = {
        "feeds": msgspec.to_builtins(feeds),
        "shipped": shipped,
        "dnsbl": _zones(named),
        "reputation": list(named.reputation),
        "probe": named.probe.enabled,
    }
    return json_line(document)


def _zones(named: SourcesFile) -> list[str]:
    return [zone.name or name for name, zone in named.dnsbl.items()]


def _as_text(feeds: list[FeedStatus], shipped: dict[str, str], named: SourcesFile, now: float) -> str:
    lines = [f"{'feed':<24}{'kind':<11}{'entries':>9}  {'version':<14}{'taken':<10}{'asked':<10}last outcome"]
    for feed in feeds:
        lines.append(_row(feed, now))
        lines += [f"    {printable(why)}" for why in feed.why]
    if not feeds:
        lines = ["no feeds: name a file with [feeds.…] by --sources or SIDESTEP_SOURCES"]
    lines += ["", f"{'list that ships':<24}version"]
    lines += [f"{name:<24}{version}" for name, version in shipped.items()]
    for title, names in (("DNSBL", _zones(named)), ("reputation service", list(named.reputation))):
        if names:
            lines += ["", title, *(f"  {printable(name)}" for name in names)]
    return "\n".join(lines)


def _row(feed: FeedStatus, now: float) -> str:
    taken, asked = _age(feed.taken_at, now), _age(feed.checked_at, now)
    outcome = click.style(printable(feed.outcome) or "never asked", fg=COLOURS.get(feed.outcome))
    version = printable(feed.version) or "-"
    return f"{printable(feed.name):<24}{feed.kind:<11}{feed.entries:>9}  {version:<14}{taken:<10}{asked:<10}{outcome}"


def _age(at: int, now: float) -> str:
    if not at:
        return "never"
    seconds = max(0, int(now - at / 1000))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
