"""The control records of the log: what changes a decision and is no event.

Times and keys are as in evidence.py.
"""

from typing import Literal

from msgspec import Struct

from sidestep.schemas.evidence import FormerKeys, Number


class PolicyRecord(Struct, tag="policy", tag_field="kind", omit_defaults=True):
    """The whole policy, as its TOML text: the fold judges only with a policy that stands in the log."""

    version: str
    text: str
    at: Number
    partitions: Number = 1
    """Of email-evidence: they share the limits by MX provider."""


class ListsRecord(Struct, tag="lists", tag_field="kind", omit_defaults=True):
    """The versions of the lists that Screen compares with, from here on."""

    version: str
    lists: dict[str, str]
    at: Number


class ModelRecord(Struct, tag="model", tag_field="kind", omit_defaults=True):
    """A snapshot of the model of the risk, from here on."""

    version: str
    at: Number
    snapshot: str = ""
    """JSON of a ModelSnapshot (schemas/models.py): what it has learnt. Empty: no model any more."""


class HoldRecord(Struct, tag="hold", tag_field="kind", omit_defaults=True):
    """A service is put on hold until `until`; `until` 0 lifts it."""

    service: str
    until: Number
    reason: str
    at: Number
    by: str = ""
    """Who says so: watch; empty: a person."""


class SuppressRecord(Struct, tag="suppress", tag_field="kind", omit_defaults=True):
    """No more mail to an address, or to a whole domain, because somebody says so. In the domain's partition alone."""

    domain: str
    """Lower-case A-label."""
    reason: str
    by: str
    """Who says so."""
    at: Number
    recipient_key: bytes = b""
    """Of the mailbox identity; empty: the whole domain."""
    until: Number = 0
    """0: for good."""
    lifted: bool = False
    """It is taken back."""
    former: tuple[FormerKeys, ...] = ()
    """Only while the secret is being changed."""


class SourceHoldRecord(Struct, tag="source-hold", tag_field="kind", omit_defaults=True):
    """One source of a service's addresses is put on hold until `until`; `until` 0 lifts it."""

    service: str
    source: str
    until: Number
    reason: str
    at: Number
    by: str = ""
    """Who says so: a person, or watch."""


class TrapRecord(Struct, tag="trap", tag_field="kind", omit_defaults=True):
    """An address is a spam trap, or a whole domain is: somebody knows. In the domain's partition, or in all of them."""

    domain: str
    """Lower-case A-label; empty: only the mailbox's key is known, so it stands in every partition."""
    by: str
    """Who says so: a person, or the provider that has reported the hit."""
    at: Number
    recipient_key: bytes = b""
    """Of the mailbox identity; empty: the whole domain."""
    reason: str = ""
    hit_at: Number = 0
    """When a message of ours hit it, as far as that is known."""
    lifted: bool = False
    """It was a mistake."""
    event_key: bytes = b""
    """Of a provider's report: counts once by it. What follows is of such a report, too, and means what it means of
    feedback."""
    service: str = ""
    proved: str = ""
    tied: str = ""
    tied_at: Number = 0
    door: str = ""
    former: tuple[FormerKeys, ...] = ()
    """Only while the secret is being changed."""


MarkKind = Literal["hard-bounce", "suspension", "complaint", "opt-out", "stray-report"]
"""What feedback leaves in the history of a mailbox; a known trap is taken back by a TrapRecord."""


class MarksRecord(Struct, tag="marks", tag_field="kind", omit_defaults=True):
    """Somebody takes back what feedback has wrongly left in a mailbox's history. In the domain's partition alone."""

    domain: str
    """Lower-case A-label."""
    recipient_key: bytes
    """Of the mailbox identity."""
    reason: str
    by: str
    """Who says so."""
    at: Number
    kinds: tuple[MarkKind, ...] = ()
    """Which marks; empty: all of them."""
    former: tuple[FormerKeys, ...] = ()
    """Only while the secret is being changed."""


class ErasureRecord(Struct, tag="erasure", tag_field="kind", omit_defaults=True):
    """A person is forgotten: what is known of a mailbox goes, but for what stops mail to it. In every partition."""

    recipient_key: bytes
    """Of the mailbox identity."""
    by: str
    """Who says so."""
    at: Number
    reason: str = ""
    drop_suppression: bool = False
    """What stops mail to it goes, too."""
    former: tuple[FormerKeys, ...] = ()
    """Only while the secret is being changed."""


class Pace(Struct, omit_defaults=True, frozen=True):
    """How fast mail may go to one MX provider, beside what the policy says."""

    share: Number = 0
    """This partition's part of the provider's limits, millionths; 0: an equal part."""
    speed: Number = 1000
    """Thousandths that are left of `per_minute` until `until`, since the provider slowed us down; 1000: all."""
    reason: str = ""
    """What the provider has answered, and when: goes on after its name."""
    per_minute: Number = 0
    """Messages a minute that went to the provider through this partition before; 0: it has not slowed us down."""
    until: Number = 0
    """From then on the speed doubles, …"""
    double_after: Number = 0
    """… again and again after so many seconds."""


class PaceRecord(Struct, tag="pace", tag_field="kind", omit_defaults=True):
    """How fast mail may go to each MX provider from here on; one that is not named has its whole equal part."""

    at: Number
    providers: dict[str, Pace] = {}


Control = (
    PolicyRecord
    | ListsRecord
    | ModelRecord
    | HoldRecord
    | SourceHoldRecord
    | SuppressRecord
    | TrapRecord
    | MarksRecord
    | ErasureRecord
    | PaceRecord
)
