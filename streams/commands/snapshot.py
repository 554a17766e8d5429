"""sidestep snapshot: workers take one of each ledger now; which there are, and whether they are sound."""

import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite

import click

from sidestep.streams.commands.options import broker_option
from sidestep.streams.errors import SettingsError
from sidestep.streams.settings import Settings, load
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.streams.snapshots.record import SnapshotRef
from sidestep.streams.snapshots.request import SnapshotRequest, write_request
from sidestep.streams.snapshots.standing import StandingSnapshot, standing_snapshots
from sidestep.streams.terminal import json_line, printable

AGAIN_SECONDS = 0.5

Ledgers = Mapping[str, int]


@click.command()
@click.option("--list", "listing", is_flag=True, help="Only show which there are, and until when they are kept.")
@click.option("--check", is_flag=True, help="The same, and read all of their files: exit code 1 if one is damaged.")
@click.option("--snapshots", "url", metavar="PLACE", help="A folder or URL.  [default: SIDESTEP_SNAPSHOTS]")
@click.option("--wait", type=click.FloatRange(1), default=120.0, show_default=True, help="Seconds for which to wait.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a snapshot.")
@broker_option
def snapshot(listing: bool, check: bool, url: str | None, wait: float, as_json: bool, broker: str | None) -> None:
    """Have the workers take a snapshot of each ledger now.

    A note is put where snapshots are kept, for which workers look every ten seconds; this command waits until each
    partition that has a ledger has its snapshot. Run it where PLACE is what it is for the workers. docs/audit.md says
    what snapshots are for.
    """
    settings = load(broker=broker, snapshots=url)
    if not settings.snapshots_url:
        raise SettingsError("no snapshots are taken: SIDESTEP_SNAPSHOTS is none")
    place = SnapshotPlace(settings.snapshots_url)
    cluster, ledgers, begun = _ledgers(settings)
    if not (listing or check):
        _take(place, cluster, begun, wait, as_json)
        return
    found = list(
        standing_snapshots(place, cluster, ledgers, settings.keep_rule, settings.snapshot_interval, check=check)
    )
    for line in as_json_lines(found) if as_json else described(found):
        click.echo(line)
    if check and any(each.refused for each in found):
        raise SystemExit(1)


def described(found: list[StandingSnapshot]) -> Iterator[str]:
    """A table, then what is refused."""
    yield f"{'ledger':<12}{'taken':<21}{'log time':<21}{'marker':>14}{'octets':>16}  kept until"
    for each in found:
        ledger = f"{each.ref.role}/{each.ref.partition}"
        if each.manifest is None:
            yield click.style(printable(f"{ledger:<12}{_time(each.ref.taken_at):<21}refused: {each.refused}"), fg="red")
            continue
        of = each.manifest
        yield printable(
            f"{ledger:<12}{_time(of.taken_at):<21}{_time(of.log_time_ms / 1000):<21}{of.marker:>14,}{of.octets:>16,}"
            f"  {_time(each.removed_at)}"
        )
    if not found:
        yield "there is none"


def as_json_lines(found: list[StandingSnapshot]) -> Iterator[str]:
    """The same for programs."""
    for each in found:
        of = each.manifest
        known = {} if of is None else {"marker": of.marker, "log_time": of.log_time_ms / 1000, "octets": of.octets}
        until = each.removed_at if isfinite(each.removed_at) else None
        fields = {"role": each.ref.role, "partition": each.ref.partition, "taken_at": each.ref.taken_at, **known}
        yield json_line({**fields, "kept_until": until, "path": each.ref.path, "refused": each.refused})


def _take(place: SnapshotPlace, cluster: str, begun: list[tuple[str, int]], wait: float, as_json: bool) -> None:
    before = {ref for each in begun for ref in place.listed(cluster, *each)}
    write_request(place, cluster, SnapshotRequest(uuid.uuid4().hex, time.time()))
    waiting, deadline = set(begun), time.monotonic() + wait
    while waiting and time.monotonic() < deadline:
        time.sleep(AGAIN_SECONDS)  # until the workers have looked, or the deadline
        for each in sorted(waiting):
            if new := [ref for ref in place.listed(cluster, *each) if ref not in before]:
                waiting.remove(each)
                click.echo(_taken(place, new[-1], as_json))
    if waiting:
        names = ", ".join(f"{role}/{partition}" for role, partition in sorted(waiting))
        click.echo(
            printable(
                f"no snapshot within {wait:.0f} s of {names}. Is a worker running that keeps its snapshots in "
                f"{place.url}? Its log and sidestep_snapshots_failed_total say what went wrong"
            ),
            err=True,
        )
        raise SystemExit(1)


def _taken(place: SnapshotPlace, ref: SnapshotRef, as_json: bool) -> str:
    of = place.manifest(ref)
    if as_json:
        return json_line({"role": ref.role, "partition": ref.partition, "marker": of.marker, "path": ref.path})
    return printable(
        f"{ref.role}/{ref.partition}: at marker {of.marker:,}, {of.octets:,} octets: {place.url}/{ref.path}"
    )


def _ledgers(settings: Settings) -> tuple[str, Ledgers, list[tuple[str, int]]]:
    """The cluster's id; partitions by role; those ledgers that have anything in them."""
    from sidestep.streams.runtime.manifest import Place
    from sidestep.streams.runtime.offsets import Offsets
    from sidestep.topics.catalog import LEDGER_CHANGELOG, WATCH_CHANGELOG
    from sidestep.topics.cluster import admin_client, cluster

    found = cluster(admin_client(settings.connection), settings.connection)
    changelogs = {"decide": LEDGER_CHANGELOG.name, "watch": WATCH_CHANGELOG.name}
    ledgers = {role: len(found.topics[name].partitions) for role, name in changelogs.items() if name in found.topics}
    places = {
        (role, number): Place(changelogs[role], number) for role, count in ledgers.items() for number in range(count)
    }
    ends = Offsets(settings.connection).ends(places.values()) if places else {}
    return str(found.cluster_id), ledgers, [each for each, place in places.items() if ends[place].high > 0]


def _time(second: float) -> str:
    if not isfinite(second):
        return "for ever"
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")
