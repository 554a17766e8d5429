"""`sidestep up`: broker, topics and workers on this machine, for a person's own events, until Ctrl-C.

Each role is a process, as where it runs for good: they use several cores, and each has logs and health of its own.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sidestep.streams.roles import USUAL
from sidestep.streams.settings import Settings, load
from sidestep.topics.access import Access
from sidestep.topics.connection import Connection

if TYPE_CHECKING:
    from sidestep.streams.local.embedded_kafka import EmbeddedKafka
    from sidestep.streams.local.processes import WorkerProcess

POLL = 0.2
"""Seconds between two looks at the processes."""
KAFKA_PORT = 9092
TITLES = [role.capitalize() for role in USUAL]
_PORTS = ", ".join(f"{title} {at}" for title, at in zip(TITLES, ("there", "one above", "two above"), strict=False))


@click.command()
@click.option(
    "--broker",
    metavar="HOST:PORT",
    envvar="SIDESTEP_BROKER",
    show_envvar=True,
    help="A Kafka that runs already.  [default: one is started here]",
)
@click.option(
    "--kafka-port",
    type=click.IntRange(0, 65535),
    default=KAFKA_PORT,
    show_default=True,
    metavar="PORT",
    help="Of the Kafka that is started here; 0: any that is free.",
)
@click.option(
    "--data-dir", metavar="DIR", help="Kafka's data, the ledger, logs, the hash key; kept.  [env: SIDESTEP_DATA_DIR]"
)
@click.option("--policy", metavar="FILE", help="Policy to judge by.  [env: SIDESTEP_POLICY]")
@click.option("--sources", metavar="FILE", help="Who is asked besides DNS.  [env: SIDESTEP_SOURCES]")
@click.option("--name-servers", metavar="HOST[:PORT],…", help="Instead of the system's.  [env: SIDESTEP_NAME_SERVERS]")
@click.option(
    "--web-port",
    type=int,
    metavar="PORT",
    help=f"Health and metrics: {_PORTS}; 0: any that are free.  [env: SIDESTEP_WEB_PORT]",
)
def up(broker: str | None, kafka_port: int, **options: Any) -> None:
    """Start a broker and all workers on this machine; stays until Ctrl-C.

    With --broker the workers use a Kafka that is there already; topics that it lacks are created.
    """
    from sidestep.streams.local.processes import ended_by_signals
    from sidestep.streams.observe.logs import configure

    settings = load(broker=broker, **options)
    configure("text", "error")
    with ended_by_signals():
        try:
            _stay(settings, broker is None, kafka_port)
        except KeyboardInterrupt:
            click.echo("stopped; what was published is kept")


def _stay(settings: Settings, own_broker: bool, kafka_port: int) -> None:
    """Until KeyboardInterrupt or a SidestepError; then everything is stopped, workers first."""
    from sidestep.streams.local.embedded_kafka import EmbeddedKafka
    from sidestep.streams.local.processes import Workers
    from sidestep.topics import admin

    data = settings.data.resolve()
    with ExitStack() as stack:
        access = settings.access
        kafka = EmbeddedKafka(data / "kafka", kafka_port or None) if own_broker else None
        if kafka is not None:
            click.echo("starting Kafka …")
            access = Access(stack.enter_context(kafka).address)
        connection = access.connect()
        created = admin.create(connection)
        click.echo(f"Kafka at {connection}" + (f", {len(created)} topics created" if created else ""))
        workers = _workers(settings, data, access)
        running = stack.enter_context(Workers(workers))
        click.echo(f"starting {' and '.join(TITLES)} …")
        running.await_ready()
        for line in _welcome(connection, [worker.web_port for worker in workers], data):
            click.echo(line)
        while True:
            running.check()
            _check_broker(kafka)
            time.sleep(POLL)


def _check_broker(kafka: "EmbeddedKafka | None") -> None:
    from sidestep.streams.errors import EmbeddedBrokerError

    if kafka is not None and not kafka.running:
        raise EmbeddedBrokerError(f"Kafka ended by itself; see {kafka.log}")


def _workers(settings: Settings, data: Path, access: Access) -> "list[WorkerProcess]":
    from sidestep.streams.local.ports import free_port
    from sidestep.streams.local.processes import one_for_each_role
    from sidestep.streams.screen.hash_key import former_file, hash_key

    first = settings.web_port
    ports = [first + number if first else free_port() for number in range(len(USUAL))]
    former = former_file(settings)
    common = {
        "hash_key": hash_key(settings).hex(),
        "hash_key_file": "",
        "hash_key_former_file": str(former.resolve()) if former is not None else "",
        "name_servers": settings.name_servers,
        "policy": str(Path(settings.policy).resolve()) if settings.policy else "",
        "sources": str(Path(settings.sources).resolve()) if settings.sources else "",
        "log_format": "text",
    }
    return one_for_each_role(data, ports, lambda role: access, common, os.environ)


def _welcome(connection: Connection, ports: list[int], data: Path) -> Iterator[str]:
    option = "" if connection == Settings().connection else f" --broker {connection}"
    health = [f"http://127.0.0.1:{port}/readyz ({title})" for port, title in zip(ports, TITLES, strict=True)]
    metrics = [f"http://127.0.0.1:{port}/metrics".ljust(len(cell)) for port, cell in zip(ports, health, strict=True)]
    example = '{"id":"w-1","to":"ada@gmial.com","service":"sign-up"}'
    yield "ready"
    yield ""
    yield f"  publish   echo '{example}' | sidestep publish{option} -"
    yield f"  watch     sidestep tail{option}"
    yield f"  health    {'  '.join(health)}"
    yield f"  metrics   {'  '.join(metrics).rstrip()}"
    yield f"  data      {data}, logs in logs/"
    yield "  stop      Ctrl-C"
