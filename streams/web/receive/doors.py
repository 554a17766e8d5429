"""The doors file (TOML): for each endpoint the provider, the service, and the files of its secrets. Pure.

    [[door]]
    name = "shop-sendgrid"
    provider = "sendgrid"
    service = "shop"
    key = "shop-sendgrid.key"

docs/receive.md has an example for each provider.
"""

import tomllib
from collections import Counter
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from sidestep.schemas.typed import as_type
from sidestep.streams.gcra import Rate, parse_rate
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT
from sidestep.topics.own_topics import general_of, own_topic

Scheme = Literal["ecdsa", "mailgun", "sns", "standard-webhooks", "none"]

SCHEMES: dict[str, Scheme] = {
    "sendgrid": "ecdsa", "mailgun": "mailgun", "ses": "sns", "resend": "standard-webhooks",
    "standard-webhooks": "standard-webhooks", "postmark": "none", "sparkpost": "none", "mailjet": "none",
    "brevo": "none", "mandrill": "none", "mailersend": "none", "mailtrap": "none", "kumomta": "none", "other": "none",
}  # fmt: skip
"""How each provider signs."""
KEYED = ("ecdsa", "mailgun", "standard-webhooks")
DOORS_MAX = 200
RESERVED = ("lmtp", "none")
"""Names in metrics: of the mailbox, and of no door."""
FEEDBACK = (BOUNCES.name, ENGAGEMENT.name)
RATE = "100/s,max_burst=1000"

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
File = Annotated[str, Meta(max_length=1000)]


class DoorEntry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """The entry of a door. Files are paths, relative to the doors file; each may hold several secrets, one a line."""

    name: Name
    """Part of the URL: /NAME, or /NAME/SECRET. In metrics and logs."""
    provider: str
    service: Annotated[str, Meta(min_length=1, max_length=100)]
    """Service whose mail this is about; goes along in a header of the record."""
    topic: str = BOUNCES.name
    """email-bounces or email-engagement, or one of these that the service has to itself: email-bounces.NAME. Screen
    reads any feedback from either."""
    path_secret: File = ""
    key: File = ""
    """Public key (SendGrid), signing key (Mailgun), secret (Standard Webhooks)."""
    user: Annotated[str, Meta(max_length=100, pattern=r"^[!-9;-~]*\Z")] = ""
    password: File = ""
    """Of basic authentication (RFC 7617)."""
    topic_arns: tuple[str, ...] = ()
    window: Annotated[float, Meta(ge=10, le=86_400)] = 300.0
    """Seconds by which a time stamp may be off."""
    rate: str = RATE
    """Of messages that have been found genuine."""

    @property
    def scheme(self) -> Scheme:
        """How it is signed."""
        return SCHEMES[self.provider]

    @property
    def limit(self) -> Rate:
        """The rate, parsed. Raises ValueError."""
        return parse_rate(self.rate)

    @property
    def files(self) -> tuple[str, ...]:
        """Names of all its files."""
        return tuple(filter(None, (self.path_secret, self.key, self.password)))


class _DoorsFile(Struct, frozen=True, forbid_unknown_fields=True):
    door: Annotated[tuple[DoorEntry, ...], Meta(min_length=1, max_length=DOORS_MAX)]


def parse_doors(text: str) -> tuple[DoorEntry, ...]:
    """The entries of a doors file. Raises ValueError, whose text is a sentence about the first fault."""
    try:
        entries = as_type(tomllib.loads(text), _DoorsFile).door
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"it is not TOML ({error})") from None
    except msgspec.ValidationError as error:
        raise ValueError(
            f"{error}; expected [[door]] with name, provider, service and what that provider signs with"
        ) from None
    twice = [name for name, count in Counter(entry.name for entry in entries).items() if count > 1]
    if twice:
        raise ValueError(f"two doors are called {twice[0]}")
    for entry in entries:
        if fault := entry_fault(entry):
            raise ValueError(f"door {entry.name}: {fault}")
    return entries


def entry_fault(entry: DoorEntry) -> str:
    """What is wrong with an entry, as a sentence; "" for nothing."""
    if entry.name in RESERVED:
        return f"{' and '.join(RESERVED)} are no names of doors"
    if entry.provider not in SCHEMES:
        return f"provider is one of {', '.join(SCHEMES)}; `other` is for whoever has a password or a secret path only"
    if not entry.service.isprintable():
        return "service contains a character that can't be printed"
    if entry.topic not in FEEDBACK and not _is_own(entry.topic):
        return f"topic is {' or '.join(FEEDBACK)}, or one of them with .NAME behind it that a service has to itself"
    if bool(entry.user) != bool(entry.password):
        return "user and password belong together"
    try:
        _ = entry.limit
    except ValueError as error:
        return f"rate: {error}"
    return _secrets_fault(entry)


def _is_own(topic: str) -> bool:
    try:
        return general_of(own_topic(topic).name) in FEEDBACK
    except ValueError:
        return False


def _secrets_fault(entry: DoorEntry) -> str:
    scheme = entry.scheme
    if (scheme in KEYED) != bool(entry.key):
        return f"key is {'missing' if not entry.key else 'for providers that sign; this one does not, or not so'}"
    if (scheme == "sns") != bool(entry.topic_arns):
        return f"topic-arns {'are missing' if not entry.topic_arns else 'are for ses'}"
    if scheme == "mailgun" and not entry.path_secret:
        return "path-secret is missing: Mailgun does not sign the event itself, so its URL has to be secret too"
    if scheme == "none" and not (entry.path_secret or entry.password):
        return "this provider signs nothing: give user and password, or path-secret, or both"
    return ""
