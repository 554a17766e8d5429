"""How long `sidestep explain` takes in a log that big_log.py has built: whole processes, timed from outside.

python -m tests.bench.explained FOLDER [--rounds 5]

The ids lie at several distances behind the snapshot; each round asks for others, so that nothing was looked at before.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

from sidestep.schemas import IntentEvidence
from sidestep.schemas.codec import decode_evidence
from sidestep.streams.audit.beginning import newest_snapshot
from sidestep.streams.explain.shelves import KafkaShelves
from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from sidestep.streams.snapshots.place import SnapshotPlace
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection
from sidestep.topics.stretch import topic_of
from tests.bench.big_log import HASH_KEY, KAFKA, PARTITIONS, SNAPSHOTS, TAIL

DISTANCES = (10, 1_000, 2_000, 5_000, 10_000, 20_000, TAIL - 1_000)
SIDESTEP = os.environ.get("SIDESTEP", str(Path(sys.executable).with_name("sidestep")))
"""Another version's may be named, to compare."""


class Took(NamedTuple):
    """Seconds of one process."""

    wall: float
    cpu: float


class Asked(NamedTuple):
    """One row of the table."""

    what: str
    arguments: Sequence[str]


def intent_at(connection: Connection, partition: int, offset: int) -> IntentEvidence:
    """The first one from there on."""
    shelves = KafkaShelves(connection)
    try:
        (log,) = shelves.shelves(EVIDENCE.name, [partition])
        while True:
            record = log.peek(offset)
            assert record is not None, f"the log ends before {offset}"
            evidence = decode_evidence(record.value)
            if isinstance(evidence, IntentEvidence):
                return evidence
            offset += 1
    finally:
        shelves.close()


def asked(connection: Connection, folder: Path, round_: int) -> list[Asked]:
    """What is asked for in a round."""
    place, partition = SnapshotPlace(str(folder / SNAPSHOTS)), round_ % PARTITIONS
    manifest = newest_snapshot(place, topic_of(connection, EVIDENCE.name).cluster, partition)
    assert manifest is not None
    found, intents = [], [intent_at(connection, partition, manifest.marker + each + round_) for each in DISTANCES]
    for distance, intent in zip(DISTANCES, intents, strict=True):
        found.append(Asked(f"{distance:,} records behind", [intent.service, intent.id, "--short"]))
    intent = intents[-1]
    found.append(Asked("an address, an hour", ["--recipient", intent.to, "--since", "1h"]))
    found.append(Asked("an address, 7 days", ["--recipient", intent.to]))
    found.append(Asked("a domain, 7 days", ["--domain", intent.domain]))
    return found


def timed(command: Sequence[str], environment: Mapping[str, str]) -> Took:
    """One process, from its start to its end."""
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command}: {process.returncode}"
    return Took(time.monotonic() - began, used.ru_utime + used.ru_stime)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
def main(folder: Path, rounds: int) -> None:
    """Medians of some rounds."""
    took: dict[str, list[Took]] = {}
    with EmbeddedKafka(folder / KAFKA, heap="1g") as kafka:
        environment = os.environ | {
            "SIDESTEP_BROKER": kafka.address,
            "SIDESTEP_HASH_KEY_FILE": str(folder / HASH_KEY),
            "SIDESTEP_SNAPSHOTS": str(folder / SNAPSHOTS),
            "SIDESTEP_DATA_DIR": str(folder / "none"),
        }
        for number in range(rounds):
            commands = [Asked("Python alone", [sys.executable, "-c", ""])]
            commands.append(Asked("its imports", [sys.executable, "-c", "import sidestep.streams.explain.run"]))
            commands += [
                Asked(what, [SIDESTEP, "explain", *arguments])
                for what, arguments in asked(kafka.connection, folder, number)
            ]
            for what, command in commands:
                took.setdefault(what, []).append(timed(command, environment))
    table = Table("", "median s", "fastest", "slowest", "CPU s")
    for what, each in took.items():
        walls = [one.wall for one in each]
        figures = (statistics.median(walls), min(walls), max(walls), statistics.median(one.cpu for one in each))
        table.add_row(what, *(f"{figure:.2f}" for figure in figures))
    Console(width=100).print(table)


if __name__ == "__main__":
    sys.exit(main())
