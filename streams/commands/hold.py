"""sidestep hold: services, or single sources of theirs, whose intents are deferred until a time."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from sidestep.streams.commands.options import broker_option
from sidestep.streams.screen.holds import Hold, hold_record, in_force, release_record, rfc3339, until_ms
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line, printable

T = TypeVar("T")


@click.group()
def hold() -> None:
    """Put services on hold, or single sources of their addresses; list and release them.

    The intents of a service on hold are deferred by the rule service-on-hold until the hold ends, those of a source by
    source-on-hold, unless the policy has switched that rule off. What is counted and learned goes on.
    """


@hold.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a hold; times in Unix seconds.")
@broker_option
def list_holds(as_json: bool, broker: str | None) -> None:
    """Show which services and sources are on hold, until when, and why."""
    from sidestep.streams.screen.control import read_notes
    from sidestep.topics.catalog import CONTROL, EVIDENCE
    from sidestep.topics.cluster import admin_client, require

    connection = load(broker=broker).connection
    topics = require(admin_client(connection), connection, [EVIDENCE.name, CONTROL.name])
    now_ms = _now_ms()
    holds = in_force(read_notes(connection), now_ms)
    show = _as_json(holds) if as_json else _as_table(holds, now_ms, len(topics[EVIDENCE.name].partitions))
    for line in show:
        click.echo(line)


source_option = click.option("--source", default="", metavar="NAME", help="This source of the service alone.")


@hold.command()
@click.argument("service")
@source_option
@click.option(
    "--until",
    required=True,
    metavar="T",
    help="90min, 2h, 3d, 1w from now, or 2026-10-01T08:00:00Z, or Unix seconds; at most a year away.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Stands in each verdict; at most 200 characters.")
@broker_option
def add(service: str, source: str, until: str, reason: str, broker: str | None) -> None:
    """Defer the intents of SERVICE from now on. A hold of it that exists is replaced.

    Of a source only what is for people who have not opened, clicked or answered lately.
    """
    from sidestep.streams.runtime.failpoints import from_environment
    from sidestep.streams.screen.hold_writer import write_hold

    now_ms = _now_ms()
    end = _checked("--until", lambda: until_ms(until, now_ms))
    record = _checked(None, lambda: hold_record(service, end, reason, now_ms, source))
    settings = load(broker=broker)
    partitions = write_hold(settings.connection, settings.group, record, from_environment())
    click.echo(f"{printable(_name(service, source))} is on hold until {rfc3339(end)}, in all {partitions} partitions")


@hold.command()
@click.argument("service")
@source_option
@broker_option
def release(service: str, source: str, broker: str | None) -> None:
    """Let the intents of SERVICE through again, from now on. Of one that is not on hold it says so, and leaves with 1.

    A hold of one source ends only by its name. A source that is kept back for what it has brought (source-held,
    dirty-source) begins anew, on hold or not: clean the list first.
    """
    from sidestep.streams.runtime.failpoints import from_environment
    from sidestep.streams.screen.control import read_notes
    from sidestep.streams.screen.hold_writer import write_hold
    from sidestep.topics.catalog import CONTROL, EVIDENCE
    from sidestep.topics.cluster import admin_client, require

    record = _checked(None, lambda: release_record(service, _now_ms(), source))
    settings = load(broker=broker)
    require(admin_client(settings.connection), settings.connection, [EVIDENCE.name, CONTROL.name])
    holds = in_force(read_notes(settings.connection), _now_ms())
    known = any((found.service, found.source) == (service, source) for found in holds)
    if not known and not source:
        raise click.ClickException(printable(_not_held(service, holds)))
    partitions = write_hold(settings.connection, settings.group, record, from_environment())
    # what a source has brought keeps it back as well, and no note tells of that
    besides = "" if known else "; no hold of it was known, so only what it has brought can have kept it back"
    click.echo(f"{printable(_name(service, source))} is released, in all {partitions} partitions{besides}")


def _checked(option: str | None, make: Callable[[], T]) -> T:
    try:
        return make()
    except ValueError as error:
        raise click.BadParameter(printable(str(error)), param_hint=option) from None


def _now_ms() -> int:
    return int(time.time() * 1000)


def _as_json(holds: list[Hold]) -> Iterator[str]:
    for found in holds:
        yield json_line(
            {
                "service": found.service,
                "source": found.source,
                "until": found.until / 1000,
                "since": found.at / 1000,
                "reason": found.reason,
                "partitions": found.partitions,
            }
        )


def _as_table(holds: list[Hold], now_ms: int, partitions: int) -> Iterator[str]:
    if not holds:
        yield "nothing is on hold"
        return
    names = [printable(_name(found.service, found.source)) for found in holds]
    width = max(len("service"), *map(len, names))
    yield f"{'service':<{width}}  {'since':<20}  {'until':<20}  {'left':<10}  reason"
    for found, name in zip(holds, names, strict=True):
        times = f"{rfc3339(found.at):<20}  {rfc3339(found.until):<20}  {left(found.until - now_ms):<10}"
        yield f"{name:<{width}}  {times}  {printable(found.reason)}"
        if found.partitions < partitions:
            yield f"  in {found.partitions} of {partitions} partitions only, the others are newer: add it again"


def _not_held(service: str, holds: list[Hold]) -> str:
    others = [_name(found.service, found.source) for found in holds if found.service == service]
    what = f"on hold is {'; '.join(others)}" if others else "sidestep hold list shows what is"
    return f"{service} is not on hold, and nothing was written; {what}"


def _name(service: str, source: str) -> str:
    return f"{service}, source {source}" if source else service


def left(ms: int) -> str:
    """A span in two units at most: 3 d 4 h, 2 h 5 min, 12 min, 40 s."""
    seconds = ms // 1000
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"
