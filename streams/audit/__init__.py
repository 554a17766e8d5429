"""The fold over a log once more: what it says of every record, and whether that is what stands in Kafka.

`Replayer` is for programs of others, too: docs/audit.md.
"""

from sidestep.streams.audit.replay import Replayed, Replayer
from sidestep.streams.audit.tables import ReplayTables

__all__ = ["ReplayTables", "Replayed", "Replayer"]
