"""The policies that were put in force, in email-control: which, when and by whom, each with its text. Pure.

They are ordered by when they were applied, not by what stands in them. A worker that starts with a file of before knows
by this that another policy has taken its place; and whoever renews what is in force has its text, whatever file he has.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import msgspec

from sidestep.streams.screen.notes import notes_below, read_note

PREFIX = "policy/"
"""Of the notes' keys: policy/MILLISECONDS/VERSION."""
KEPT = 30
"""Policies of which there are notes. A text may have half a megabyte, and every Screen worker reads them all."""


class AppliedPolicy(msgspec.Struct, frozen=True):
    """The note of one."""

    version: str
    name: str
    """As it calls itself."""
    text: str
    at: int
    """When it was put in force, milliseconds since 1970."""
    by: str
    """Who did it."""

    @property
    def key(self) -> str:
        """Of its note."""
        return f"{PREFIX}{self.at:013d}/{self.version}"


class _InForce(msgspec.Struct, frozen=True):
    version: str


def history(notes: Mapping[str, bytes]) -> list[AppliedPolicy]:
    """What was put in force, in that order. One that was written again while it was in force is told once.

    `notes`: all of email-control, value by key.
    """
    found = sorted(notes_below(PREFIX, notes, AppliedPolicy), key=lambda each: each.at)
    return found[:1] + [each for before, each in pairwise(found) if each.version != before.version]


def version_in_force(notes: Mapping[str, bytes]) -> str:
    """Of the policy that was written last; empty: none was."""
    note = read_note(notes.get("policy", b""), _InForce)
    return note.version if note is not None else ""


def policy_in_force(notes: Mapping[str, bytes]) -> AppliedPolicy | None:
    """The policy that was written last; None: there is none, or a worker of before there were such notes has written
    it."""
    version = version_in_force(notes)
    return next((each for each in reversed(history(notes)) if each.version == version), None)


def replaced_by(version: str, notes: Mapping[str, bytes]) -> AppliedPolicy | None:
    """The policy that took the place of this version; None: this one is in force, or it is new."""
    now = policy_in_force(notes)
    if now is None or now.version == version:
        return None
    return now if any(each.version == version and each.at <= now.at for each in history(notes)) else None


def superfluous(notes: Mapping[str, bytes]) -> Iterable[str]:
    """Keys of notes that are older than those that are kept."""
    keys = sorted(key for key in notes if key.startswith(PREFIX))
    last = policy_in_force(notes)
    return [key for key in keys[:-KEPT] if last is None or key != last.key]
