"""The file of a key that was just made."""

import os
from pathlib import Path

from sidestep.streams.errors import SettingsError


def write_key(path: Path, text: str) -> None:
    """For its owner alone, and never over another one. Raises SettingsError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SettingsError(f"{path} can't be made ({error.strerror}); give another --file") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
