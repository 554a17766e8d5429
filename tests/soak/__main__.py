"""python -m tests.soak: see --help."""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from sidestep.streams.local.embedded_jars import read_lock
from tests.guarantees.harness.proxy import Proxy
from tests.soak.brokers import OneBroker, ThreeBrokers
from tests.soak.plan import BY_NAME, LINK, choose
from tests.soak.progress import Progress
from tests.soak.run import Options, Soak

PINNED = "pinned"
OTHER = Path(__file__).parents[1] / "guarantees" / "harness"
"""Locks of other Kafkas than the one that ships: kafka-VERSION.lock."""


def main(arguments: list[str]) -> int:
    """The exit code: 0 when every intent has its one verdict and nothing else is wrong."""
    given = _parser().parse_args(arguments)
    try:
        kinds = choose(given.only, given.without, frozenset({"cluster" if given.cluster else "proxy"}))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    options = Options(given.seconds, given.seed, given.rate, given.workers, tuple(kinds), given.patience)
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix=f"sidestep-soak-{given.seed}-"))
    progress = Progress(sys.stdout)
    lock = None if given.kafka == PINNED else read_lock(OTHER / f"kafka-{given.kafka}.lock")
    with contextlib.ExitStack() as stack:
        touched = any(kind.about == LINK for kind in kinds)
        links = [stack.enter_context(Proxy()) for _ in range(given.workers if touched else 0)]
        brokers = ThreeBrokers(folder / "kafka", lock) if given.cluster else OneBroker(folder / "kafka", lock, links)
        return _run(Soak(options, folder, progress, brokers, links), folder, progress)


def _run(soak: Soak, folder: Path, progress: Progress) -> int:
    fine = False
    try:
        outcome = soak.run()
        fine = outcome.fine
        for failure in outcome.failures:
            progress.say(failure)
    finally:
        soak.close()
        if fine:
            shutil.rmtree(folder)
        else:
            progress.say(f"logs and data are kept: {folder}")
    progress.say(str(outcome))
    return 0 if fine else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180, help="how long there are load and faults")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same faults")
    parser.add_argument("--rate", type=int, default=1500, help="plain intents a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kafka", choices=(PINNED, *sorted(_others())), default=PINNED)
    parser.add_argument("--cluster", action="store_true", help="three brokers; their network can't be touched")
    parser.add_argument("--patience", type=float, default=120, help="seconds without a verdict: it has stalled")
    parser.add_argument("--only", type=_names, default=[], metavar="FAULT,…", help=", ".join(BY_NAME))
    parser.add_argument("--without", type=_names, default=[], metavar="FAULT,…", help="all but these")
    return parser


def _others() -> set[str]:
    return {path.stem.removeprefix("kafka-") for path in OTHER.glob("kafka-*.lock")}


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
