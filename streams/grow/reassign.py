"""`sidestep topics grow --replication`: Kafka copies partitions to more brokers, or takes them from some, while all
goes on. Blocks. Raises SidestepError."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, PartitionMetadata

from sidestep.streams.errors import GrowthStopped, RightsError
from sidestep.streams.grow.replicas import Placing, fault, in_sync, placed
from sidestep.streams.grow.show import Show
from sidestep.streams.rights.raw_requests import Send, asked, check
from sidestep.topics.admin import configs_of
from sidestep.topics.cluster import admin_client, cluster, reason, require
from sidestep.topics.connection import Connection
from sidestep.topics.needs import INTERNAL

AT_ONCE = 20
"""Partitions that are copied at the same time: brokers have work besides."""
AGAIN_SECONDS = 0.3
TOLD_SECONDS = 10.0
SECONDS = 30.0
IN_SYNC = "min.insync.replicas"
DOING = "placing replicas"


@dataclass(frozen=True)
class Replicated:
    """What has come of it."""

    topics: int
    partitions: int
    """Those that had another number of replicas."""


class Replicator:
    """Gives a cluster's topics another number of replicas."""

    def __init__(self, connection: Connection, topics: Collection[str], wanted: int, show: Show):
        """Of `topics`, Kafka's own are left out where it has not made them yet."""
        self._connection, self._wanted, self._show = connection, wanted, show
        self._admin: AdminClient = admin_client(connection)
        here = cluster(self._admin, connection).topics
        self._topics = [name for name in topics if name in here or name not in INTERNAL]

    def replicate(self) -> Replicated:
        """All of it. Killed anywhere, Kafka ends what it has begun; given again, the rest follows."""
        racks = self._racks()
        if found := fault(len(racks), self._wanted):
            raise GrowthStopped(found)
        self._await_in_sync(racks.keys())
        self._require_in_sync(lower=True)
        moves = placed({place: each.replicas for place, each in self._partitions().items()}, racks, self._wanted)
        self._show.step(f"brokers get their replicas of {len(moves)} partitions", len(moves))
        places = sorted(moves)
        for done in range(0, len(places), AT_ONCE):
            self._place({place: moves[place] for place in places[done : done + AT_ONCE]}, done)
        self._require_in_sync(lower=False)
        return Replicated(len(self._topics), len(moves))

    def _racks(self) -> dict[int, str]:
        try:
            found = self._admin.describe_cluster(request_timeout=SECONDS).result(SECONDS)
        except KafkaException as error:
            raise GrowthStopped(f"the brokers can't be named: {reason(error.args[0])}") from None
        return {node.id: node.rack or "" for node in found.nodes}

    def _partitions(self) -> dict[tuple[str, int], PartitionMetadata]:
        found = require(self._admin, self._connection, self._topics)
        return {(name, number): each for name in self._topics for number, each in found[name].partitions.items()}

    def _await_in_sync(self, brokers: Collection[int]) -> None:
        """What an earlier command has begun ends first; a broker that is away would keep it for ever."""
        here = self._partitions()
        if away := sorted({broker for each in here.values() for broker in each.replicas} - set(brokers)):
            raise GrowthStopped(f"broker {', '.join(map(str, away))} has replicas and is away: start it first")
        self._await({place: each.replicas for place, each in here.items()}, 0)

    def _place(self, some: Placing, before: int) -> None:
        topics: list[tuple[Any, ...]] = [
            (name, [(number, some[name, number], {}) for _, number in places], {})
            for name, places in groupby(sorted(some), key=itemgetter(0))
        ]
        request = AlterPartitionReassignmentsRequest(round(SECONDS * 1000), topics, {})

        async def ask(send: Send) -> None:
            answer = await send(request)
            check(answer.error_code, answer.error_message, DOING)
            for name, partitions, _ in answer.responses:
                for number, code, message, _ in partitions:
                    check(code, message, f"{DOING} of {name}/{number}")

        try:
            asked(self._connection, DOING, ask)
        except RightsError as error:
            raise GrowthStopped(str(error)) from error
        self._await(some, before)

    def _await(self, wanted: Mapping[tuple[str, int], Sequence[int]], before: int) -> None:
        """Each partition is where it should be, and all in sync."""
        told = time.monotonic()
        while missing := self._missing(wanted):
            self._show.done(before + len(wanted) - len(missing))
            if time.monotonic() - told > TOLD_SECONDS:
                told = time.monotonic()
                name, number = missing[0]
                self._show.say(f"waiting: {len(missing)} partitions are being copied, the first is {name}/{number}")
            time.sleep(AGAIN_SECONDS)
        self._show.done(before + len(wanted))

    def _missing(self, wanted: Mapping[tuple[str, int], Sequence[int]]) -> list[tuple[str, int]]:
        found = cluster(self._admin, self._connection).topics
        here = {place: found[place[0]].partitions[place[1]] for place in wanted}
        return [
            place
            for place, brokers in wanted.items()
            if not set(brokers) == set(here[place].replicas) == set(here[place].isrs)
        ]

    def _require_in_sync(self, *, lower: bool) -> None:
        """Lowered before replicas go, raised when they are there: writers never wait for more than there are."""
        here = {name: int(each[IN_SYNC]) for name, each in configs_of(self._admin, self._topics).items()}
        now = {name: in_sync(before, self._wanted) for name, before in here.items()}
        self._alter(
            {name: after for name, after in now.items() if (after < here[name] if lower else after > here[name])}
        )

    def _alter(self, wanted: Mapping[str, int]) -> None:
        resources = [_setting(name, value) for name, value in wanted.items()]
        if not resources:
            return
        for resource, future in self._admin.incremental_alter_configs(resources).items():
            try:
                future.result(SECONDS)
            except KafkaException as error:
                raise GrowthStopped(f"{IN_SYNC} of {resource.name}: {reason(error.args[0])}") from None


def _setting(topic: str, value: int) -> ConfigResource:
    entry = ConfigEntry(IN_SYNC, str(value), incremental_operation=AlterConfigOpType.SET)
    return ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
