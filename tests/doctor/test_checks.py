"""The list of the doctor's checks: each has its place in the table."""

import re
from pathlib import Path

from sidestep.streams import doctor
from sidestep.streams.doctor.checks import ORDER

NAMED = re.compile(r'\b(?:CheckRow|Check)\(\s*"([a-z -]+)"')


def test_every_check_has_a_place_in_the_table() -> None:
    """One that has none would end the doctor with an error of ours, where it has something to tell."""
    folder = Path(doctor.__file__).parent
    named = {name for file in folder.glob("*.py") for name in NAMED.findall(file.read_text())}
    assert {"connection", "layout", "hash key"} <= named
    assert set() == named - set(ORDER)
    assert len(ORDER) == len(set(ORDER))
