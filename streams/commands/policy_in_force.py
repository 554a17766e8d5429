"""sidestep policy apply, history, and show --in-force: which policy a cluster judges by, and since when."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sidestep.streams.commands.desk import login
from sidestep.streams.commands.options import broker_option
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_diff import differences
from sidestep.streams.decide.policy_text import parse, version_of
from sidestep.streams.errors import PolicyError
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.policy_history import (
    AppliedPolicy,
    history,
    policy_in_force,
    replaced_by,
    version_in_force,
)
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sidestep.topics.connection import Connection

WAIT_SECONDS = 30.0
LOOK = "sidestep policy history"


def apply_command(usable: "Callable[[Path], tuple[str, Policy]]") -> click.Command:
    """`sidestep policy apply`. `usable` reads a file: its text and what it says, or says its faults and leaves."""

    @click.command("apply")
    @click.argument("file", type=click.Path(path_type=Path))
    @click.option("--force", is_flag=True, help="Also a policy that was in force before, and was replaced.")
    @click.option("--by", metavar="WHO", help="Who says so; stands in the history. Else your login name.")
    @click.option(
        "--wait", type=click.FloatRange(0), default=WAIT_SECONDS, show_default=True, help="Seconds, for Decide."
    )
    @broker_option
    def apply(file: Path, force: bool, by: str | None, wait: float, broker: str | None) -> None:
        """Have every partition judge by FILE from now on: check it, show what changes, write it, wait until it counts.

        Screen workers that have another file go on with theirs at hand and this one in force; give them FILE as well,
        or the next change of theirs replaces it. Exit code 1 if it is refused, or Decide has not come to it in time.
        """
        text, policy = usable(file)
        _apply(_Cluster(broker), text, policy, force, by or login(), wait)

    return apply


@click.command("history")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a policy; times in Unix seconds.")
@broker_option
def history_command(as_json: bool, broker: str | None) -> None:
    """Show which policies were put in force, when and by whom; the last one first."""
    cluster = _Cluster(broker)
    found = history(cluster.notes)
    for line in map(_as_json, reversed(found)) if as_json else _table(found, version_in_force(cluster.notes)):
        click.echo(line)


def in_force(broker: str | None) -> AppliedPolicy:
    """The policy that a cluster judges by. Raises PolicyError where none is known."""
    cluster = _Cluster(broker)
    found = policy_in_force(cluster.notes)
    if found is not None:
        return found
    version = version_in_force(cluster.notes)
    if not version:
        raise PolicyError("no policy is in force: no Screen worker of this cluster has ever started")
    raise PolicyError(
        f"policy {version} is in force; a Screen worker of an earlier version has written it, which kept no text. "
        "`sidestep policy show FILE` shows the file that its workers have"
    )


class _Cluster:
    """What a cluster's email-control says, and where a policy goes."""

    def __init__(self, broker: str | None):
        from sidestep.streams.partition_note import begun_with, misfit
        from sidestep.streams.screen.control import read_notes
        from sidestep.topics.catalog import CONTROL, EVIDENCE
        from sidestep.topics.cluster import admin_client, require

        settings = load(broker=broker)
        self.connection, self.group = settings.connection, settings.group
        topics = require(admin_client(self.connection), self.connection, [EVIDENCE.name, CONTROL.name])
        self.partitions = sorted(topics[EVIDENCE.name].partitions)
        self.notes: Mapping[str, bytes] = read_notes(self.connection)
        if found := misfit(begun_with(self.notes), {EVIDENCE.name: len(self.partitions)}):
            from sidestep.streams.errors import PartitionsChanged

            raise PartitionsChanged(found)


def _apply(cluster: _Cluster, text: str, policy: Policy, force: bool, by: str, wait: float) -> None:
    from sidestep.streams.screen.policy_writer import write_policy

    version = version_of(text)
    if version_in_force(cluster.notes) == version:
        click.echo(printable(f"policy {policy.name!r}, version {version}, is in force already"))
        return
    if not force and (newer := replaced_by(version, cluster.notes)) is not None:
        raise PolicyError(
            f"version {version} was in force before, and {printable(newer.by)} put {newer.version} in its place at "
            f"{rfc3339(newer.at)}. To go back to it: --force"
        )
    for sentence in _changes(policy_in_force(cluster.notes), policy):
        click.echo(printable(sentence))
    applied = AppliedPolicy(version, policy.name, text, int(time.time() * 1000), by)
    write_policy(cluster.connection, cluster.group, cluster.partitions, applied, cluster.notes)
    missing = _await(cluster.connection, applied, set(cluster.partitions), wait)
    if missing:
        partitions = ", ".join(map(str, sorted(missing)))
        raise click.ClickException(
            f"version {version} is written, and counts as soon as Decide comes to it; after {wait:g} s it had not in "
            f"partitions {partitions} of {len(cluster.partitions)}. Is a Decide worker running, and how far is it "
            "behind (sidestep_group_lag_records)?"
        )
    click.echo(
        printable(f"policy {policy.name!r}, version {version}, is in force in all {len(cluster.partitions)}")
        + " partitions"
    )


def _changes(before: AppliedPolicy | None, policy: Policy) -> Iterator[str]:
    """What the new one says otherwise."""
    if before is None:
        yield "what changes can't be told: no text is kept of what is in force"
        return
    try:
        found = differences(parse(before.text), policy)
    except PolicyError:
        yield f"what changes can't be told: {before.version}, which is in force, is of another version of Sidestep"
        return
    yield f"instead of {before.name!r}, version {before.version}, in force since {rfc3339(before.at)}:"
    yield from (f"  {sentence}" for sentence in found or ["both judge alike"])


def _await(connection: "Connection", applied: AppliedPolicy, missing: set[int], seconds: float) -> set[int]:
    """Partitions that do not judge by it yet after so many seconds. Decide's tallies tell what has taken force."""
    from sidestep.schemas import Tally
    from sidestep.topics.beginnings import Since
    from sidestep.topics.catalog import TALLIES
    from sidestep.topics.subscribe import Subscription

    deadline = time.monotonic() + seconds
    with Subscription(connection, [TALLIES.name], start=Since(applied.at - CLOCKS_MS)) as tallies:
        while missing and (left := deadline - time.monotonic()) > 0:
            for received in tallies.batch(500, min(left, 0.5)):
                said = received.value
                if isinstance(said, Tally) and (said.policy, said.second) == (applied.version, applied.at // 1000):
                    missing.discard(said.partition)
    return missing


CLOCKS_MS = 600_000
"""By which Decide's clock may be behind ours."""


def _table(found: Sequence[AppliedPolicy], now: str) -> Iterator[str]:
    if not found:
        yield "no policy that was put in force is known"
        return
    yield f"{'since':<20}  {'version':<12}  {'':<8}  name and who"
    for each in reversed(found):
        state = "in force" if each.version == now and each is found[-1] else ""
        yield printable(f"{rfc3339(each.at):<20}  {each.version:<12}  {state:<8}  {each.name!r}, by {each.by}")


def _as_json(each: AppliedPolicy) -> str:
    return json_line(
        {"version": each.version, "name": each.name, "since": each.at / 1000, "by": each.by, "text": each.text}
    )
