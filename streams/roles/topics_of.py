"""The topics that a worker needs: the catalog's, for Screen those that services have to themselves as well."""

from collections.abc import Collection
from pathlib import Path

from sidestep.streams.settings import Settings
from sidestep.topics.catalog import CATALOG, RELEASE_CHANGELOG, Topic
from sidestep.topics.own_topics import with_own


def topics_of(roles: Collection[str], settings: Settings) -> tuple[Topic, ...]:
    """Topics that must be there before the worker starts. Raises SettingsError and CredentialsError."""
    topics = CATALOG
    if "screen" in roles and settings.signers:
        from sidestep.streams.screen.signers_file import read_own_topics  # a worker that only decides does without

        topics = with_own(read_own_topics(Path(settings.signers)))
    # optional as its role is: who has none does without, after an upgrade as well
    return tuple(topic for topic in topics if topic is not RELEASE_CHANGELOG or "release" in roles)
