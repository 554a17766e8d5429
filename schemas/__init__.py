"""The contract: what travels on Sidestep's topics, as msgspec models, and their JSON. Loads nothing but msgspec."""

from sidestep.schemas.anomalies import Anomaly
from sidestep.schemas.codec import ContractError, decode, encode
from sidestep.schemas.evidence import (
    Evidence,
    FeedbackEvidence,
    HoldRecord,
    IntentEvidence,
    Listing,
    ListsRecord,
    MailboxFinding,
    ModelRecord,
    MxFinding,
    PolicyRecord,
    SuppressRecord,
    TickRecord,
)
from sidestep.schemas.feedback import Bounce, Engagement
from sidestep.schemas.intents import EmailIntent
from sidestep.schemas.tallies import Breakdown, Outcomes, Tally
from sidestep.schemas.verdicts import FiredRule, LogPosition, Verdict, Versions

__all__ = [
    "Anomaly",
    "Bounce",
    "Breakdown",
    "ContractError",
    "EmailIntent",
    "Engagement",
    "Evidence",
    "FeedbackEvidence",
    "FiredRule",
    "HoldRecord",
    "IntentEvidence",
    "Listing",
    "ListsRecord",
    "LogPosition",
    "MailboxFinding",
    "ModelRecord",
    "MxFinding",
    "Outcomes",
    "PolicyRecord",
    "SuppressRecord",
    "Tally",
    "TickRecord",
    "Verdict",
    "Versions",
    "decode",
    "encode",
]
