"""The disk of the data folder, as a scrape shows it."""

import shutil
from pathlib import Path

from sidestep.streams.observe.disk import read_disk
from sidestep.streams.observe.metrics import Metrics


def test_free_space_is_shown_before_the_folder_is_there(tmp_path: Path) -> None:
    """A worker makes the folder when it has its first partition; how much room there is matters before."""
    metrics = Metrics()
    read_disk(metrics, tmp_path / "data" / "sidestep")
    shown = {family.name: family.samples[0].value for family in metrics.families() if "_disk_" in family.name}
    assert {"sidestep_disk_free_octets", "sidestep_disk_octets"} == shown.keys()
    assert shutil.disk_usage(tmp_path).total == shown["sidestep_disk_octets"]
    assert 0 < shown["sidestep_disk_free_octets"] <= shown["sidestep_disk_octets"]
