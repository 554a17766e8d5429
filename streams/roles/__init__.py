"""The roles that a worker can play, one file each: what it is made of and how that is wired together.

A role is imported when a worker plays it, with its stage's libraries; the other roles' are not loaded.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command that only needs the names does without Faust
    from sidestep.streams.roles.role import MakeRole

ROLES = {
    "screen": "sidestep.streams.roles.screen:ScreenRole",
    "decide": "sidestep.streams.roles.decide:DecideRole",
    "watch": "sidestep.streams.roles.watch:WatchRole",
    "release": "sidestep.streams.roles.release:ReleaseRole",
}
"""The one table of roles, in the order in which a worker starts them: a stage after the one that writes its input."""
OPTIONAL = frozenset({"release"})
"""Roles that are played only where somebody says so."""
USUAL = tuple(name for name in ROLES if name not in OPTIONAL)
"""Those that make a whole of it: what `--role all`, `sidestep up` and the demo play."""


def load_role(name: str) -> "MakeRole":
    """The class of the role, by its name in the table."""
    module, _, attribute = ROLES[name].partition(":")
    role: MakeRole = getattr(importlib.import_module(module), attribute)
    return role
