"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from sidestep.topics.signer import Signer

FILE = click.Path(path_type=Path, dir_okay=False)
F = TypeVar("F", bound=Callable[..., Any])


def broker_option(function: F) -> F:
    """Adds --broker; the value is None where neither the option nor SIDESTEP_BROKER is given."""
    return click.option(
        "--broker",
        metavar="HOST:PORT",
        envvar="SIDESTEP_BROKER",
        show_envvar=True,
        help="Kafka bootstrap servers, several with commas.  [default: 127.0.0.1:9092]",
    )(function)


def signer_options(function: F) -> F:
    """Adds --sign and --key-file, as `key_id` and `key_file`; signer_given makes a Signer of them."""
    key = click.option("--key-file", type=click.Path(dir_okay=False), help="As sidestep signers new-key makes it.")
    about = "Sign each record with the key of this id, which is in --key-file."
    return click.option("--sign", "key_id", metavar="KEY-ID", help=about)(key(function))


def signer_given(key_id: str | None, key_file: str | None) -> Signer | None:
    """The signer of these options; None: nothing is signed. Raises click.UsageError and CredentialsError."""
    if (key_id is None) != (key_file is None):
        raise click.UsageError("--sign and --key-file go together")
    return Signer(key_id, key_file) if key_id is not None and key_file is not None else None


def listen_options(host: str, port: int) -> Callable[[F], F]:
    """Adds --host, --port, --tls-cert, --tls-key and --insecure of a server that is not a worker's own; with these
    defaults."""
    given = [
        click.option(
            "--host",
            default=host,
            envvar="SIDESTEP_LISTEN_HOST",
            show_envvar=True,
            show_default=True,
            help="Where to listen. Anything but loopback needs TLS, or --insecure.",
        ),
        click.option(
            "--port",
            default=port,
            envvar="SIDESTEP_LISTEN_PORT",
            show_envvar=True,
            show_default=True,
            type=int,
            help="0: any that is free; the log says which.",
        ),
        click.option(
            "--tls-cert",
            type=FILE,
            envvar="SIDESTEP_LISTEN_TLS_CERTIFICATE",
            show_envvar=True,
            help="Certificate chain, PEM.",
        ),
        click.option("--tls-key", type=FILE, envvar="SIDESTEP_LISTEN_TLS_KEY", show_envvar=True, help="Its key, PEM."),
        click.option(
            "--insecure", is_flag=True, help="Plain text beyond loopback: something in front of it speaks TLS."
        ),
    ]

    def add(function: F) -> F:
        for option in reversed(given):
            function = option(function)
        return function

    return add
