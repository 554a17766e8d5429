"""What Watch finds during the day: anomalies as they are published, the last record of each incident. Pure but for the
reader."""

from sidestep.schemas import Anomaly
from sidestep.schemas.codec import decode
from sidestep.streams.demo.verdict_log import TopicReader
from sidestep.topics.catalog import ANOMALIES
from sidestep.topics.connection import Connection

SEVERITY_COLOURS = {"critical": "red", "warning": "yellow", "notice": "cyan"}


class AnomalyReader(TopicReader):
    """Anomalies as they come."""

    def __init__(self, connection: Connection):
        super().__init__(connection, ANOMALIES.name)

    def anomalies(self) -> list[Anomaly]:
        """Anomalies that have arrived since the last look; waits for none."""
        return [decode(Anomaly, value) for value in self.batch(0)]


class Incidents:
    """How each incident stands, in the order in which they were opened."""

    def __init__(self) -> None:
        self.by_id: dict[str, Anomaly] = {}

    def take(self, anomaly: Anomaly) -> str:
        """The news in it; empty: none for people in a hurry."""
        before = self.by_id.get(anomaly.id)
        self.by_id[anomaly.id] = anomaly
        if anomaly.held_until and (before is None or not before.held_until):
            what = f"the source {anomaly.source} of {anomaly.name}" if anomaly.source else anomaly.name
            return f"Watch puts {what} on hold: {anomaly.text.partition(': ')[0]}"
        return f"Watch: {anomaly.text}" if before is None else ""
