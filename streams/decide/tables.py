"""The ledger's tables: what Decide remembers of a partition. Times are seconds since 1970 unless named otherwise.

A row's fields are stored by position: add new ones at the end, with a default; never reorder or reuse.
"""

from msgspec import Struct

from sidestep.streams.decide.tally_rows import TallyRow
from sidestep.streams.runtime.tables import Table

DEDUPLICATION_SECONDS = 8 * 86400
"""An id is known for a day longer than intents are retained: a replay of the whole topic repeats nothing."""


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


class Slowed(Struct, array_like=True, gc=False):
    """What a domain's server has answered about our speed, and what is left of the limit since. See slow_down.py."""

    per_minute: int
    """Messages in its busiest minute before that."""
    speed: int = 1000
    """Thousandths that were left when it was lowered last; 1000: answers are only counted as yet."""
    lowered_at: int = 0
    until: int = 0
    """From then on it climbs."""
    answered: int = 0
    """When it was taken seriously last, …"""
    said: str = ""
    """… and what it was."""
    counted_from: int = 0
    answers: int = 0
    """Since then, that were not taken seriously yet."""


class WarmUp(Struct, array_like=True, gc=False):
    """The warm-up of a service at an MX provider. See warm_up.py."""

    day: int
    """Since 1970, by UTC: the last one on which something was sent."""
    step: int
    """Days of sending before that one that have counted."""
    sent: int = 0
    """On that day."""
    slot_us: int = 0
    """The next time that was not promised to a deferred intent."""


class ComesFirst(Struct, array_like=True, gc=False):
    """Of a limit that services share: those who come before others. See commons.py."""

    at: int
    """When one of them was there last, to the minute."""
    slot_us: int = 0
    """The next free retry slot promised to one of them, and under which limit."""
    slot_interval_us: int = 0
    others_us: int = 0
    """From then on a message of the others goes whatever these need: they are not to wait for ever."""


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


class StrayReport(Struct, array_like=True, frozen=True, gc=False):
    """Somebody has said something of a mailbox that is not of a message of ours."""

    at: int
    """When it happened, of the last one."""
    what: str
    """hard-bounce, suspension, complaint, opt-out or trap."""
    service: str
    """Whose message it is said to be about; empty: nobody says."""
    times: int = 1


class TakenBack(Struct, array_like=True, frozen=True, gc=False):
    """Somebody has taken marks of a mailbox back."""

    at: int
    by: str
    reason: str
    kinds: tuple[str, ...]
    """hard-bounce, suspension, complaint, opt-out, stray-report."""


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


class SentTo(Struct, array_like=True, frozen=True, gc=False):
    """To whom an approved message goes, for feedback that names the intent's id alone (by_id.py)."""

    recipient_key: bytes
    domain: str
    token: bytes = b""
    """The last eight octets of the token that the verdict hands on."""


class IdRow(Struct, array_like=True, gc=False):
    """An intent (or feedback) that has been counted; or one attempt of a content that has had its verdict (content: the
    last record of each partition in which it came, with spaces between them)."""

    at: int
    content: bytes = b""
    """Of an intent: the first eight octets of its content's key, and the evidence's `parts`."""
    attempt: int = 1
    """The last one that was judged, …"""
    action: int = 0
    began: int = 1
    """… and the first: 1, unless the ledger knew nothing of its id any more."""
    sent_to: SentTo | None = None
    """Of an approved intent."""


SEND, DROP, DEFER, COUNTED, STRAY, ERASED = 0, 1, 2, 3, 4, 5
"""IdRow.action. COUNTED: feedback. STRAY: feedback that was not of a message of ours; it may turn out to be.
ERASED: a mailbox that was forgotten."""


class ClockRow(Struct, array_like=True, gc=False):
    """The partition's clock: the greatest stamp seen, milliseconds."""

    at_ms: int = 0
    sources_since: int = 0
    """Since when the ledger has stories of sources, seconds: in its first days none of them is new."""
    erased_at: int = 0
    """When a person was forgotten last, seconds: for a while feedback about him may still come."""


class ControlRow(Struct, array_like=True, gc=False):
    """A control record in force: `version` and its text (the policy's TOML, JSON of model and pace; else empty)."""

    version: str
    text: str = ""
    partitions: int = 1
    """Of the policy: how many partitions the log had when it was written, for limits that they share."""


class HoldRow(Struct, array_like=True, gc=False):
    """A service, or one source of it, on hold until then (milliseconds)."""

    until_ms: int
    reason: str = ""
    by_watch: bool = False
    """Watch has said so, not a person."""


class EngineRow(Struct, array_like=True, gc=False):
    """The fold that began with the record of this offset, which is the key: eight octets. Another one folded what came
    before, or none."""

    engine: str


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
