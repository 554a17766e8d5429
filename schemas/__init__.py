"""The contract: what travels on Sidestep's topics, as msgspec models, and their JSON. Loads nothing but msgspec."""

from sidestep.schemas.anomalies import Anomaly
from sidestep.schemas.codec import ContractError, decode, encode
from sidestep.schemas.controls import (
    ErasureRecord,
    HoldRecord,
    ListsRecord,
    MarksRecord,
    ModelRecord,
    Pace,
    PaceRecord,
    PolicyRecord,
    SourceHoldRecord,
    SuppressRecord,
    TrapRecord,
)
from sidestep.schemas.evidence import (
    FeedbackEvidence,
    FormerKeys,
    IntentEvidence,
    Listing,
    MailboxFinding,
    MxFinding,
    SoughtFeedback,
    TickRecord,
)
from sidestep.schemas.feedback import Bounce, Engagement
from sidestep.schemas.intents import EmailIntent
from sidestep.schemas.log import Evidence
from sidestep.schemas.models import ModelSnapshot, Reliability
from sidestep.schemas.tallies import Breakdown, Learnt, Outcomes, Reaction, Returns, ReturnsByName, Tally
from sidestep.schemas.verdicts import FiredRule, LogPosition, Verdict, Versions

__all__ = [
    "Anomaly",
    "Bounce",
    "Breakdown",
    "ContractError",
    "EmailIntent",
    "Engagement",
    "ErasureRecord",
    "Evidence",
    "FeedbackEvidence",
    "FiredRule",
    "FormerKeys",
    "HoldRecord",
    "IntentEvidence",
    "Learnt",
    "Listing",
    "ListsRecord",
    "LogPosition",
    "MailboxFinding",
    "MarksRecord",
    "ModelRecord",
    "ModelSnapshot",
    "MxFinding",
    "Outcomes",
    "Pace",
    "PaceRecord",
    "PolicyRecord",
    "Reaction",
    "Reliability",
    "Returns",
    "ReturnsByName",
    "SoughtFeedback",
    "SourceHoldRecord",
    "SuppressRecord",
    "Tally",
    "TickRecord",
    "TrapRecord",
    "Verdict",
    "Versions",
    "decode",
    "encode",
]
