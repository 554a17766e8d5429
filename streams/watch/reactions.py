"""What is done about an incident besides telling of it, if the policy in force says so: control records. Pure."""

from sidestep.schemas import HoldRecord, Reaction, SourceHoldRecord
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.tables import IncidentRow, ReactionsRow
from sidestep.streams.watch.thresholds import Automatic

BY = "watch"
REASON_MAX = 200
"""Characters, as of a hold that an operator writes."""

Hold = HoldRecord | SourceHoldRecord


def take_policy(state: WatchState, second: int, version: str, reactions: dict[str, Reaction]) -> None:
    """A policy has taken force in a partition of the evidence; the others tell of it as well, sooner or later."""
    known = state.policy
    if known is None or second >= known.second:
        state.reactions.put(b"policy", ReactionsRow(second, version, reactions))


def react(state: WatchState, row: IncidentRow, second: int, held: bool, automatic: Automatic) -> Hold | None:
    """Hold the source or the service of an incident; None: only tell of it.

    `held`: the service is on hold already, perhaps an operator's, which must not be cut short.
    """
    reaction = state.policy.reactions.get(row.pattern) if state.policy is not None else None
    if reaction is None or reaction.action == "report" or row.told < automatic.bad or not row.service:
        return None
    if row.held_until > second:
        return None
    reason, until = _reason(row), second + reaction.seconds
    if reaction.action == "hold-service" and not held:
        row.held_until = until
        return HoldRecord(row.service, until * 1000, reason, second * 1000)
    if reaction.action == "hold-source" and row.source:
        row.held_until = until
        return SourceHoldRecord(row.service, row.source, until * 1000, reason, second * 1000, BY)
    return None


def _reason(row: IncidentRow) -> str:
    """The sentence up to what is to be done, as it stands in each verdict."""
    text = f"{row.pattern}: {row.text.partition(': ')[0]}"
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:REASON_MAX]
