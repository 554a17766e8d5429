"""Reasons of bounces, and what each means: its scope (whom it blames) and whether it is hard. Pure.

The vocabulary is data/reasons.toml.
"""

import re
import tomllib
from collections.abc import Set
from functools import cache
from importlib.resources import files
from typing import NamedTuple, cast

from sidestep.schemas import Bounce
from sidestep.schemas.feedback import Scope

OTHER = "other"
"""For a reason that is no name."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,39}")


class Meaning(NamedTuple):
    """The meaning of a bounce: whom it blames, and whether it is final."""

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
        """The meaning of a bounce: its own scope and `hard` go first, then its reason, then its status."""
        reason = bounce.reason.lower() or self._of_status(bounce.status)
        known = self.of(reason)
        scope = bounce.scope or known.scope
        hard = known.hard if bounce.hard is None else bounce.hard
        if bounce.hard and not bounce.scope and reason not in self._meanings:
            scope = "recipient"  # "hard" without any reason can only be meant of the mailbox
        return Meaning(self._named(reason), scope, hard)

    def _named(self, reason: str) -> str:
        """As it is counted for weeks: a name. Whoever reports a bounce may write anything there, a server's answer and
        the address in it too."""
        return reason if reason in self._meanings or not reason or _NAME.fullmatch(reason) else OTHER

    def of(self, reason: str) -> Meaning:
        """The meaning of a reason; of one that is not in the vocabulary: transient, soft."""
        return self._meanings.get(reason, Meaning(reason, "transient", False))

    def names(self) -> Set[str]:
        """The reasons of the vocabulary."""
        return self._meanings.keys()

    def _of_status(self, status: str) -> str:
        while status:
            if status in self._status:
                return self._status[status]
            status = status.rpartition(".")[0]
        return ""


@cache
def load_reasons() -> Reasons:
    """The vocabulary that ships with Sidestep."""
    return Reasons((files("sidestep.streams.screen.feedback") / "data" / "reasons.toml").read_text("utf-8"))


def scope_of(reason: str) -> Scope:
    """The scope of a reason: whom it blames; transient for one that is not in the vocabulary."""
    return load_reasons().of(reason).scope


def hardness(reason: str, status: str, reply: str) -> bool:
    """Whether trying again is pointless. No code of class 4 is final (RFC 3463 3.1, RFC 5321 4.2.1), whatever the words
    say: no provider's page that we know says otherwise of its own."""
    return load_reasons().of(reason).hard and not (status.startswith("4") or reply.startswith("4"))


def meaning_of(bounce: Bounce) -> Meaning:
    """The meaning of a bounce in our own schema."""
    return load_reasons().meaning(bounce)
