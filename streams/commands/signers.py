"""`sidestep signers`: keys for services that sign their records, and a look at the signers file."""

import secrets
from base64 import b64encode
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sidestep.streams.commands.key_file import write_key
from sidestep.streams.screen.signers import Signers
from sidestep.streams.screen.signers_file import TOPICS, read_signers
from sidestep.streams.screen.speakers import SignerKey
from sidestep.streams.settings import SIGNATURE_WINDOW
from sidestep.streams.terminal import json_line, printable
from sidestep.topics.signing import ED25519, HMAC_SHA_256, KEY_OCTETS, is_key_id

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def signers() -> None:
    """Keys of the services that sign their records: make one, check the file that Screen reads."""


@signers.command("new-key")
@click.argument("key_id", metavar="KEY-ID")
@click.option(
    "--service", "services", multiple=True, required=True, help="Whom it signs for; several times for several."
)
@click.option("--stream", "streams", multiple=True, help="Which streams of theirs; without it: all.")
@click.option("--topic", "topics", multiple=True, type=click.Choice(sorted(TOPICS)), help="Where; without it: in all.")
@click.option(
    "--file", "key_file", type=FILE, required=True, help="Where the service's secret goes; must not be there yet."
)
@click.option("--algorithm", type=click.Choice([HMAC_SHA_256, ED25519]), default=HMAC_SHA_256, show_default=True)
def new_key(
    key_id: str,
    services: tuple[str, ...],
    streams: tuple[str, ...],
    topics: tuple[str, ...],
    key_file: Path,
    algorithm: str,
) -> None:
    """Make a key: its secret into a file, its lines for the signers file on the screen.

    HMAC: service and Screen have the same secret. Ed25519: Screen has the public half, which can't sign; a check costs
    some fifty times as much.
    """
    if not is_key_id(key_id):
        raise click.BadParameter("letters, digits, . _ and - can be in it, 64 at most", param_hint="KEY-ID")
    key = secrets.token_bytes(KEY_OCTETS)
    write_key(key_file, f"{algorithm}:{key.hex()}\n")
    click.echo(printable(f"secret, for the service alone: {key_file}"), err=True)
    click.echo("lines for the signers file (SIDESTEP_SIGNERS):", err=True)
    click.echo(f"[keys.{json_line(key_id)}]")
    click.echo(f"services = {json_line(services)}")
    if streams:
        click.echo(f"streams = {json_line(streams)}")
    if topics:
        click.echo(f"topics = {json_line(topics)}")
    click.echo(_half(algorithm, key, key_file))


@signers.command("check")
@click.argument("file", type=FILE)
def check(file: Path) -> None:
    """Say what FILE lets whom sign, or what is wrong with it (exit code 2)."""
    found = read_signers(file, SIGNATURE_WINDOW)
    for key in found.keys.values():
        click.echo(printable(_line(key)))
    for owner in found.topics.values():
        streams = f", streams {', '.join(sorted(owner.streams))}" if owner.streams else ""
        click.echo(printable(f"{owner.topic}: for {', '.join(sorted(owner.services))}{streams}"))
    click.echo(printable(_demands(found)))


def _half(algorithm: str, key: bytes, key_file: Path) -> str:
    """What Screen has to know of it."""
    if algorithm == HMAC_SHA_256:
        return f"secret_file = {json_line(key_file.name)}"
    public = Ed25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()
    return f"public_key = {json_line(b64encode(public).decode())}"


def _line(key: SignerKey) -> str:
    streams = f", streams {', '.join(sorted(key.streams))}" if key.streams else ""
    topics = f", in {', '.join(sorted(key.topics))}" if key.topics else ""
    return f"{key.key_id}: {key.algorithm}, for {', '.join(sorted(key.services))}{streams}{topics}"


def _demands(found: Signers) -> str:
    named = ", ".join(f"{name}: {demand}" for name, demand in sorted(found.demands.items()))
    return f"signatures: {found.default}{', but ' + named if named else ''}"
