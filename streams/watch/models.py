"""The model of the risk in a partition's ledger: in the one that the tallies of all services together come to. Pure."""

import hashlib
from collections.abc import Iterator

import msgspec

from sidestep.schemas import ModelRecord, Tally
from sidestep.streams.watch.learn import doubt, learn, news
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.tables import ModelRow
from sidestep.streams.watch.thresholds import Learning

KEY = b"risk"


def teach_model(state: WatchState, tally: Tally, learning: Learning) -> None:
    """Learn from what a tally says became of messages."""
    row = state.models.get(KEY) or ModelRow()
    learn(row, state.second, tally.learnt, learning)
    state.models.put(KEY, row)


def doubt_model(state: WatchState, learning: Learning) -> None:
    """Another policy is in force."""
    row = state.models.get(KEY)
    if row is not None:
        doubt(row, learning)
        state.models.put(KEY, row)


def model_news(state: WatchState, learning: Learning) -> Iterator[ModelRecord]:
    """A new snapshot for the log, if there is one. Its version is a hash of it, so the same one is the same version."""
    row = state.models.get(KEY)
    found = news(row, learning) if row is not None else None
    if row is not None and found is not None:
        state.models.put(KEY, row)
        text = msgspec.json.encode(found)
        version = hashlib.sha256(text).hexdigest()[:12]
        yield ModelRecord(version=version, at=state.second * 1000, snapshot=text.decode())
