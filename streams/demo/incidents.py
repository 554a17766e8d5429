"""What Watch finds during the day: the last record of each incident, and what is news in it. Pure."""

from sidestep.schemas import Anomaly

SEVERITY_COLOURS = {"critical": "red", "warning": "yellow", "notice": "cyan"}


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
