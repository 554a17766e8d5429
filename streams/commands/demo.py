"""`sidestep demo`: a simulated day on a real Kafka, from nothing, in a minute; and the count of its verdicts."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from sidestep.streams.errors import SettingsError
from sidestep.streams.terminal import printable_lines
from sidestep.topics.errors import SidestepError

FAILED = 1
INTERRUPTED = 130


@click.command()
@click.option("--intents", type=click.IntRange(100, 2_000_000), default=60_000, show_default=True, metavar="N")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same traffic.")
@click.option(
    "--day",
    "day_seconds",
    type=click.FloatRange(5, 3600),
    default=24.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the 24 hours take.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep everything there, for `sidestep up` to go on with; must be new or empty.  [default: kept nowhere]",
)
@click.option(
    "--secure",
    is_flag=True,
    help="With TLS, certificates, passwords (SCRAM), ACLs, signed records and verdicts; and a forger lets it be seen.",
)
def demo(intents: int, seed: int, day_seconds: float, data_dir: Path | None, secure: bool) -> None:
    """See it work, from nothing, in a minute.

    Starts a Kafka, a name server with its own small world of domains, and two workers; publishes a day of several
    services' email, squeezed into seconds, with its bounces and complaints; shows the verdicts, and counts them. The
    exit code is 1 unless every intent has got exactly one, and an audit of the log has proved each of them.
    """
    from sidestep.streams.demo.display import console_of_width
    from sidestep.streams.demo.run import Demo
    from sidestep.streams.local.processes import ended_by_signals
    from sidestep.streams.observe.logs import configure

    configure("text", "error")
    console = console_of_width()
    try:
        with ended_by_signals(), _folder(data_dir) as folder:
            count, proved = Demo(folder, intents, seed, day_seconds, console, secure).run()
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        raise SystemExit(INTERRUPTED) from None
    except SidestepError as error:
        click.echo(printable_lines(f"sidestep: {error}"), err=True)
        raise SystemExit(FAILED) from None
    for line in _next(data_dir):
        click.echo(line)
    click.echo(f"audit {proved.line()}")
    click.echo(count.line())
    if not (count.right and proved.right):
        raise SystemExit(FAILED)


@contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    """Where everything is kept. A temporary one is removed at the end."""
    if data_dir is None:
        folder = Path(tempfile.mkdtemp(prefix="sidestep-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if data_dir.exists() and any(data_dir.iterdir()):
        raise SettingsError(f"{data_dir} is not empty: the demo counts every verdict, so it begins with a new folder")
    yield data_dir.resolve()


def _next(data_dir: Path | None) -> Iterator[str]:
    yield "Next: `sidestep up` does this for your own events; `sidestep policy show` prints rules and limits."
    if data_dir is not None:
        yield f"Look at this day again: sidestep up --data-dir {data_dir}"
        yield "and meanwhile, elsewhere: sidestep tail --from-beginning"
