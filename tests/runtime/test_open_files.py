"""The limit on open files: raised as far as it may be, refused where that is too little."""

import pytest

from sidestep.streams.errors import SettingsError
from sidestep.streams.runtime.open_files import NEEDED, WANTED, enough

UNLIMITED = -1


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [
        (1024, 1_048_576, WANTED),
        (1024, 1024, 1024),
        (48, NEEDED, NEEDED),
        (1024, UNLIMITED, WANTED),
        (100_000, 100_000, 100_000),
        (UNLIMITED, UNLIMITED, UNLIMITED),
    ],
)
def test_the_limit_is_raised_as_far_as_it_may_be(soft: int, hard: int, then: int) -> None:
    """Never lowered."""
    assert then == enough(soft, hard, UNLIMITED)


def test_too_few_files_are_refused_at_the_start() -> None:
    """With the number that there must be."""
    with pytest.raises(SettingsError, match="may open 48 files, and needs at least 256: raise the limit"):
        enough(48, 48, UNLIMITED)
