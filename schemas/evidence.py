"""The evidence in the log (topic email-evidence): what Screen found out. controls.py has what changes a decision.

Times are integers, milliseconds since 1970, stamped by Screen. Keys are BLAKE2b digests of 16 octets (base64 in JSON),
made with the secret that only Screen holds: who reads the ledger can try neither addresses nor ids against its rows.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from sidestep.schemas.feedback import Scope

LARGEST = 253_402_300_799_999
"""The last millisecond of the year 9999: no number in any record has use for more, nor for less than its negative."""

Number = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
"""A whole number that every row can keep: who can write into the log must not be able to stop a partition with another.
"""

TOKEN_END = 8
"""Octets of a token's end, by which feedback that names an intent's id alone is tied to its message: a digest of
sixty-four bits."""

FeedbackEvent = Literal[
    "bounce", "complaint", "not-spam", "delivered", "opened", "clicked", "replied", "unsubscribed", "subscribed"
]  # fmt: skip


class MxFinding(Struct, omit_defaults=True, frozen=True, gc=False):
    """Does the domain take mail? `unknown` is an answer too: it never rejects by itself."""

    outcome: Literal["yes", "no", "unknown"]
    reason: str
    """mx, address (no MX, but A/AAAA: RFC 5321 5.1), null-mx (RFC 7505), nxdomain, no-address, timeout, servfail, …"""
    checked_at: Number = 0
    ttl: Number = 0
    """Seconds for which the answer holds."""
    exchanges: tuple[str, ...] = ()
    """Hosts of the MX records, lower-case, best preference first, five at most."""
    provider: str = ""
    """Who runs the mail, told by the exchanges: google, microsoft, …; empty for those that run their own."""


class Listing(Struct, omit_defaults=True, frozen=True, gc=False):
    """An entry of a list that an address or its domain hit."""

    list: str
    """The list's name: a feed, a DNSBL zone, a reputation service."""
    version: str
    """Of a feed, the hash of what is used of it; of a zone or a service, the time of its answer (ISO 8601)."""
    entry: str
    """What hit, as it stands in the list: a domain, a hash, the name asked for. Never an address in the clear, except
    from a list of addresses of our own."""
    reason: str = ""
    """What the list says of it: phish, malware, spam, trap, …; a DNSBL has one for each return code."""
    suspect: bool = False
    """The list itself only doubts: a new domain, a legitimate one that was abused."""
    exchange: str = ""
    """Of a list of mail servers, the one of the domain's exchanges that hit."""


class MailboxFinding(Struct, omit_defaults=True, frozen=True, gc=False):
    """Does the mailbox exist, as far as its server says? `unknown` is an answer too: it never rejects by itself."""

    outcome: Literal["yes", "no", "unknown"]
    reason: str
    """accepted, no-such-mailbox, disabled, catch-all, greylisted, blocked, timeout, …: docs/probe.md has them all."""
    checked_at: Number = 0
    ttl: Number = 0
    """Seconds for which the answer holds."""


class FormerKeys(Struct, omit_defaults=True, frozen=True, gc=False):
    """The keys of the same record before, while the ledger may have rows under them; empty: none, or the same still."""

    recipient_key: bytes = b""
    id_key: bytes = b""
    """Of the intent, or of the event."""
    content_key: bytes = b""


class IntentEvidence(Struct, tag="intent", tag_field="kind", omit_defaults=True, gc=False):
    """One intent with everything known about its address before it is judged."""

    id: str
    service: str
    to: str
    at: Number
    domain: str
    """Lower-case A-label; empty when the address has none that can be read."""
    id_key: bytes
    """Of service and id; whether the service is proved, and whether it is a test."""
    content_key: bytes
    """Of these, recipient, stream, campaign, source and metadata: tells the same intent from another under its id."""
    recipient_key: bytes
    """Of the mailbox identity; empty when the address cannot be read."""
    mx: MxFinding | None = None
    syntax: str = ""
    """Empty for a sound address, else the reason code."""
    attempt: Number = 1
    classes: tuple[str, ...] = ()
    """disposable, relay, free, parked (of the domain); role, honeypot, machine-made (of the local part); typo,
    near-miss (of a name close to a large provider's), misspelling (one of those that are known), faint-miss (a key away
    from a short one's); trap-cluster (its mail goes where that of slips is collected)"""
    suggestion: str = ""
    reused: bool = False
    """Screen saw another intent under this id at another domain: Decide would never meet the two together."""
    stream: str = ""
    campaign: str = ""
    source: str = ""
    created_at: Number = 0
    consent_at: Number = 0
    test: bool = False
    metadata: dict[str, Any] | None = None
    origin: str = ""
    """topic/partition/offset of the intent."""
    listed: tuple[Listing, ...] = ()
    """What block lists, feeds and reputation services say."""
    mailbox: MailboxFinding | None = None
    """None: nobody was asked, the usual case."""
    proved: str = ""
    """The key whose signature proves that the service says this; empty: none, so its name is a claim."""
    token: str = ""
    """What the verdict hands to the mailer, so that what comes back is known to be of this message; a test has none."""
    former: tuple[FormerKeys, ...] = ()
    """Only while the secret is being changed."""
    claimed: bool = False
    """Nothing proves that the service says this, although somebody can prove it: its history is not the service's."""
    expires_at: Number = 0
    """From then on it is not to be sent; 0: for ever."""
    parts: bytes = b""
    """An octet of a digest for each of recipient, stream, campaign, source and metadata: by them `id-reused` tells what
    differs."""
    reused_parts: bytes = b""
    """Where `reused`, those of the other intent."""
    unreadable: str = ""
    """What is wrong with an intent that breaks the contract; nothing else is known of it. Its keys are those of its
    octets, its id goes on being free."""


class FeedbackEvidence(Struct, tag="feedback", tag_field="kind", omit_defaults=True, gc=False):
    """One bounce, complaint or sign of engagement, classified."""

    event: FeedbackEvent
    at: Number
    domain: str
    event_key: bytes
    """Counts once by it."""
    recipient_key: bytes
    service: str = ""
    intent_id: str = ""
    hard: bool = False
    scope: Scope = "transient"
    reason: str = ""
    status: str = ""
    occurred_at: Number = 0
    origin: str = ""
    proved: str = ""
    """The key whose signature proves who says this; empty: none."""
    tied: str = ""
    """token: it carries the token of a message to this recipient; wrong-token: one that is not; empty: none."""
    tied_at: Number = 0
    """The day on which that token was made, its beginning."""
    door: str = ""
    """Where it came in, as `sidestep receive` says; a claim unless `proved`."""
    former: tuple[FormerKeys, ...] = ()
    """Only while the secret is being changed."""
    claimed: bool = False
    """Nothing proves the service that it names, although somebody can."""


class SoughtFeedback(Struct, tag="feedback-by-id", tag_field="kind", omit_defaults=True, gc=False):
    """Feedback that names only an intent's id. In every partition: the one that has approved it counts the feedback."""

    at: Number
    id_keys: tuple[bytes, ...]
    """As an intent of this service and id may have them: proved, claimed, and both under the secret of before."""
    said: FeedbackEvidence
    """Without domain, recipient_key and tie, which are found with the intent."""
    token: bytes = b""
    """The end of the token that came back with it (TOKEN_END); empty: none."""


class TickRecord(Struct, tag="tick", tag_field="kind", omit_defaults=True):
    """The second before is over, although nothing else came to say so; or what Screen has refused in it."""

    at: Number
    refused: Annotated[
        dict[str, Annotated[int, Meta(ge=0, le=1_000_000_000)]],
        Meta(description="Records that were refused for who says them, by PRINCIPAL/REASON; see Tally.refused."),
    ] = {}
