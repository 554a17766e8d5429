"""What a bounce says about whom: from reason, scope, hard and status to a scope and a `hard`. Pure; the rules are
reasons.toml."""

import tomllib
from collections.abc import Set
from importlib.resources import files
from typing import NamedTuple, cast

from sidestep.schemas import Bounce
from sidestep.schemas.feedback import Scope


class Meaning(NamedTuple):
    """Whom a bounce blames, and whether it is final."""

    reason: str
    scope: Scope
    hard: bool


class Reasons:
    """The vocabulary of bounce reasons."""

    def __init__(self, text: str):
        document = tomllib.loads(text)
        self._status: dict[str, str] = document.pop("status")
        self._meanings: dict[str, Meaning] = {}
        for scope, names in document.items():
            for hardness in ("hard", "soft"):
                for name in names[hardness]:
                    self._meanings[name] = Meaning(name, cast(Scope, scope), hardness == "hard")

    def meaning(self, bounce: Bounce) -> Meaning:
        """What the sender of the bounce says goes first, then its reason, then its status. Nothing known: transient."""
        reason = bounce.reason.lower() or self._of_status(bounce.status)
        known = self.of(reason)
        scope = bounce.scope or known.scope
        hard = known.hard if bounce.hard is None else bounce.hard
        if bounce.hard and not bounce.scope and reason not in self._meanings:
            scope = "recipient"  # "hard" without any reason can only be meant of the mailbox
        return Meaning(reason, scope, hard)

    def of(self, reason: str) -> Meaning:
        """What a reason of the vocabulary means; any other: transient, soft."""
        return self._meanings.get(reason, Meaning(reason, "transient", False))

    def names(self) -> Set[str]:
        """The vocabulary."""
        return self._meanings.keys()

    def _of_status(self, status: str) -> str:
        while status:
            if status in self._status:
                return self._status[status]
            status = status.rpartition(".")[0]
        return ""


def load_reasons() -> Reasons:
    """Those that ship with Sidestep."""
    return Reasons((files("sidestep.streams.screen.feedback") / "data" / "reasons.toml").read_text())
