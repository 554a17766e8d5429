"""Reads the sources file that SIDESTEP_SOURCES names."""

from pathlib import Path

from sidestep.streams.errors import SourcesError
from sidestep.streams.screen.sources.file import NOBODY, Sources, parse_sources
from sidestep.streams.settings import Settings


def read_sources(settings: Settings) -> tuple[Sources, Path]:
    """The sources file and the folder that its paths start from. Raises SourcesError."""
    if not settings.sources:
        return NOBODY, Path()
    path = Path(settings.sources)
    try:
        return parse_sources(path.read_text(encoding="utf-8")), path.parent
    except OSError as error:
        raise SourcesError(f"SIDESTEP_SOURCES: {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SourcesError(f"SIDESTEP_SOURCES: {path} is not UTF-8") from None
