"""Holds as an intent meets them: of its service, and of its source. Pure.

A hold of a service is one of those who claim to be it, too; that of claims is theirs alone, so that nobody has a
service held by what he does in its name.
"""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.claims import history_name
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.keys import source_key
from sidestep.streams.decide.tables import HoldRow


def hold_of(controls: Controls, evidence: IntentEvidence) -> HoldRow | None:
    """The hold that the service of an intent is on now."""
    if not controls.holds:
        return None
    found = _in_force(controls, evidence.service.encode())
    return _stricter(found, _in_force(controls, history_name(evidence).encode())) if evidence.claimed else found


def source_hold(controls: Controls, evidence: IntentEvidence) -> HoldRow | None:
    """The hold that the source of an intent is on now."""
    if not controls.holds:
        return None
    found = _in_force(controls, source_key(evidence.service, evidence.source))
    if not evidence.claimed:
        return found
    return _stricter(found, _in_force(controls, source_key(history_name(evidence), evidence.source)))


def _in_force(controls: Controls, key: bytes) -> HoldRow | None:
    hold = controls.holds.get(key)
    return hold if hold is not None and hold.until_ms > controls.clock_ms else None


def _stricter(one: HoldRow | None, other: HoldRow | None) -> HoldRow | None:
    """What a person has said before what Watch has, then the longer one."""
    found = [hold for hold in (one, other) if hold is not None]
    return max(found, key=lambda hold: (not hold.by_watch, hold.until_ms), default=None)
