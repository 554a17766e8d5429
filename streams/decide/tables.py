"""The ledger's tables: what Decide remembers of a partition. Times are seconds since 1970 unless named otherwise.

A row's fields are stored by position: add new ones at the end, with a default; never reorder or reuse.
"""

from msgspec import Struct

from sidestep.streams.decide.id_rows import IdRow
from sidestep.streams.decide.limit_rows import ComesFirst, Slowed, WarmUp
from sidestep.streams.decide.mark_rows import StrayReport, TakenBack
from sidestep.streams.decide.partition_rows import ClockRow, ControlRow, EngineRow
from sidestep.streams.decide.tally_rows import TallyRow
from sidestep.streams.runtime.tables import Table

FOR_EVER = 2**53
"""Seconds: after any time that a record may have."""


class Suppressed(Struct, array_like=True, frozen=True, gc=False):
    """Somebody has said that no more mail is to go there."""

    since: int
    until: int
    """0: for good."""
    reason: str
    by: str


class Trapped(Struct, array_like=True, frozen=True, gc=False):
    """Somebody knows that a mailbox, or a whole domain, is a spam trap."""

    since: int
    """When it was reported first."""
    by: str
    reason: str = ""
    hit_at: int = 0
    """When a message of ours hit it last, as far as that is known."""


class DomainRow(Struct, array_like=True, gc=False):
    """Rates and reputation of a recipient domain."""

    tat_us: int = 0
    """GCRA: theoretical arrival time of the next message, microseconds."""
    slot_us: int = 0
    """The next free retry slot promised to a deferred intent."""
    first_seen: int = 0
    sends: int = 0
    hard_bounces: int = 0
    complaints: int = 0
    dark_since: int = 0
    """Took no mail (NXDOMAIN, null MX, no address) when last looked at, since then; 0: takes mail."""
    back_at: int = 0
    """Took mail again after having been dark: what recycled trap domains do."""
    slot_interval_us: int = 0
    """Of the limit under which `slot_us` was promised: under another one it means nothing."""
    dark_from: int = 0
    """When the last dark time began that `back_at` ended."""
    dark_reason: str = ""
    """Why it took no mail, the code of the MX finding: nxdomain, null-mx, …; of the dark time now, or the last one."""
    last_seen: int = 0
    """In any evidence."""
    suppressed: Suppressed | None = None
    trap: Trapped | None = None
    provider: str = ""
    """Who ran its mail when that was last looked up: google, microsoft, …"""
    minute: int = 0
    """Since 1970: the last one in which something was sent, …"""
    in_minute: int = 0
    """… and how much."""
    busiest: int = 0
    """Messages in its busiest minute of late, before that one."""
    slowed: Slowed | None = None
    exchange: str = ""
    """Its best mail server, when it last took mail."""
    moved_from: int = 0
    """When the dark time began after which its mail servers were others, …"""
    moved_at: int = 0
    """… and when that ended: what a domain that was given up and bought looks like."""
    settled_at: int = 0
    """When it was found at the mail servers that it has now; 0: it has had no others. Since then, of its mailboxes …"""
    silent: int = 0
    """… those that have had mail, and where nobody was seen (hosts.py), …"""
    alive: int = 0
    """… those where a person was seen, …"""
    gone: int = 0
    """… and those that have bounced for good or were suspended."""
    domains: int = 0
    """Of a host of mail: domains that have come to its servers, …"""
    slips: int = 0
    """… and those of them that are close to a large provider's name."""
    proved: ComesFirst | None = None
    """Those who prove which service they are, …"""
    known: ComesFirst | None = None
    """… and services that are known (known.py)."""

    @property
    def touched(self) -> int:
        """When something happened to it last; what is suppressed stays as long as that lasts, a known trap for ever."""
        return max(self.last_seen, self.first_seen, lasts(self.suppressed), FOR_EVER if self.trap is not None else 0)


class ServiceRow(Struct, array_like=True, gc=False):
    """One service at one recipient domain."""

    tat_us: int = 0
    slot_us: int = 0
    sends: int = 0
    never_mailed: int = 0
    hard_bounces: int = 0
    complaints: int = 0
    slot_interval_us: int = 0
    last_seen: int = 0
    warm_up: WarmUp | None = None

    @property
    def touched(self) -> int:
        """When something happened to it last; 0: nobody noted it then."""
        return self.last_seen


class LastMessage(Struct, array_like=True, frozen=True, gc=False):
    """Whose message it was, and where that service said that it had the address from."""

    service: str
    source: str = ""
    campaign: str = ""


class Mailed(Struct, array_like=True, frozen=True, gc=False):
    """When a service mailed a mailbox last."""

    service: str
    at: int


class RecipientRow(Struct, array_like=True, gc=False):
    """Life story of one mailbox, under its keyed hash; life.py writes it. A later success never clears an old mark."""

    first_seen: int = 0
    last_approved: int = 0
    last_delivered: int = 0
    last_engaged: int = 0
    hard_bounces: int = 0
    hard_bounced_at: int = 0
    suspended_at: int = 0
    complained_at: int = 0
    unsubscribed_at: int = 0
    service: str = ""
    """Who wrote to it first, by the name of the history (claims.py; likewise below), …"""
    source: str = ""
    """… and where that service had the address from."""
    hard_bounces_at: tuple[int, ...] = ()
    """Each, in the order of time; of many the first and the latest ones. Likewise:"""
    suspensions_at: tuple[int, ...] = ()
    accepted_at: int = 0
    """It took mail again, for the first time after its last hard bounce or suspension."""
    silence: int = 0
    """The longest time between two messages to it, seconds, …"""
    woken_at: int = 0
    """… and when that ended."""
    unanswered: int = 0
    """Messages since the last sign of a person."""
    last_stopped: int = 0
    """Somebody wanted to write to it and was stopped: it is still on a list."""
    suppressed: Suppressed | None = None
    last: LastMessage | None = None
    """Of the last message, which what comes back is counted for; None: as the first one, and no campaign."""
    trap: Trapped | None = None
    awaiting: int = 0
    """Signals of risk of the last message to it, by bit (risk.py), until something came of it; 0: it has."""
    hour_began: int = 0
    """When the hour began in which …"""
    hour_messages: int = 0
    """… so many messages were meant for it, …"""
    hour_forms: int = 0
    """… of so many different services, sources and campaigns: a bit for each, more or less."""
    unseen: int = 0
    """Of the messages since the last sign of a person, those of services of which such signs are reported."""
    alone: int = 0
    """No other service has to do with it (life.CLAIMED, life.PROVED); 0: others have, or it is not known."""
    mailed: tuple[Mailed, ...] = ()
    """Services that have mailed it, other than that of the last message; the latest first, a few."""
    stray: StrayReport | None = None
    taken_back: TakenBack | None = None
    """The last time."""
    subscribed_at: int = 0
    """The person has said that mail is wanted, the last time: by the policy's leave no earlier opt-out stops any."""

    @property
    def last_service(self) -> str:
        """Whose the last message to it was."""
        return self.service if self.last is None else self.last.service

    @property
    def touched(self) -> int:
        """When something happened to it last; what is suppressed stays as long as that lasts, a known trap for ever."""
        return max(
            FOR_EVER if self.trap is not None else 0,
            lasts(self.suppressed),
            self.last_approved,
            self.last_delivered,
            self.last_engaged,
            self.hard_bounced_at,
            self.suspended_at,
            self.complained_at,
            self.unsubscribed_at,
            self.subscribed_at,
            self.last_stopped,
            self.stray.at if self.stray is not None else 0,
            self.first_seen,
        )


class SourceRow(Struct, array_like=True, gc=False):
    """One source of a service's addresses (a form, an import), or one campaign of it: what became of its messages since
    it was new last."""

    began: int = 0
    """When it was new, or was so after a long silence."""
    last_sent: int = 0
    sent: int = 0
    """Since it began; of many the counts are halved, as a domain's are."""
    hard_bounces: int = 0
    complaints: int = 0
    engaged: int = 0
    passed: bool = False
    """Its first messages have been waited for, and were not bad."""
    held_at: int = 0
    """Since when it is held back; 0: it is not."""
    last_seen: int = 0
    """When an intent named it last, whatever became of that."""
    offered: int = 0
    """Intents to its addresses, whatever became of them; of many the counts are halved (hygiene.py). Of these:"""
    unknown: int = 0
    """To addresses that do not exist."""
    suspicious: int = 0
    traps: int = 0
    """Of the addresses, those that were reported to be traps."""
    proved_at: int = 0
    """Of all that a service sends: when it was proved first; 0: never (claims.py). Likewise:"""
    days: int = 0
    """Days on which it has sent, as far as it takes to be known (known.py)."""
    tried: int = 0
    """Of a source's addresses, those to which a first message has gone out, …"""
    bounced: int = 0
    """… and those of them that turned out not to exist: they are among `unknown`."""

    @property
    def touched(self) -> int:
        """When something happened to it last."""
        return max(self.began, self.last_seen, self.held_at)


class HoldRow(Struct, array_like=True, gc=False):
    """A service, or one source of it, on hold until then (milliseconds)."""

    until_ms: int
    reason: str = ""
    by_watch: bool = False
    """Watch has said so, not a person."""


def lasts(suppressed: Suppressed | None) -> int:
    """The second until which it holds; 0: there is none."""
    if suppressed is None:
        return 0
    return suppressed.until or FOR_EVER


DOMAIN_RATES = Table("domain_rates", b"d", DomainRow)
SERVICES = Table("services", b"s", ServiceRow)
SOURCES = Table("sources", b"f", SourceRow)
BOUNCE_HISTORY = Table("bounce_history", b"r", RecipientRow)
IDS = Table("ids", b"i", IdRow, windowed=True)
CLOCK = Table("clock", b"t", ClockRow)
CONTROL = Table("control", b"c", ControlRow)
HOLDS = Table("holds", b"h", HoldRow)
OPEN_TALLIES = Table("open_tallies", b"o", TallyRow)
ENGINES = Table("engines", b"e", EngineRow)

TABLES = (DOMAIN_RATES, SERVICES, SOURCES, BOUNCE_HISTORY, IDS, CLOCK, CONTROL, HOLDS, OPEN_TALLIES, ENGINES)
