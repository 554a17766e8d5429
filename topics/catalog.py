"""The one list of topics. `sidestep topics create` makes them, `check` compares a cluster with it, `list` prints it."""

from dataclasses import dataclass
from typing import Any

from sidestep.schemas import Anomaly, Bounce, EmailIntent, Engagement, Evidence, Tally, Verdict

DAY_MS = 24 * 60 * 60 * 1000
DEFAULT_PARTITIONS = 4


@dataclass(frozen=True)
class Topic:
    """One topic. `schema` is the model of its values, None where they are not JSON models."""

    name: str
    key: str
    schema: Any
    about: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    retention_ms: int | None
    """None: kept for ever (compacted)."""
    why_so_long: str
    """What its records are kept so long for; where that is for ever, how one ends all the same. Ends a sentence."""
    addresses: bool = False
    """Whether addresses of recipients stand in it in plain form; otherwise only as keyed hashes."""
    cleanup: str = "delete"
    partitions: int = DEFAULT_PARTITIONS
    max_message_bytes: int = 1_048_588
    same_partitions_as: str = ""
    """A verdict and a changelog record go to the partition number of their evidence."""

    def config(self) -> dict[str, str]:
        """Topic settings, as Kafka spells them."""
        settings = {"cleanup.policy": self.cleanup, "max.message.bytes": str(self.max_message_bytes)}
        if self.retention_ms is not None:
            settings["retention.ms"] = str(self.retention_ms)
        if self.cleanup == "compact":
            # recovery reads the whole changelog: compact early, in segments small enough to be closed
            settings |= {"min.cleanable.dirty.ratio": "0.3", "segment.bytes": str(128 * 1024 * 1024)}
            # for half of it a ledger on disk, or yesterday's snapshot of one, can be brought up to date by it
            settings |= {"delete.retention.ms": str(3 * DAY_MS)}
        return settings


INTENTS = Topic(
    "email-intents",
    "anything",
    EmailIntent,
    "a service wants to send one message to one recipient",
    producers=("services", "operators", "release"),
    consumers=("screen",),
    retention_ms=7 * DAY_MS,
    why_so_long="Screen may be away for a weekend, and what a service has sent can be looked at when it asks why",
    addresses=True,
)
BOUNCES = Topic(
    "email-bounces",
    "anything",
    Bounce,
    "a bounce or a complaint",
    producers=("services", "mailers", "receivers", "operators"),
    consumers=("screen",),
    retention_ms=7 * DAY_MS,
    why_so_long="Screen may be away for a weekend; what it means for its recipient is in the ledger by then",
    addresses=True,
)
ENGAGEMENT = Topic(
    "email-engagement",
    "anything",
    Engagement,
    "delivered, opened, clicked, replied, unsubscribed",
    producers=("services", "mailers", "receivers", "operators"),
    consumers=("screen",),
    retention_ms=7 * DAY_MS,
    why_so_long="Screen may be away for a weekend",
    addresses=True,
)
EVIDENCE = Topic(
    "email-evidence",
    "domain of the recipient's mailbox",
    Evidence,
    "what Screen found out, and control records: the audit log",
    producers=("screen", "watch", "operators"),
    consumers=("decide", "auditors"),
    retention_ms=30 * DAY_MS,
    why_so_long="for a month a verdict can be proved again, and a policy tried on the past; Decide may be away so long",
    addresses=True,
)
APPROVED = Topic(
    "email-approved",
    "intent id",
    Verdict,
    "verdicts: send it",
    producers=("decide",),
    consumers=("mailers", "operators", "dashboards", "auditors"),
    retention_ms=30 * DAY_MS,
    why_so_long="a verdict can be explained as long as the evidence is there that it follows from",
    addresses=True,
    same_partitions_as="email-evidence",
)
REJECTED = Topic(
    "email-rejected",
    "intent id",
    Verdict,
    "verdicts: drop it, or offer it again later",
    producers=("decide",),
    consumers=("services", "release", "operators", "dashboards", "auditors"),
    retention_ms=30 * DAY_MS,
    why_so_long="a verdict can be explained as long as the evidence is there that it follows from",
    addresses=True,
    same_partitions_as="email-evidence",
)
TALLIES = Topic(
    "email-tallies",
    "service",
    Tally,
    "counts per service and second of log time",
    producers=("decide", "watch"),
    consumers=("watch", "operators", "dashboards", "auditors"),
    retention_ms=7 * DAY_MS,
    why_so_long="Watch may be away for a weekend; what it has learnt is in its ledger",
)
ANOMALIES = Topic(
    "email-anomalies",
    "service or domain",
    Anomaly,
    "what looks wrong, and which source to fix",
    producers=("watch",),
    consumers=("services", "operators", "dashboards", "auditors"),
    retention_ms=90 * DAY_MS,
    why_so_long="what comes back every few weeks is seen in the incidents of a quarter",
)
DEAD_LETTERS = Topic(
    "email-dead-letters",
    "original key",
    None,
    "what could not be read, byte for byte; the reason is in the headers",
    producers=("screen", "decide", "watch"),
    consumers=("operators",),
    retention_ms=30 * DAY_MS,
    why_so_long="whoever sent it has a month to notice and to mend it, for which all of its octets are needed",
    addresses=True,
    max_message_bytes=2_300_000,  # the largest record of any other topic, and the reason with it
    same_partitions_as="email-evidence",
)
CONTROL = Topic(
    "email-control",
    "kind, or hold/SERVICE and the like",
    None,
    "what was last written of each kind of control record, the holds in force, which dead letters were sent back",
    producers=("screen", "watch", "operators"),
    consumers=("screen", "decide", "watch", "release", "operators"),
    retention_ms=None,
    why_so_long="what is in force is what was written last; what is taken back ends with a tombstone",
    cleanup="compact",
    partitions=1,
)
LEDGER_CHANGELOG = Topic(
    "email-ledger-changelog",
    "ledger key",
    None,
    "compacted copy of the ledger",
    producers=("decide",),
    consumers=("decide", "operators", "auditors"),
    retention_ms=None,
    why_so_long="a ledger is rebuilt from it; a row ends with a tombstone, 24 months of log time after the last event",
    cleanup="compact",
    same_partitions_as="email-evidence",
)
IDS_CHANGELOG = Topic(
    "email-ids-changelog",
    "none",
    None,
    "the intent ids of each batch in one record; the de-duplication window",
    producers=("decide",),
    consumers=("decide", "auditors"),
    retention_ms=15 * DAY_MS,
    why_so_long="an intent that comes again is known for 8 days of log time, and the log may be a week late",
    same_partitions_as="email-evidence",
)

WATCH_CHANGELOG = Topic(
    "email-watch-changelog",
    "ledger key",
    None,
    "compacted copy of Watch's ledger",
    producers=("watch",),
    consumers=("watch", "operators", "auditors"),
    retention_ms=None,
    why_so_long="Watch's ledger is rebuilt from it; a story ends with a tombstone, 400 days after it was heard of last",
    cleanup="compact",
    same_partitions_as="email-tallies",
)
RELEASE_CHANGELOG = Topic(
    "email-release-changelog",
    "ledger key",
    None,
    "compacted copy of Release's ledger: when which deferred intent is due",
    producers=("release",),
    consumers=("release",),
    retention_ms=None,
    why_so_long="Release's ledger is rebuilt from it; a row ends with a tombstone when its intent is offered again",
    cleanup="compact",
    same_partitions_as="email-evidence",
)
"""Needed by workers of the role release alone."""
CATALOG: tuple[Topic, ...] = (
    INTENTS,
    BOUNCES,
    ENGAGEMENT,
    EVIDENCE,
    APPROVED,
    REJECTED,
    TALLIES,
    ANOMALIES,
    DEAD_LETTERS,
    CONTROL,
    LEDGER_CHANGELOG,
    IDS_CHANGELOG,
    WATCH_CHANGELOG,
    RELEASE_CHANGELOG,
)
BY_NAME = {topic.name: topic for topic in CATALOG}
