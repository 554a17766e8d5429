"""What the histories of a mailbox and of its domain say to who checks a list. Pure.

As to a test intent (streams/decide/trial.py): what operators have said, and what the mailbox has been through with the
service that asks, if no other has ever written there. Everybody's histories are another matter: whoever gets the list
back learns who has complained about whom.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide import life
from sidestep.streams.decide.expiry import ended
from sidestep.streams.decide.rules import needs
from sidestep.streams.decide.rules.case import NEVER
from sidestep.streams.decide.rules.ladder import RULES
from sidestep.streams.decide.tables import DomainRow, RecipientRow
from sidestep.streams.decide.trial import told_of_domain, told_of_mailbox
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.web.validate.answer import Told

_PAST = (
    needs.CAME_BACK
    | needs.HARD_BOUNCED
    | needs.SUSPENDED
    | needs.COMPLAINED
    | needs.UNSUBSCRIBED
    | needs.SUPPRESSED
    | needs.KNOWN_TRAP
    | needs.STRAY_REPORT
)
HISTORY_RULES = frozenset(
    rule.id for rule in RULES if any(isinstance(need, int) and need & _PAST for need in rule.needs)
)
"""Rules that go by what happened before."""


class Asking(NamedTuple):
    """Who checks a list."""

    service: str = ""
    """The one that would write; empty: none is named."""
    everybodys: bool = False
    """Whether all histories may be told."""


class PastSeen(NamedTuple):
    """What the report says of the histories that a list was checked with."""

    as_of: float
    """When they were read, Unix seconds: all that Decide had judged by then is in them."""
    asking: Asking


class KnownRows(NamedTuple):
    """The ledger's rows of a mailbox and of its domain; None: there is none."""

    recipient: RecipientRow | None
    domain: DomainRow | None

    def told(self, asking: Asking, evidence: IntentEvidence, now: int) -> tuple[RecipientRow, DomainRow]:
        """What of it may be told, as the rules take it. `now`: seconds since 1970."""
        if asking.everybodys:
            return self._all(evidence, now)
        # who reads the ledger needs no signature to be believed
        asks = replace(evidence, service=asking.service, proved=True)
        return told_of_mailbox(self.recipient, asks, now), told_of_domain(self.domain, asks, now)

    def _all(self, evidence: IntentEvidence, now: int) -> tuple[RecipientRow, DomainRow]:
        recipient, domain = self.recipient, self.domain
        domain = DomainRow() if domain is None or ended(domain, now) else domain
        life.seen(domain, evidence, now)
        return (NEVER if recipient is None or ended(recipient, now) else recipient), domain


class Past(NamedTuple):
    """Histories that a list is checked with."""

    seen: PastSeen
    rows_of: Callable[[ParsedAddress], KnownRows]

    def told_of(self, address: ParsedAddress) -> Told:
        """What may be told of an address."""
        return partial(self.rows_of(address).told, self.seen.asking)
