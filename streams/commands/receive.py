"""`sidestep receive`: doors for what providers say, one process until SIGTERM."""

from typing import Any

import click

from sidestep.streams.commands.options import FILE, broker_option, listen_options, signer_given, signer_options
from sidestep.streams.commands.run_loop import run_loop
from sidestep.streams.observe.logs import configure
from sidestep.streams.observe.uncaught import log_what_nobody_catches
from sidestep.streams.settings import load
from sidestep.streams.web.receive.receiving import ReceiveOptions
from sidestep.streams.web.receive.receiving import receive as run


@click.command("receive")
@click.option(
    "--doors",
    type=FILE,
    envvar="SIDESTEP_DOORS",
    show_envvar=True,
    help="Doors file (TOML): providers, services, files of secrets. Read again when it changes.",
)
@click.option(
    "--lmtp",
    default="",
    metavar="HOST:PORT",
    envvar="SIDESTEP_LMTP",
    show_envvar=True,
    help="Take mail that comes back, from our own mail server by LMTP; unix:PATH for a socket.",
)
@click.option("--lmtp-anywhere", is_flag=True, help="LMTP beyond loopback: nobody else is on that network.")
@listen_options(ReceiveOptions.host, ReceiveOptions.port)
@signer_options
@broker_option
def receive(broker: str | None, key_id: str | None, key_file: str | None, **options: Any) -> None:
    """Take webhooks of email providers, check that they are theirs, and put them into Kafka; and bounces by LMTP.

    Each door of the doors file is an endpoint for one provider and one service. Health and metrics are at
    SIDESTEP_WEB_HOST and SIDESTEP_WEB_PORT.
    """
    settings = load(broker=broker)
    configure(settings.log_format, settings.log_level)
    log_what_nobody_catches()
    run_loop(run(settings, ReceiveOptions(**options, signer=signer_given(key_id, key_file))))
