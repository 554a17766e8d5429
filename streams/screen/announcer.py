"""The announcer of a Screen worker: has the log say with which policy and lists is judged from here on.

Every Screen worker has one, and they know of each other by email-control alone. A policy is *put in force* when a
worker starts with one that is new, or when its file has changed; at any other time a worker renews the one that is in
force, whoever has put it there. Two that put different policies in force at the same moment could leave some partitions
with one and some with the other: whoever finds in email-control that somebody wrote meanwhile writes once more.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from sidestep.schemas import ListsRecord, PolicyRecord
from sidestep.schemas.codec import encode
from sidestep.streams.runtime.outgoing import Keyed, Outgoing, Sender
from sidestep.streams.screen.control import (
    Written,
    is_due,
    key_note,
    notes_since,
    policy_notes,
    put,
    put_notes,
    written_kinds,
)
from sidestep.streams.screen.formers import Formers
from sidestep.streams.screen.key_note import KEY as HASH_KEY
from sidestep.streams.screen.key_note import KeyNote, note_at_start, still_in_force
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.lists.classes import version_of_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.log_layout import KEY as LAYOUT
from sidestep.streams.screen.log_layout import LogLayout, layout_of, still_laid_out
from sidestep.streams.screen.policy_history import AppliedPolicy, history, policy_in_force, replaced_by, superfluous
from sidestep.topics.catalog import CONTROL
from sidestep.topics.connection import Connection

ATTEMPTS = 10
"""By then somebody writes policies without end."""
PAUSE_SECONDS = 1.0
"""Before it is written once more: between half and all of it, so that two do not meet again."""
BY_FILE = "the file of a Screen worker"
"""Who has put a policy in force that was not applied by hand."""

log = logging.getLogger(__name__)


class _Purpose(Enum):
    IN_FORCE = 1
    AGAIN = 2
    """Whatever the notes say: somebody else wrote between ours."""
    RENEWAL = 3


class Announcer:
    """One worker's announcer. One announcement at a time."""

    def __init__(
        self,
        connection: Connection,
        publisher: Sender,
        book: DomainBook,
        keys: Keys,
        formers: Formers,
        name_of: Callable[[str], str] = lambda text: "",
    ):
        """`name_of`: what a policy calls itself, by its text. `book` hears how the cluster's log is laid out; `formers`
        what it knows of secrets, and of whom it has notes."""
        self._connection = connection
        self._publisher = publisher
        self._partitions = book.partitions
        self._book = book
        self._layout: LogLayout | None = None
        """None: it has not been looked at yet."""
        self._own, self._former = keys.fingerprint, keys.former.fingerprint if keys.former is not None else ""
        self._formers = formers
        self._name_of = name_of
        self._read = 0
        """Up to where email-control has been read."""
        self._lock = asyncio.Lock()

    async def put_in_force(self, version: str, text: str, lists: Mapping[str, str]) -> None:
        """A policy is judged by from here on, in every partition, unless it is already. `lists`: versions by name.

        Raises SidestepError, of which HashKeyMismatch comes before anything is written; what was not written is due
        again at the next call.
        """
        async with self._lock:
            for attempt in range(ATTEMPTS):
                policy = self._record(version, text)
                if not await self._announce(policy, lists, _Purpose.AGAIN if attempt else _Purpose.IN_FORCE):
                    return
                log.warning("another worker put another policy in force at the same moment: once more")
                await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.5, 1.0))
            log.error("others put other policies in force without end: give every Screen worker the same file")

    async def newer(self, version: str) -> AppliedPolicy | None:
        """The policy in force, where this one is older: was in force, until another one took its place. Raises
        BrokerUnreachable."""
        notes, _ = await asyncio.to_thread(notes_since, self._connection, 0)
        return replaced_by(version, notes)

    async def renew(self, version: str, text: str, lists: Mapping[str, str]) -> None:
        """The lists may have changed. The policy in force is written again before it leaves the log: this one, or
        another of which email-control has the text.

        Raises as put_in_force.
        """
        async with self._lock:
            await self._announce(self._record(version, text), lists, _Purpose.RENEWAL)

    def _record(self, version: str, text: str) -> PolicyRecord:
        return PolicyRecord(version=version, text=text, at=int(time.time() * 1000), partitions=self._partitions)

    async def _announce(self, policy: PolicyRecord, versions: Mapping[str, str], purpose: _Purpose) -> bool:
        """Write what is due. Whether somebody wrote another policy meanwhile."""
        lists = ListsRecord(version=version_of_lists(versions), lists=dict(versions), at=policy.at)
        notes, self._read = await asyncio.to_thread(notes_since, self._connection, 0)
        await self._claim(notes, policy.at)
        written = written_kinds(notes)
        if purpose is _Purpose.RENEWAL and (now := policy_in_force(notes)) is not None:
            policy = self._record(now.version, now.text)
        due: dict[str, PolicyRecord | ListsRecord] = {}
        if self._is_policy_due(written.get("policy"), policy, purpose):
            due["policy"] = policy
        if is_due(written.get("lists"), lists.version, self._partitions, lists.at):
            due["lists"] = lists
        if "policy" in due and not await self._begin(policy, purpose):
            del due["policy"]
        if purpose is not _Purpose.RENEWAL:  # behind the note that it begins: one who dies in between has left no text
            await self._note(policy, written.get("policy"), notes)
        if due:
            await self._write(due)
        return "policy" in due and overtaken(await asyncio.to_thread(policy_notes, self._connection), policy)

    async def _claim(self, notes: Mapping[str, bytes], now_ms: int) -> None:
        """Have the cluster know this worker's secret as the one in force, and how the log is laid out. Raises
        HashKeyMismatch, LogLayoutError."""
        found = key_note(notes)
        note = note_at_start(found, self._own, self._former, now_ms)
        layout = self._layout if self._layout is not None and LAYOUT not in notes else layout_of(notes, now_ms)
        due: dict[str, KeyNote | LogLayout] = {LAYOUT: layout} if LAYOUT not in notes else {}
        if note != found:
            due[HASH_KEY] = note  # behind the layout: whoever finds a hash key alone takes the log for one of before
        if due:
            await put_notes(self._publisher, due)
        if found is not None and found.version != note.version:
            log.warning("a new hash key is in force: people's rows move to it as they are met")
        self._lay_out(layout)
        self._formers.heard(note)
        self._formers.heard_notes(notes)

    def _lay_out(self, layout: LogLayout) -> None:
        """At the start; later only to see that it is still the same. Raises LogLayoutError."""
        if self._layout is not None:
            still_laid_out(layout, self._layout)
        elif astray := layout.astray():
            log.warning(
                "the log is laid out as it was begun: histories of mailboxes do not follow from one of these domains "
                "to another (docs/operations.md#how-the-log-is-laid-out): %s", ", ".join(astray),
            )  # fmt: skip
        self._layout = layout
        self._book.heard(layout)

    async def check_in_force(self) -> None:
        """Whether this worker's secret is still in force, and the log laid out as it was. Raises HashKeyMismatch,
        LogLayoutError."""
        async with self._lock:
            notes, self._read = await asyncio.to_thread(notes_since, self._connection, self._read)
        still_in_force(key_note(notes), self._own)
        if self._layout is not None and LAYOUT in notes:
            still_laid_out(layout_of(notes), self._layout)

    async def move_notes(self) -> None:
        """Write notes anew whose people were met. Raises SidestepError."""
        if not self._formers.notes.due:
            return
        async with self._lock:
            # as they are now: an operator may have taken one back
            notes, self._read = await asyncio.to_thread(notes_since, self._connection, 0)
            self._formers.heard_notes(notes)
            await self._publisher.send(Outgoing({(CONTROL.name, 0): self._formers.notes.take()}))

    def _is_policy_due(self, note: Written | None, policy: PolicyRecord, purpose: _Purpose) -> bool:
        if purpose is _Purpose.AGAIN:
            return True
        if purpose is _Purpose.RENEWAL and note is not None and note.version != policy.version:
            return False
        return is_due(note, policy.version, self._partitions, policy.at)

    async def _note(self, policy: PolicyRecord, before: Written | None, notes: Mapping[str, bytes]) -> None:
        """Have email-control know that this policy comes into force, or is: a note of before has no text."""
        is_new = before is None or before.version != policy.version
        known = history(notes)
        if not is_new and any(each.version == policy.version for each in known):
            return
        at = policy.at if is_new or before is None else before.at
        applied = AppliedPolicy(policy.version, self._name_of(policy.text), policy.text, at, BY_FILE)
        records: list[Keyed] = [{"key": applied.key, "value": encode(applied)}]
        records += [{"key": key, "value": None} for key in superfluous(notes)]
        await self._publisher.send(Outgoing({(CONTROL.name, 0): records}))

    async def _begin(self, policy: PolicyRecord, purpose: _Purpose) -> bool:
        """Note that the policy is being written. False: it must not be, for another one came into force meanwhile that
        a renewal would take back."""
        await put_notes(self._publisher, {"policy": Written(policy.version, 0, policy.at)})
        if purpose is not _Purpose.RENEWAL:
            return True
        notes = await asyncio.to_thread(policy_notes, self._connection)
        others = [note for note in notes[-2:] if note.version != policy.version]
        if others:
            await put_notes(self._publisher, {"policy": others[-1]})
        return not others

    async def _write(self, due: Mapping[str, PolicyRecord | ListsRecord]) -> None:
        await put(self._publisher, due, self._partitions)
        for kind, record in due.items():
            about = {"control": kind, "version": record.version, "partitions": self._partitions}
            log.info("written into the log", extra=about)


def overtaken(notes: Sequence[Written], policy: PolicyRecord) -> bool:
    """Whether another policy's note stands between the last two of this one: before and after it was written."""
    mine = [number for number, note in enumerate(notes) if (note.version, note.at) == (policy.version, policy.at)]
    return any(note.version != policy.version for note in notes[mine[-2] : mine[-1]]) if len(mine) > 1 else False
