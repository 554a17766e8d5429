"""`sidestep` whose clients of the consumer group are told nothing of a topic while a file exists, as by a broker that
has just started. With SIDESTEP_FORGET_CARELESS the leader assigns from such an answer all the same, as Faust does.
"""

import os
from pathlib import Path
from typing import Any

from aiokafka.cluster import ClusterMetadata
from faust.assignor.partition_assignor import PartitionAssignor

from sidestep.streams.cli import main
from sidestep.streams.runtime.assignor import CompleteAssignor


def forget(topic: str, while_there: Path) -> None:
    """Have every answer lack the topic."""
    update = ClusterMetadata.update_metadata

    def lacking(cluster: Any, metadata: Any) -> None:
        if while_there.exists():
            metadata.topics = [about for about in metadata.topics if about[1] != topic]
        update(cluster, metadata)

    ClusterMetadata.update_metadata = lacking


def assign_from_anything() -> None:
    """Faust's own assignor."""
    CompleteAssignor.assign = PartitionAssignor.assign  # type: ignore[method-assign]  # on purpose, in this process


if __name__ == "__main__":
    forget(os.environ["SIDESTEP_FORGET_TOPIC"], Path(os.environ["SIDESTEP_FORGET_WHILE"]))
    if os.environ.get("SIDESTEP_FORGET_CARELESS"):
        assign_from_anything()
    main()
