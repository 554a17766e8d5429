"""What is done about an incident besides telling of it, if the policy in force says so: control records. Pure."""

from sidestep.schemas import HoldRecord, SourceHoldRecord, Tally
from sidestep.streams.watch.state import WatchState
from sidestep.streams.watch.tables import IncidentRow, ReactionsRow, WindowRow
from sidestep.streams.watch.thresholds import Automatic

BY = "watch"
REASON_MAX = 200
"""Characters, as of a hold that an operator writes."""

Hold = HoldRecord | SourceHoldRecord


def take_policy(state: WatchState, tally: Tally) -> None:
    """A policy has taken force in a partition of the evidence; the others tell of it as well, sooner or later."""
    known = state.policy
    if known is None or tally.second >= known.second:
        state.reactions.put(b"policy", ReactionsRow(tally.second, tally.policy, tally.reactions, tally.paced))


def react(
    state: WatchState, incident: IncidentRow, window: WindowRow, second: int, automatic: Automatic
) -> Hold | None:
    """Hold the source or the service of an incident; None: only tell of it. What nothing was approved of in the window
    is stopped already, perhaps by an operator for longer; of what is not in it at all nothing is known."""
    reaction = state.policy.reactions.get(incident.pattern) if state.policy is not None else None
    if reaction is None or reaction.action == "report" or incident.most < automatic.bad or not incident.service:
        return None
    if incident.held_until > second:
        return None
    whole = reaction.action == "hold-service"
    sent = window.counts if whole else window.sources.get(incident.source)
    if sent is None or (not whole and not incident.source) or (sent.intents and not sent.approved):
        return None
    incident.held_until = second + reaction.seconds
    reason, until, at = _reason(incident), incident.held_until * 1000, second * 1000
    if whole:
        return HoldRecord(incident.service, until, reason, at, BY)
    return SourceHoldRecord(incident.service, incident.source, until, reason, at, BY)


def _reason(incident: IncidentRow) -> str:
    """The sentence up to what is to be done, as it stands in each verdict."""
    text = f"{incident.pattern}: {incident.text.partition(': ')[0]}"
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:REASON_MAX]
