"""The policy that a cluster judges by, as email-control has it: answers follow from it as verdicts do."""

import asyncio
import logging
from collections.abc import Callable

from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.errors import PolicyError
from sidestep.streams.screen.control import notes_since
from sidestep.streams.screen.policy_history import PREFIX, policy_in_force
from sidestep.topics.connection import Connection
from sidestep.topics.errors import SidestepError

LOOK_SECONDS = 5.0

log = logging.getLogger(__name__)


class PolicyInForce:
    """The policy in force in one cluster."""

    def __init__(self, connection: Connection):
        self._connection = connection
        self._offset = 0
        self._notes: dict[str, bytes] = {}
        self._version = ""

    def read(self) -> Policy | None:
        """The policy; None: it is the one of the last call. Blocks. Raises BrokerUnreachable, and PolicyError where
        there is none, or one that only a newer version can read."""
        notes, self._offset = notes_since(self._connection, self._offset)
        self._notes |= {key: value for key, value in notes.items() if key == "policy" or key.startswith(PREFIX)}
        found = policy_in_force(self._notes)
        if found is None:
            raise PolicyError("no policy is in force in this Kafka: start its workers first, or give --policy FILE")
        if found.version == self._version:
            return None
        policy = parse(found.text)
        self._version = found.version
        return policy

    async def follow(self, use: Callable[[Policy], None]) -> None:
        """Call `use` whenever there is another one, until cancelled. Where it can't be read, the last one stays."""
        told = ""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                policy = await asyncio.to_thread(self.read)
            except SidestepError as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("the policy in force can't be read, answers follow from the last one: %s", error)
                continue
            told = ""
            if policy is not None:
                use(policy)
                log.info("another policy is in force", extra={"policy": policy.version})
