"""Options that several commands have."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from sidestep.topics.signer import Signer

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
