"""Options that several commands have."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from sidestep.streams.commands.past import past_ms
from sidestep.streams.gcra import parse_rate
from sidestep.streams.settings import Settings
from sidestep.streams.terminal import printable
from sidestep.topics.own_topics import own_topic
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


def own_option(function: F) -> F:
    """Adds --own, as `own`; own_given makes names of it."""
    return click.option(
        "--own",
        multiple=True,
        metavar="TOPIC,…",
        help="Topics that services have to themselves, such as email-intents.shop. Those that the signers file names "
        "(SIDESTEP_SIGNERS) are known without it.",
    )(function)


@contextmanager
def refused_as(option: str | None = None) -> Iterator[None]:
    """Tells of what is refused in the block with a ValueError as of a wrong parameter. Raises click.BadParameter."""
    try:
        yield
    except ValueError as error:
        raise click.BadParameter(printable(str(error)), param_hint=option) from None


def own_given(own: Iterable[str], settings: Settings | None) -> tuple[str, ...]:
    """The topics that --own names, and those of the signers file. Raises click.BadParameter, SettingsError and
    CredentialsError."""
    names = [name.strip() for text in own for name in text.split(",") if name.strip()]
    with refused_as("--own"):
        named = [own_topic(name).name for name in names]
    if settings is not None and settings.signers:
        from sidestep.streams.screen.signers_file import read_own_topics

        named += read_own_topics(Path(settings.signers))
    return tuple(dict.fromkeys(named))


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


def past_given(option: str, text: str | None, now_ms: int) -> int | None:
    """A time that is past, in milliseconds since 1970; None: it was not given. Raises click.BadParameter."""
    with refused_as(option):
        return None if text is None else past_ms(text, now_ms)


def past_second(option: str, text: str | None, now_ms: int, otherwise: float) -> float:
    """Likewise, in seconds; `otherwise`, where it was not given."""
    ms = past_given(option, text, now_ms)
    return otherwise if ms is None else ms / 1000


def rate_given(text: str | None) -> float | None:
    """Records a second; None: as fast as it goes. Raises click.BadParameter."""
    with refused_as("--rate"):
        return None if text is None else 1_000_000 / parse_rate(text).interval_us


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
