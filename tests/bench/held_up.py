"""For how long a snapshot holds a partition up: its ledger's last rows are written, and its files linked.

python -m tests.bench.held_up [--recipients 1000000] [--rounds 20]
"""

import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import click

from sidestep.streams.runtime.tables import unpack_pairs
from sidestep.streams.snapshots.take import hold
from tests.bench.big_log import BuiltLedger
from tests.bench.workload import ledger_ids, ledger_rows

AIM_MS = 100
BATCH = 2_000
"""Rows that were written since the last flush: as many as a worker with much to do writes in a batch."""


def settle(ledger: BuiltLedger) -> None:
    """As a worker does before it holds a partition up: what is in memory is written, and what is merged is, beside the
    work."""
    stores = [each._store for each in (ledger.rows, ledger.window)]
    for store in stores:
        store.begin_flush()
    while any(store.is_flushing() for store in stores):
        time.sleep(0.01)


@click.command()
@click.option("--recipients", type=click.IntRange(10_000), default=1_000_000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True)
def main(recipients: int, rounds: int) -> None:
    """Measure it on this machine, each time with other rows in memory."""
    now, took = int(time.time()), list[float]()
    with tempfile.TemporaryDirectory(prefix="sidestep-bench-") as folder:
        ledger = BuiltLedger(Path(folder) / "ledger", 0, "bench")
        every = ledger_rows(recipients, now)
        while rows := list(islice(every, BATCH)):
            ledger.rows.put(rows)
        for packed in ledger_ids(recipients, now):
            ledger.window.put(unpack_pairs(packed))
        hold(ledger, Path(folder) / "first", lambda _: 0)  # what was filled in is on disk: a worker sees to that before
        for number in range(rounds):
            ledger.rows.put(islice(ledger_rows(recipients, now + number), number * BATCH, (number + 1) * BATCH))
            settle(ledger)
            took.append(hold(ledger, Path(folder) / f"held-{number}", lambda _: 0).held_seconds * 1000)
    longer = sum(each > AIM_MS for each in took)
    found = (
        f"median {statistics.median(took):.1f} ms, longest {max(took):.1f} ms, {longer} of {rounds} over {AIM_MS} ms"
    )
    print(f"{recipients:,} recipients: {found}")


if __name__ == "__main__":
    sys.exit(main())
