"""Options that several commands have."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

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
