"""`sidestep doctor`: what is wrong with this set-up, and how to mend it."""

import os
import shutil
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sidestep.streams.commands.acls import read_registry, whose
from sidestep.streams.commands.options import broker_option
from sidestep.streams.rights.registry import Registry
from sidestep.streams.settings import Settings, load
from sidestep.topics.errors import SidestepError

if TYPE_CHECKING:
    from sidestep.streams.doctor.row import CheckRow

OF_TESTS = ("SIDESTEP_FAILPOINT",)


@click.command()
@broker_option
@whose
@click.option("--data-dir", metavar="DIR", help="The data folder to look at.  [env: SIDESTEP_DATA_DIR]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(
    broker: str | None,
    services: tuple[str, ...],
    file: Path | None,
    own: tuple[str, ...],
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Say what is wrong with this set-up, and how to mend it.

    Looks at the connection to Kafka, certificates, clocks, topics, name servers, disk, files and their permissions, the
    hash key, policy and other files, and who can reach what is served. Changes nothing, and writes nothing. Run it with
    the environment of a worker, as its user. Exit code 1 if anything is a fault.
    """
    from sidestep.streams.doctor.row import CheckRow, worst
    from sidestep.streams.doctor.show import as_json as in_json
    from sidestep.streams.doctor.show import as_table

    try:
        settings = load(broker=broker, data_dir=data_dir)
    except SidestepError as error:
        rows = [CheckRow("settings", "fault", str(error), "Nothing else was looked at.")]
    else:
        rows = _examined(settings, read_registry(services, file, own))
    click.echo(in_json(rows) if as_json else "\n".join(as_table(rows, shutil.get_terminal_size().columns)))
    if worst(rows) == "fault":
        raise SystemExit(1)


def _examined(settings: Settings, registry: Registry) -> "list[CheckRow]":
    from sidestep.streams.commands.serve import serve
    from sidestep.streams.doctor.checks import examine
    from sidestep.streams.observe.logs import configure

    configure("text", "error")
    known = {f"SIDESTEP_{setting.name.upper()}" for setting in fields(Settings)}
    known |= {str(option.envvar) for option in serve.params if option.envvar}
    return examine(settings, os.environ, {*known, *OF_TESTS}, registry)
