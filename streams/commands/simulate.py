"""`sidestep simulate`: the events of an invented company, as files, with the truth about them apart."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sidestep.streams.simulate.plan import SimulationPlan
    from sidestep.streams.simulate.protect import Protector

BETWEEN_LINES = 5.0
"""Seconds between two lines, where nobody sits before a terminal."""


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same octets.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="A folder, new or empty.")
@click.option(
    "--scale", type=click.FloatRange(0.01, 20), default=1.0, show_default=True, help="So many times the people."
)
@click.option(
    "--protect",
    type=click.Choice(["nobody", "syntax-mx", "bounces-30-days", "sidestep"]),
    default="nobody",
    show_default=True,
    help="Who protects the company meanwhile: what is not sent has no bounce.",
)
@click.option("--traps", type=click.FloatRange(0, 10), default=1.0, help="So many times the traps.")
@click.option("--dirt", type=click.FloatRange(0, 10), default=1.0, help="So many times what is wrong with lists.")
@click.option("--no-engagement", is_flag=True, help="Nobody reports opens, clicks and answers.")
def simulate(seed: int, out: Path, scale: float, protect: str, traps: float, dirt: float, no_engagement: bool) -> None:
    """Invent a company's email of more than two years: its services, lists, people, the traps hidden among them, and
    incidents of each kind.

    Writes email-intents.ndjson, email-bounces.ndjson and email-engagement.ndjson, as `sidestep publish` takes them, in
    the order of time; dns.ndjson, what name servers say; and truth/, what nobody who protects may see. What is assumed
    stands in docs/simulator.md.
    """
    from sidestep.streams.simulate.assumptions import assumptions, with_dirt
    from sidestep.streams.simulate.files import FileRecorder, write_listed, write_world
    from sidestep.streams.simulate.plan import make_plan
    from sidestep.streams.simulate.run import run

    if out.exists() and any(out.iterdir()):
        raise click.UsageError(f"--out: {out} is not empty; name a new folder, so that nothing of another run is left")
    world = with_dirt(assumptions(scale), traps=traps, lists=dirt, engagement=not no_engagement)
    plan = make_plan(world, seed)
    write_world(plan, out)
    with FileRecorder(out) as recorder, _progress() as progress:
        done = run(plan, _protector(protect, plan), recorder, progress)
    write_listed(done.listed, out)
    for name, count in recorder.written.items():
        click.echo(f"{out / name}.ndjson: {count:,}")
    click.echo(f"{out / 'truth'}: what each intent would hit, all mailboxes, {len(plan.incidents)} incidents")


def _protector(name: str, plan: "SimulationPlan") -> "Protector":
    from sidestep.streams.decide.policy_file import SHIPPED
    from sidestep.streams.simulate.protect import BounceSuppression, SyntaxAndMx, Unprotected
    from sidestep.streams.simulate.run import look_up_in
    from sidestep.streams.simulate.sidestep import SidestepProtector

    if name == "sidestep":
        return SidestepProtector(look_up_in(plan), SHIPPED.read_text(encoding="utf-8"), plan.world.time.begins)
    if name == "syntax-mx":
        return SyntaxAndMx(look_up_in(plan))
    return BounceSuppression() if name == "bounces-30-days" else Unprotected()


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    """How much of the time is over, on stderr: a bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("two years", total=1.0)
        yield lambda share: bar.update(task, completed=share)


class _Lines:
    def __init__(self) -> None:
        self._next = time.monotonic() + BETWEEN_LINES

    def __call__(self, share: float) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + BETWEEN_LINES
            click.echo(f"{share:.0%} of the time", err=True)
