"""The reload of a policy file: what changed in it reaches the log while the worker runs, a broken one does not.

Editors replace files or write them piece by piece, and Kubernetes turns a link round: so a file is looked at by its
content, and counts when it reads the same twice.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from sidestep.streams.decide.policy_check import faults_of
from sidestep.streams.decide.policy_file import decoded, read_octets
from sidestep.streams.decide.policy_text import version_of
from sidestep.topics.errors import BrokerUnreachable, PublishFailed

LOOK_SECONDS = 2.0

log = logging.getLogger(__name__)


class PolicyContent(NamedTuple):
    """What a policy file had at one look: its text, or the fault that kept it from being read."""

    text: str
    fault: str = ""


class PolicyReload:
    """The reload of one file. `put` has every partition judge by a text; `refused` hears a sentence about what is wrong
    with the file, "" once nothing is."""

    def __init__(self, path: Path, text: str, put: Callable[[str], Awaitable[None]], refused: Callable[[str], None]):
        """`text`: the policy that this worker has put in force at its start."""
        self._path = path
        self._text = text
        self._put = put
        self._refused = refused
        self._seen = PolicyContent(text)
        self._told = ""
        self._halfway = False  # some partitions may have another text than the file has by now

    async def follow(self) -> None:
        """Look every two seconds, for ever. While Kafka takes nothing, a changed policy waits."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except (BrokerUnreachable, PublishFailed) as error:
                log.warning("the changed policy is not in the log yet, it is tried again: %s", error)

    async def look(self) -> None:
        """Look once; what reads as it did last time counts. Raises SidestepError; then it is due at the next look."""
        content = await asyncio.to_thread(self._read)
        steady, self._seen = content == self._seen, content
        if not steady:
            return
        fault = content.fault or await asyncio.to_thread(self._faults, content.text)
        if fault:
            self._tell(f"The policy file {self._path} {fault}")
            return
        if content.text != self._text or self._halfway:
            self._halfway = True
            await self._put(content.text)
            self._text, self._halfway = content.text, False
            log.info("the changed policy is in force", extra={"file": str(self._path), "version": self._version})
        self._tell("")

    @property
    def _version(self) -> str:
        return version_of(self._text)

    def _read(self) -> PolicyContent:
        try:
            return PolicyContent(decoded(read_octets(self._path)))
        except OSError as error:
            return PolicyContent("", f"can't be read: {error.strerror}")
        except ValueError as error:
            return PolicyContent("", str(error))

    def _faults(self, text: str) -> str:
        """What `sidestep policy check` says of a text, as the end of a sentence."""
        if text == self._text:
            return ""
        found = faults_of(text)
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"can't be used: {found[0]}{more}" if found else ""

    def _tell(self, sentence: str) -> None:
        """Once each."""
        if sentence == self._told:
            return
        self._told = sentence
        if sentence:
            sentence = (
                f"{sentence}. Policy {self._version} stays in force; mend the file, "
                f"`sidestep policy check {self._path}` tells every fault."
            )
            log.error(sentence)
        else:
            log.info("the policy file can be used again", extra={"file": str(self._path)})
        self._refused(sentence)
