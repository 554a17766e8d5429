"""`sidestep receive`: doors for what providers say, one process until SIGTERM."""

from pathlib import Path
from typing import Any

import click

from sidestep.streams.commands.options import broker_option, signer_given, signer_options
from sidestep.streams.commands.run_loop import run_loop
from sidestep.streams.observe.logs import configure
from sidestep.streams.settings import load
from sidestep.streams.web.receive.receiving import ReceiveOptions
from sidestep.streams.web.receive.receiving import receive as run

FILE = click.Path(path_type=Path, dir_okay=False)


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
@click.option(
    "--host",
    default=ReceiveOptions.host,
    envvar="SIDESTEP_LISTEN_HOST",
    show_envvar=True,
    show_default=True,
    help="Where to listen. Anything but loopback needs TLS, or --insecure.",
)
@click.option(
    "--port",
    default=ReceiveOptions.port,
    envvar="SIDESTEP_LISTEN_PORT",
    show_envvar=True,
    show_default=True,
    type=int,
    help="0: any that is free; the log says which.",
)
@click.option(
    "--tls-cert",
    type=FILE,
    envvar="SIDESTEP_LISTEN_TLS_CERTIFICATE",
    show_envvar=True,
    help="Certificate chain, PEM.",
)
@click.option("--tls-key", type=FILE, envvar="SIDESTEP_LISTEN_TLS_KEY", show_envvar=True, help="Its key, PEM.")
@click.option("--insecure", is_flag=True, help="Plain text beyond loopback: something in front of it speaks TLS.")
@signer_options
@broker_option
def receive(broker: str | None, key_id: str | None, key_file: str | None, **options: Any) -> None:
    """Take webhooks of email providers, check that they are theirs, and put them into Kafka; and bounces by LMTP.

    Each door of the doors file is an endpoint for one provider and one service. Health and metrics are at
    SIDESTEP_WEB_HOST and SIDESTEP_WEB_PORT.
    """
    settings = load(broker=broker)
    configure(settings.log_format, settings.log_level)
    run_loop(run(settings, ReceiveOptions(**options, signer=signer_given(key_id, key_file))))
