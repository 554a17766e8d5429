"""From a reason to whom it blames and whether it is final: the table of the screen's reasons.toml. Pure."""

from functools import cache

from sidestep.schemas import Bounce
from sidestep.schemas.feedback import Scope
from sidestep.streams.screen.feedback.reasons import Meaning, Reasons, load_reasons


@cache
def _reasons() -> Reasons:
    return load_reasons()


def scope_of(reason: str) -> Scope:
    """Whom the reason blames; transient if it is none of the vocabulary."""
    return _reasons().of(reason).scope


def hardness(reason: str, status: str, reply: str) -> bool:
    """Whether trying again is pointless. A host that takes no mail takes none later, unless its code says so."""
    return _reasons().of(reason).hard and not (reason == "notaccept" and (status or reply)[:1] == "4")


def meaning_of(bounce: Bounce) -> Meaning:
    """Of a bounce in our own schema."""
    return _reasons().meaning(bounce)
