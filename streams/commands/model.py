"""sidestep model: what the model of the risk has learnt from what became of messages."""

from collections.abc import Iterator
from math import exp

import click
import msgspec

from sidestep.schemas import ModelRecord, ModelSnapshot
from sidestep.schemas.typed import json_as
from sidestep.streams.commands.options import broker_option
from sidestep.streams.decide.model import counts_for, read_snapshot
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.risk import SIGNALS
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line, printable

NOTE = "model"
"""Key of its note in email-control."""


@click.group()
def model() -> None:
    """Look at the model of the risk.

    Watch learns it from hard bounces and reported trap hits against opens, clicks, answers and complaints, and writes
    a snapshot into the log. How far it may move the policy's weights says [risk-model] of the policy.
    """


@model.command()
@click.option("--json", "as_json", is_flag=True, help="The record as it stands in the log.")
@broker_option
def show(as_json: bool, broker: str | None) -> None:
    """Show the last snapshot, beside the weights of the policy that a worker here would be given."""
    from sidestep.streams.screen.control import read_notes
    from sidestep.topics.catalog import CONTROL
    from sidestep.topics.cluster import admin_client, require

    settings = load(broker=broker)
    require(admin_client(settings.connection), settings.connection, [CONTROL.name])
    value = read_notes(settings.connection).get(NOTE)
    if value is None:
        click.echo("nothing has been learnt yet: a worker with the role watch does, once enough has come back")
        return
    if as_json:
        click.echo(json_line(msgspec.json.decode(value)))
        return
    record = json_as(value, ModelRecord)
    for line in described(record, parse(read_policy(settings))):
        click.echo(printable(line))


def described(record: ModelRecord, policy: Policy) -> Iterator[str]:
    """The lines of a table."""
    snapshot = read_snapshot(record.snapshot)
    if snapshot is None:
        yield f"the snapshot {record.version} can't be read: another version of Sidestep has written it"
        return
    yield f"model {record.version} of {rfc3339(record.at)}, learnt from {snapshot.outcomes:,} outcomes"
    yield _standing(snapshot, policy)
    yield f"{snapshot.policy:.2f} of the policy's own log odds holds (1: all)"
    yield ""
    yield f"{'signal':<24}{'policy':>8}{'odds':>10}{'likely between':>20}{'bad':>10}{'good':>10}"
    for name in (*SIGNALS, *(name for name in snapshot.shifts if name not in SIGNALS)):
        yield _line(name, snapshot, policy)
    yield ""
    yield f"{'expected bad':<24}{'were bad':>10}{'outcomes':>10}"
    for one in snapshot.calibration:
        yield f"{one.expected:<24.3f}{one.bad / one.of if one.of else 0:>10.3f}{one.of:>10,.0f}"


def _standing(snapshot: ModelSnapshot, policy: Policy) -> str:
    rules = policy.risk_model
    if counts_for(snapshot, rules):
        return f"it moves the odds of the risk to {rules.most_up:g} times or to 1/{rules.most_down:g} at most"
    if rules.mode == "off":
        return "the policy has switched it off"
    return f"it moves nothing: the policy wants {rules.from_outcomes:,} outcomes"


def _line(name: str, snapshot: ModelSnapshot, policy: Policy) -> str:
    """Odds as a factor, and where it is with nine chances of ten."""
    weight = f"{policy.risk[name]:+.2f}" if name in policy.risk else "–"
    if name not in snapshot.shifts:
        return f"{name:<24}{weight:>8}{'–':>10}"
    shift, spread = snapshot.shifts[name], 1.645 * snapshot.spreads.get(name, 0.0)
    bad, good = snapshot.seen.get(name, (0, 0))
    between = f"{exp(shift - spread):.2f} and {exp(shift + spread):.2f}"
    return f"{name:<24}{weight:>8}{'×':>5}{exp(shift):>5.2f}{between:>20}{bad:>10,}{good:>10,}"
