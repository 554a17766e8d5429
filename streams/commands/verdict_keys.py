"""`sidestep verdict-keys`: keys with which Decide signs verdicts, and a look at the file of those who read them."""

import secrets
from pathlib import Path

import click

from sidestep.streams.commands.key_file import write_key
from sidestep.streams.terminal import json_line, printable
from sidestep.topics.signing import ED25519, KEY_OCTETS, is_key_id
from sidestep.topics.verdict_keys import read_verdict_keys
from sidestep.topics.verdict_signer import VerdictSigner

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("verdict-keys")
def verdict_keys() -> None:
    """Keys that prove verdicts: make one for Decide, check the file with the public halves that readers have."""


@verdict_keys.command("new")
@click.argument("key_id", metavar="KEY-ID")
@click.option("--file", "key_file", type=FILE, required=True, help="Where Decide's half goes; must not be there yet.")
def new(key_id: str, key_file: Path) -> None:
    """Make a key: Decide's half into a file, the line for the readers' file on the screen.

    Readers get it first; Decide signs with it from its next start.
    """
    if not is_key_id(key_id):
        raise click.BadParameter("letters, digits, . _ and - can be in it, 64 at most", param_hint="KEY-ID")
    write_key(key_file, f"{ED25519}:{secrets.token_bytes(KEY_OCTETS).hex()}\n")
    signer = VerdictSigner(key_id, key_file)
    where = f"SIDESTEP_VERDICT_KEY={key_id} SIDESTEP_VERDICT_KEY_FILE={key_file}"
    click.echo(printable(f"secret, for Decide alone: {where}"), err=True)
    click.echo("line for the readers' file, below [keys]:", err=True)
    click.echo(f"{json_line(key_id)} = {json_line(signer.public_key)}")


@verdict_keys.command("check")
@click.argument("file", type=FILE)
def check(file: Path) -> None:
    """Say whose verdicts a reader with FILE takes, or what is wrong with it (exit code 2)."""
    for key_id in read_verdict_keys(file):
        click.echo(printable(key_id.decode()))
