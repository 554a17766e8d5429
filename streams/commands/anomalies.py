"""sidestep anomalies: the incidents that Watch has open, as a table."""

import time
from collections.abc import Iterable

import click
import msgspec

from sidestep.schemas import Anomaly
from sidestep.schemas.codec import ContractError, decode
from sidestep.streams.commands.incident_lines import Holds, table
from sidestep.streams.commands.options import broker_option
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line
from sidestep.topics.connection import Connection
from sidestep.topics.errors import NotLetIn

SEVERITIES = ("critical", "warning", "notice")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Closed ones as well, of the last 90 days.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an incident: its last record.")
@broker_option
def anomalies(everything: bool, as_json: bool, broker: str | None) -> None:
    """Show the incidents that are open: what looks wrong, where, and what to do.

    The worst come first. docs/watch.md says what each pattern means; `sidestep tail --topic email-anomalies` shows
    them as they come.
    """
    from sidestep.streams.runtime.to_the_end import read_to_end
    from sidestep.topics.catalog import ANOMALIES
    from sidestep.topics.cluster import admin_client, require

    connection = load(broker=broker).connection
    partitions = sorted(require(admin_client(connection), connection, [ANOMALIES.name])[ANOMALIES.name].partitions)
    records = read_to_end(connection, ANOMALIES.name, partitions, "sidestep-anomalies")
    incidents = standing(record.value() for record in records)
    shown = [one for one in incidents if everything or one.state != "closed"]
    now = time.time()
    held = any(one.held_until > now for one in shown) and not as_json
    lines = table(shown, now, _holds(connection, now) if held else None)
    for line in (json_line(msgspec.to_builtins(one)) for one in shown) if as_json else lines:
        click.echo(line)


def _holds(connection: Connection, now: float) -> Holds | None:
    """What is in force; None for who may not read it: not everybody who reads of incidents may."""
    from sidestep.streams.screen.control import read_notes
    from sidestep.streams.screen.holds import in_force

    try:
        holds = in_force(read_notes(connection), int(now * 1000))
    except NotLetIn:
        return None
    return {(hold.service, hold.source): hold.until // 1000 for hold in holds}


def standing(values: Iterable[bytes | None]) -> list[Anomaly]:
    """The last record of each incident, the worst first, of these the oldest; what can't be read is passed over."""
    last: dict[str, Anomaly] = {}
    for value in values:
        try:
            anomaly = decode(Anomaly, value)
        except ContractError:
            continue
        last[anomaly.id] = anomaly
    return sorted(last.values(), key=lambda one: (one.state == "closed", SEVERITIES.index(one.severity), one.opened_at))
