"""sidestep keys: the secret that everything in the ledger is keyed with."""

import click

from sidestep.streams.settings import load


@click.group()
def keys() -> None:
    """The secret that the ledger's keys are made with: change it for a new one."""


@keys.command()
@click.option("--data-dir", metavar="DIR", help="Where the secret is.  [env: SIDESTEP_DATA_DIR]")
def rotate(data_dir: str | None) -> None:
    """Make a new secret in the data folder, and keep the present one beside it as the former.

    It comes into force when a Screen worker starts with it; the others end, and have to start with both as well.
    People's rows move to it as they are met. `sidestep doctor` says when the former one may go.
    """
    from sidestep.streams.errors import SettingsError
    from sidestep.streams.screen.hash_key import rotate as make_anew

    settings = load(data_dir=data_dir)
    if settings.hash_key or settings.hash_key_file:
        raise SettingsError(
            "the secret is given in SIDESTEP_HASH_KEY or SIDESTEP_HASH_KEY_FILE: write a new one (openssl rand -hex "
            "32) into another file, name that in SIDESTEP_HASH_KEY_FILE, and a file with the present one in "
            "SIDESTEP_HASH_KEY_FORMER_FILE"
        )
    former = make_anew(settings.data)
    click.echo(f"{settings.data / 'hash-key'} has a new secret, {former} the one of before")
    click.echo("give both files to every worker that screens, and start those again")
