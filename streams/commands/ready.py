"""`sidestep ready`: the health check of a container, from inside it."""

from pathlib import Path

import click

from sidestep.streams.settings import load
from sidestep.streams.terminal import printable
from sidestep.streams.web.readiness import status

READY = {"ok", "standby"}


@click.command("ready")
@click.option("--host", metavar="HOST", help="Where it listens.  [env: SIDESTEP_WEB_HOST]")
@click.option("--port", type=int, help="6067 for `sidestep serve`.  [env: SIDESTEP_WEB_PORT]")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The certificate that it uses (PEM).  [env: SIDESTEP_WEB_TLS_CERTIFICATE]",
)
def ready(host: str | None, port: int | None, certificate: Path | None) -> None:
    """Ask the worker beside this command whether it is ready: exit code 0 if it is, 1 if not."""
    settings = load(web_host=host, web_port=port)
    given = certificate or (Path(settings.web_tls_certificate) if settings.web_tls_certificate else None)
    found = status(settings.web_host, settings.web_port, given)
    click.echo(printable(found))
    raise SystemExit(found not in READY)
