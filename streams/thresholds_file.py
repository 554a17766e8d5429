"""Reads Watch's thresholds from the file that SIDESTEP_WATCH names, or those that ship."""

from pathlib import Path

from sidestep.streams.errors import SettingsError
from sidestep.streams.settings import Settings
from sidestep.streams.watch.thresholds import Thresholds, thresholds


def read_thresholds(settings: Settings) -> Thresholds:
    """Thresholds of the file, or as they ship. Raises SettingsError."""
    if not settings.watch:
        return thresholds()
    try:
        return thresholds(Path(settings.watch).read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"SIDESTEP_WATCH: {settings.watch} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(
            f"SIDESTEP_WATCH: {settings.watch} can't be used: {error}. Begin with a copy of streams/watch/watch.toml."
        ) from error
