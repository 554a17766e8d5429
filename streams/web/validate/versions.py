"""What every answer names: the policy and the lists that it follows from. Pure."""

from collections.abc import Callable, Mapping

from sidestep.schemas import Versions
from sidestep.streams.screen.lists.classes import version_of_lists


class CurrentVersions:
    """Worked out anew only where a feed has changed: its versions are another mapping then."""

    def __init__(self, policy: str, lists: Mapping[str, str], feeds: Callable[[], Mapping[str, str]] = dict) -> None:
        """`lists` are the versions of those that ship, `feeds` gives those of the feeds in use."""
        self._policy = policy
        self._lists = dict(lists)
        self._feeds = feeds
        self._seen: Mapping[str, str] = feeds()
        self._versions = self._work_out()

    def now(self) -> Versions:
        """Those in force."""
        seen = self._feeds()
        if seen is not self._seen and seen != self._seen:
            self._seen = seen
            self._versions = self._work_out()
        return self._versions

    def _work_out(self) -> Versions:
        return Versions(self._policy, version_of_lists(self._lists | dict(self._seen)))
