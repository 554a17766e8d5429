"""The topics that a worker needs: the catalog's, and for Screen those that services have to themselves."""

from collections.abc import Collection
from pathlib import Path

from sidestep.streams.settings import Settings
from sidestep.topics.catalog import CATALOG, Topic
from sidestep.topics.own_topics import with_own


def topics_of(roles: Collection[str], settings: Settings) -> tuple[Topic, ...]:
    """Topics that must be there before the worker starts. Raises SettingsError and CredentialsError."""
    if "screen" not in roles or not settings.signers:
        return CATALOG
    from sidestep.streams.screen.signers_file import read_own_topics  # a worker that only decides does without

    return with_own(read_own_topics(Path(settings.signers)))
