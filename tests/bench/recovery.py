"""How long a worker with an empty folder takes to have a full ledger, and how much memory it needs."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from sidestep.topics.catalog import IDS_CHANGELOG, LEDGER_CHANGELOG
from tests.bench.kafka_log import KafkaLog
from tests.bench.processes import Child
from tests.bench.workload import ledger_ids, ledger_rows

POLL = 0.03
DEADLINE = 120.0


class Recovery(NamedTuple):
    """`seconds` from the assignment to the last partition's ledger being complete; `records` read from changelogs."""

    seconds: float
    records: int


def write_ledger(log: KafkaLog, recipients: int) -> None:
    """Changelogs as they are when so many recipients have been written to once and compaction has done its work.

    There is no marker in them: whoever recovers them begins with the evidence at the beginning.
    """
    now = int(time.time())
    log.fill(LEDGER_CHANGELOG.name, ({"key": key, "value": value} for key, value in ledger_rows(recipients, now)))
    log.fill(IDS_CHANGELOG.name, ({"value": value} for value in ledger_ids(recipients, now)), 1)


def time_recovery(worker: Child, web_port: int, partitions: int, told: Callable[[int], None]) -> Recovery:
    """Watch the worker's /metrics from its start on. Raises RuntimeError if it takes too long."""
    deadline = time.monotonic() + DEADLINE
    assigned = 0.0
    while time.monotonic() < deadline:
        worker.check()
        values = _scrape(web_port)
        if not assigned and values.get("sidestep_partitions_assigned") == partitions:
            assigned = time.monotonic()
        if values.get("sidestep_recovery_seconds_count") == partitions:
            return Recovery(time.monotonic() - assigned, int(values["sidestep_recovered_records_total"]))
        told(int(values.get("sidestep_recovered_records_total", 0)))
        time.sleep(POLL)  # between two looks
    raise RuntimeError(f"the ledger was not recovered within {DEADLINE:.0f} s")


def _scrape(port: int) -> dict[str, float]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return {}  # it does not listen yet
    return {sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples}
