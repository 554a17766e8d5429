"""What a scrape shows of the disk that a worker's data lie on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric

from sidestep.streams.observe.metrics import Metrics


def read_disk(metrics: Metrics, data: Path) -> None:
    """Show that of a data folder, which need not be there yet, at each scrape."""
    metrics.read("disk", lambda: disk_families(data))


def disk_families(data: Path) -> Iterator[Metric]:
    """Octets that this user may still write there, and how many the disk has. Raises OSError."""
    there = next(folder for folder in (data.absolute(), *data.absolute().parents) if folder.exists())
    usage = shutil.disk_usage(there)
    about = "Octets that are free on the disk of the data folder."
    yield GaugeMetricFamily("sidestep_disk_free_octets", about, float(usage.free))
    yield GaugeMetricFamily("sidestep_disk_octets", "Octets of the disk of the data folder.", float(usage.total))
