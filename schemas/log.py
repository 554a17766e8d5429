"""Every record that may stand in the log, topic email-evidence."""

from sidestep.schemas.controls import Control
from sidestep.schemas.evidence import FeedbackEvidence, IntentEvidence, SoughtFeedback, TickRecord

Evidence = IntentEvidence | FeedbackEvidence | SoughtFeedback | Control | TickRecord
