"""`sidestep worker`: one process that plays a role until SIGTERM."""

import logging
import os
import sys
from collections.abc import Iterable
from typing import Any

import click

from sidestep.streams.app import run_worker
from sidestep.streams.commands.run_loop import run_loop
from sidestep.streams.deadline import LEAVE_SECONDS
from sidestep.streams.errors import StopOverdue
from sidestep.streams.observe.logs import configure
from sidestep.streams.observe.uncaught import log_what_nobody_catches
from sidestep.streams.roles import ROLES, USUAL
from sidestep.streams.runtime.damage import disk_fault_of
from sidestep.streams.runtime.malloc import bound_malloc_arenas
from sidestep.streams.runtime.open_files import raise_open_files
from sidestep.streams.settings import Settings, load
from sidestep.topics.errors import SidestepError

FAILED = 3


@click.command()
@click.option(
    "--role",
    type=click.Choice([*ROLES, "all"]),
    default="all",
    show_default=True,
    help=f"What this worker does; all: {', '.join(USUAL)}.",
)
@click.option("--broker", metavar="HOST:PORT", help="Kafka's address. [env: SIDESTEP_BROKER]")
@click.option("--data-dir", metavar="DIR", help="Folder of the ledger; one for each worker. [env: SIDESTEP_DATA_DIR]")
@click.option("--policy", metavar="FILE", help="Policy to write into the log at the start. [env: SIDESTEP_POLICY]")
@click.option(
    "--name-servers", "--dns", metavar="HOST[:PORT],…", help="Instead of the system's. [env: SIDESTEP_NAME_SERVERS]"
)
@click.option("--sources", metavar="FILE", help="Block lists, feeds, … besides DNS. [env: SIDESTEP_SOURCES]")
@click.option(
    "--web-port", type=int, metavar="PORT", help="/livez, /readyz, /metrics; 0: none. [env: SIDESTEP_WEB_PORT]"
)
def worker(role: str, **options: Any) -> None:
    """Work until SIGTERM or Ctrl-C. Any number of workers share the partitions of a role."""
    settings = load(**options)
    configure(settings.log_format, settings.log_level)
    log_what_nobody_catches()
    bound_malloc_arenas()
    raise_open_files()
    run_loop(_work(settings, USUAL if role == "all" else (role,)))


async def _work(settings: Settings, roles: Iterable[str]) -> None:
    """The process ends in here: behind it the runner waits for Faust's tasks and for threads, which may never end."""
    anew = False
    try:
        anew = await run_worker(settings, roles, _overdue)
    except SidestepError as error:
        _failed(error)
    except Exception as error:
        fault = disk_fault_of(error)
        if fault is not None:
            _failed(fault)
        logging.getLogger("sidestep").exception("an error of ours; please report it")
        _leave_at_once(FAILED)
    if anew:
        _begin_anew()
    _leave_at_once(0)


def _begin_anew() -> None:
    """In place of this process, so that no supervisor need start it."""
    logging.shutdown()
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _overdue() -> None:
    """Called in a thread. An honest code: something in hand was not finished."""
    _failed(
        StopOverdue(
            f"what was in hand could not be finished within {LEAVE_SECONDS:.0f} s. Is Kafka out of reach? Nothing is "
            "lost: what was not committed is read again by whoever gets the partitions."
        )
    )


def _failed(error: SidestepError) -> None:
    logging.getLogger("sidestep").error("%s: %s", type(error).__name__, error)
    _leave_at_once(FAILED)


def _leave_at_once(code: int) -> None:
    """What is unfinished must stay unfinished: no clean-up that might commit or wait for it."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)
