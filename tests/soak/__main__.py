"""python -m tests.soak: see --help."""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from tests.soak.brokers import OneBroker
from tests.soak.plan import BY_NAME, choose
from tests.soak.progress import Progress
from tests.soak.run import Options, Soak


def main(arguments: list[str]) -> int:
    """The exit code: 0 when every intent has its one verdict and nothing else is wrong."""
    given = _parser().parse_args(arguments)
    have: set[str] = set()
    try:
        kinds = choose(given.only, given.without, frozenset(have))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    options = Options(given.seconds, given.seed, given.rate, given.workers, tuple(kinds), given.patience)
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix=f"sidestep-soak-{given.seed}-"))
    return _run(options, folder, Progress(sys.stdout))


def _run(options: Options, folder: Path, progress: Progress) -> int:
    fine = False
    brokers = OneBroker(folder / "kafka")
    brokers.start()
    soak = Soak(options, folder, progress, brokers)
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
    parser.add_argument("--patience", type=float, default=120, help="seconds without a verdict: it has stalled")
    parser.add_argument("--only", type=_names, default=[], metavar="FAULT,…", help=", ".join(BY_NAME))
    parser.add_argument("--without", type=_names, default=[], metavar="FAULT,…", help="all but these")
    return parser


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
