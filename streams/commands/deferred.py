"""sidestep deferred: what Decide has deferred and nobody has offered again yet."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sidestep.schemas.codec import ContractError, decode
from sidestep.schemas.verdicts import Verdict
from sidestep.streams.commands.copy_progress import copy_progress
from sidestep.streams.commands.options import broker_option, past_given
from sidestep.streams.commands.past import HELP
from sidestep.streams.commands.waiting import DeferredIntents, as_json_line, as_line, group_json, grouped, table
from sidestep.streams.decide.policy import EVERY_SERVICE, Release
from sidestep.streams.decide.policy_text import parse_logged
from sidestep.streams.errors import PolicyError
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.policy_history import policy_in_force
from sidestep.streams.settings import load
from sidestep.streams.terminal import printable
from sidestep.topics.catalog import APPROVED, REJECTED
from sidestep.topics.replay_rules import TopicStretch

if TYPE_CHECKING:  # it brings Kafka, which --help does without
    from sidestep.topics.connection import Connection

BATCH = 500


@click.group()
def deferred() -> None:
    """Show which intents wait to be offered again."""


@deferred.command("list")
@click.option("--each", is_flag=True, help="Each of them, the first to be offered again first.")
@click.option("--service", "services", multiple=True, metavar="NAME", help="Only of these services.")
@click.option("--since", metavar="T", default="1d", show_default=True, help=f"That were deferred since then: {HELP}.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line; times in Unix seconds.")
@broker_option
def list_deferred(each: bool, services: tuple[str, ...], since: str, as_json: bool, broker: str | None) -> None:
    """Show what was deferred and has had no later verdict: how many of which service, why, and until when.

    It is read from the verdicts, so nothing is known of what was deferred before --since. Services offer again
    themselves, or have Release do it ([release] in the policy): what nobody has within five minutes after `retry_at` is
    overdue. Test intents are left out.
    """
    connection = load(broker=broker).connection
    since_ms = past_given("--since", since, int(time.time() * 1000))
    waiting = _read(connection, services, since_ms)
    now = time.time()
    if each:
        found = waiting.in_order()
        _show(as_json_line(verdict, now) if as_json else as_line(verdict, now) for verdict in found)
    else:
        groups = grouped(waiting.in_order(), now)
        _show(map(group_json, groups) if as_json else table(groups))
    read = f"of verdicts since {rfc3339(since_ms)}" if since_ms is not None else "of all verdicts"
    click.echo(f"{read}: deferred, and no later verdict; {_by_whom(connection)}", err=True)


def _show(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _by_whom(connection: "Connection") -> str:
    """Who offers again, as the policy in force says."""
    from sidestep.streams.screen.control import read_notes

    applied = policy_in_force(read_notes(connection))
    try:
        release = parse_logged(applied.text).release if applied is not None else Release()
    except PolicyError:
        return "who offers them again can't be told: the policy in force can't be read"
    if not release.services:
        return "services offer them again themselves"
    every = EVERY_SERVICE in release.services
    named = "all services" if every else ", ".join(sorted(release.services - release.exempt))
    but = f" but {', '.join(sorted(release.exempt))}" if every and release.exempt else ""
    return printable(f"where it runs, Release offers those of {named}{but} again, other services do so themselves")


def _read(connection: "Connection", services: Iterable[str], since_ms: int | None) -> DeferredIntents:
    """Rejected ones first: what is approved while these are read has its verdict in the other topic after that."""
    from sidestep.topics.replay import TopicSource
    from sidestep.topics.stretch import ranges_of, topic_of

    stretch = TopicStretch(since=since_ms)
    waiting = DeferredIntents(services)
    for name in (REJECTED.name, APPROVED.name):
        topic = topic_of(connection, name)
        source = TopicSource(connection, topic, ranges_of(connection, topic, stretch))
        with copy_progress(f"reading {name}", source.total) as told:
            read = 0
            for batch in source.batches(BATCH):
                for _, record in batch:
                    _take(waiting, getattr(record, "value", None))
                read += len(batch)
                told(source.done, read)
    return waiting


def _take(waiting: DeferredIntents, value: bytes | None) -> None:
    """What is no verdict is passed over, as readers of verdicts do."""
    try:
        waiting.take(decode(Verdict, value))
    except ContractError:
        return
