"""A mailbox that is forgotten, of which Watch knows by its key if it was bombed. Pure."""

from collections.abc import Sequence

from sidestep.streams.watch.incidents import Told
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.tables import IncidentRow


def erase(state: WatchState, keys: Sequence[str]) -> list[Told]:
    """Out of the windows that are open; incidents of it are over, and told so without the key."""
    for name, window in state.windows.by_key.items():
        if not window.bombed.keys().isdisjoint(keys):
            window.bombed = {key: number for key, number in window.bombed.items() if key not in keys}
            state.windows.put(name, window)
    ended = [key for key, row in sorted(state.incidents.by_key.items()) if row.recipient_key in keys]
    return [Told(key, _without_key(state, key), "closed") for key in ended]


def _without_key(state: WatchState, key: bytes) -> IncidentRow:
    row = state.incidents.drop(key)
    row.recipient_key = ""
    return row
