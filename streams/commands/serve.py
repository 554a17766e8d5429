"""`sidestep serve`: POST /v1/validate for forms, one process until SIGTERM."""

from typing import Any

import click

from sidestep.streams.commands.options import FILE, broker_option, listen_options
from sidestep.streams.commands.run_loop import run_loop
from sidestep.streams.observe.logs import configure
from sidestep.streams.observe.uncaught import log_what_nobody_catches
from sidestep.streams.settings import load
from sidestep.streams.web.validate.serving import ServeOptions
from sidestep.streams.web.validate.serving import serve as answer
from sidestep.streams.web.validate.token_file import new_token as fresh_token
from sidestep.streams.web.validate.tokens import DEFAULT_RATE, line_of


@click.command("serve")
@click.option(
    "--tokens",
    type=FILE,
    envvar="SIDESTEP_TOKENS",
    show_envvar=True,
    help="Who may ask: lines of NAME SHA256 [RATE]. Read again when it changes.",
)
@click.option(
    "--rate",
    default=DEFAULT_RATE,
    envvar="SIDESTEP_TOKEN_RATE",
    show_envvar=True,
    show_default=True,
    help="Addresses a token may ask about, where the file says nothing else.",
)
@click.option(
    "--name-servers", "--dns", metavar="HOST[:PORT],…", help="Instead of the system's. [env: SIDESTEP_NAME_SERVERS]"
)
@click.option("--policy", metavar="FILE", help="The policy that answers follow from. [env: SIDESTEP_POLICY]")
@click.option("--in-force", is_flag=True, help="Answer by the policy in force in Kafka, and follow it.")
@broker_option
@click.option("--sources", metavar="FILE", help="Who is asked besides DNS. [env: SIDESTEP_SOURCES]")
@click.option("--data-dir", metavar="DIR", help="Folder for copies of feeds. [env: SIDESTEP_DATA_DIR]")
@listen_options(ServeOptions.host, ServeOptions.port)
@click.option("--new-token", metavar="NAME", help="Make a token, print it once with its line for the file, and end.")
def serve(
    new_token: str | None,
    name_servers: str | None,
    broker: str | None,
    policy: str | None,
    sources: str | None,
    data_dir: str | None,
    **options: Any,
) -> None:
    """Answer POST /v1/validate: check addresses while a person types them."""
    if new_token is not None:
        _show_new(new_token)
        return
    if policy is not None and options["in_force"]:
        raise click.UsageError("--policy and --in-force are two policies: give one of them")
    settings = load(broker=broker, name_servers=name_servers, policy=policy, sources=sources, data_dir=data_dir)
    configure(settings.log_format, settings.log_level)
    log_what_nobody_catches()
    run_loop(answer(settings, ServeOptions(**options)))


def _show_new(name: str) -> None:
    token = fresh_token()
    try:
        line = line_of(name, token)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--new-token") from None
    click.echo(f"token, shown this once; for the service:  {token}")
    click.echo(f"line for the tokens file:                 {line}")
