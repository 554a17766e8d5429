"""`make bench`: what a verdict costs, next to a bare loop and to plain Faust, in one go on this machine.

docs/benchmarks.md says how it is measured and what it leaves out.
"""

import json
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from sidestep.streams.local.embedded_kafka import EmbeddedKafka
from tests.bench.report import Results, show
from tests.bench.steps import STEPS, Bench, Sizes

FULL = Sizes(intents=300_000, faust=10_000, recipients=1_000_000, seconds=35.0, rounds=2)
FILE = click.Path(path_type=Path)
QUICK = Sizes(intents=60_000, faust=3_000, recipients=100_000, seconds=5.0, rounds=1)


@click.command()
@click.option("--quick", is_flag=True, help="Small numbers, one round: a minute, for a first look.")
@click.option("--only", metavar="STEP,…", default=",".join(STEPS), show_default=True, help="Measure only these.")
@click.option("--intents", type=click.IntRange(20_000), help=f"How many intents.  [default: {FULL.intents:,}]")
@click.option("--recipients", type=click.IntRange(10_000), help=f"To recover.  [default: {FULL.recipients:,}]")
@click.option("--rounds", type=click.IntRange(1), help=f"Of loop, decide and faust in turn.  [default: {FULL.rounds}]")
@click.option("--json", "json_file", type=FILE, envvar="BENCH_JSON", help="Write the figures there. [env: BENCH_JSON]")
@click.option("--profile", type=FILE, help="Folder for py-spy's raw stacks of Screen and Decide.")
def main(quick: bool, only: str, json_file: Path | None, profile: Path | None, **numbers: int | None) -> None:
    """Measure Sidestep on this machine. Needs nothing that runs already; takes two to three minutes."""
    wanted = [step.strip() for step in only.split(",")]
    if unknown := set(wanted) - set(STEPS):
        raise click.UsageError(f"--only: no step is called {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    sizes = (QUICK if quick else FULL)._replace(**{name: number for name, number in numbers.items() if number})
    # a log or a pipe has no width of its own, and the tables need more than 80
    console, results = Console(width=None if sys.stdout.isatty() else 120), Results()
    with (
        tempfile.TemporaryDirectory(prefix="sidestep-bench-") as folder,
        EmbeddedKafka(Path(folder) / "kafka", heap="1g") as kafka,
    ):
        Bench(kafka, Path(folder), sizes, results, Console(stderr=True), profile).run(wanted)
    show(results, console)
    if json_file is not None:
        figures = {name: round(value, 3) for name, value in results.flat().items()}
        json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
