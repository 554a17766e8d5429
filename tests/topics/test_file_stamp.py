"""What tells that a file has changed since it was read."""

import os
from pathlib import Path

from sidestep.topics.file_stamp import stamp_of


def test_whatever_makes_a_difference_to_who_reads_it_changes_the_stamp(tmp_path: Path) -> None:
    """Its text, another file in its place, or who may read it; being read changes nothing."""
    file, other = tmp_path / "secret", tmp_path / "other"
    file.write_text("x")
    file.chmod(0o600)
    os.utime(file, ns=(1, 1))
    seen = [stamp_of(file)]
    file.read_text()
    assert seen == [stamp_of(file)]
    file.chmod(0o644)
    seen.append(stamp_of(file))
    file.write_text("xy")
    seen.append(stamp_of(file))
    other.write_text("xy")
    other.replace(file)
    seen.append(stamp_of(file))
    file.unlink()
    seen.append(stamp_of(file))
    assert len(seen) == len(set(seen))
    assert seen[-1] is None
