"""The mailbox probe's judgement: what replies mean, and for how long. Pure.

A mailbox that is wrongly said to exist costs a bounce, one that is wrongly said not to exist costs a person their mail.
So `no` needs proof, and whatever may be meant of us is `unknown`.
"""

import tomllib
from functools import cache
from importlib.resources import files
from string import ascii_lowercase
from typing import Any, Literal, NamedTuple

from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.parse import classify
from sidestep.streams.screen.feedback.phrases import Phrase, folded, phrase, stands_in
from sidestep.streams.screen.feedback.reasons import scope_of
from sidestep.streams.screen.feedback.smtp import find_status
from sidestep.streams.screen.feedback.texts import ADDRESS

TEXT_MAX = 1000
"""Characters of a reply that are looked at."""

STRANGER_LENGTH = 16
"""Letters of the invented local part: nobody's by chance, and none that a person would choose."""


class Reading(NamedTuple):
    """What a reply, or its absence, says."""

    outcome: Literal["yes", "no", "unknown"]
    reason: str
    failed: bool = False
    """The exchange's circuit counts it: we got no answer, or one about us."""
    elsewhere: bool = False
    """The next exchange may know better: this one never spoke to us."""


TIMED_OUT = Reading("unknown", "timeout", failed=True)
UNREACHABLE = Reading("unknown", "unreachable", failed=True, elsewhere=True)
DISCONNECTED = Reading("unknown", "disconnected", failed=True)
MALFORMED = Reading("unknown", "malformed", failed=True)
TLS_FAILED = Reading("unknown", "tls-failed", failed=True)
BLOCKED = Reading("unknown", "blocked", failed=True)
REFUSED_US = Reading("unknown", "refused-us", failed=True)
UNAVAILABLE = Reading("unknown", "unavailable", failed=True, elsewhere=True)
GREYLISTED = Reading("unknown", "greylisted")
DEFERRED = Reading("unknown", "deferred")
UNDECIDED = Reading("unknown", "undecided")
UNVERIFIED = Reading("unknown", "unverified")
UNPROVEN = Reading("unknown", "unproven")
CATCH_ALL = Reading("unknown", "catch-all")
NO_SMTPUTF8 = Reading("unknown", "no-smtputf8")
ACCEPTED = Reading("yes", "accepted")
FULL = Reading("yes", "full")
NO_SUCH_MAILBOX = Reading("no", "no-such-mailbox")
DISABLED = Reading("no", "disabled")


class Rules:
    """data/probe_replies.toml, compiled."""

    def __init__(self, table: dict[str, Any]) -> None:
        """Raises KeyError when one of the lists is missing."""
        self.about_us, self.greylisted, self.doubted_words = (
            tuple(map(phrase, table[name])) for name in ("about_us", "greylisted", "doubted_words")
        )
        self.subject: str = table["about_us_subject"]
        self.about_the_mailbox = frozenset(table["about_the_mailbox"])
        self.greylisted_status = frozenset(table["greylisted_status"])
        self.no_such_mailbox_status = frozenset(table["no_such_mailbox_status"])
        self.doubted_rules = frozenset(table["doubted_rules"])
        self.seconds: dict[str, int] = table["seconds"]


@cache
def rules() -> Rules:
    """Those that ship with Sidestep."""
    file = files("sidestep.streams.screen.sources.probe") / "data" / "probe_replies.toml"
    return Rules(tomllib.loads(file.read_text("utf-8")))


def read_recipient(code: int, text: str, recipient: str, exchange: str) -> Reading:
    """The reply to RCPT TO (RFC 5321 4.3.2): code, and text without it, whatever they hold -> what is known."""
    if code in (250, 251):
        return ACCEPTED
    if code == 252:
        return UNVERIFIED
    if code == 421:
        return UNAVAILABLE._replace(elsewhere=False)
    if not 400 <= code <= 599:
        return MALFORMED
    said = _Said.of(code, text)
    if said.is_about_us():
        return BLOCKED
    ruling = classify(_diagnostic(said, recipient, exchange))
    if ruling.reason == "mailboxfull":
        return FULL
    return said.temporary() if code < 500 else _permanent(said, ruling.reason, ruling.rule)


def read_refusal(code: int, text: str) -> Reading:
    """A reply other than the one hoped for, to the connection, EHLO or MAIL FROM: never about the mailbox."""
    if code == 421:
        return UNAVAILABLE
    if 500 <= code <= 599:
        return REFUSED_US
    if not 400 <= code <= 499:
        return MALFORMED
    said = _Said.of(code, text)
    return BLOCKED if said.is_about_us() else said.temporary()


def compare(stranger: Reading) -> tuple[Reading, bool | None]:
    """An address was accepted, and so much for the invented one -> the address's reading, and is it a catch-all domain?

    A refusal for good of the invented one tells the two apart, even where its words prove nothing by themselves.
    """
    if stranger == ACCEPTED:
        return CATCH_ALL, True
    if stranger.outcome == "no" or stranger == UNDECIDED:
        return ACCEPTED, False
    return (stranger if stranger.failed else UNPROVEN), None


class _Said(NamedTuple):
    """A reply in pieces. No address is left in the text: people are called harvest, spam and policy too."""

    code: int
    status: str
    text: str
    words: str

    @classmethod
    def of(cls, code: int, text: str) -> "_Said":
        status = find_status(text[:TEXT_MAX], str(code)[0])
        plain = ADDRESS.sub("somebody@somewhere", text[:TEXT_MAX])
        return cls(code, status, f"{code} {plain}", folded(plain))

    def is_about_us(self) -> bool:
        if self.status in rules().about_the_mailbox:
            return False
        subject = self.status.split(".")[1:2] == [rules().subject]
        permanent = self.code >= 500  # 4.7.1 is the code of greylisting too
        return (subject and permanent) or self.has(rules().about_us)

    def has(self, phrases: tuple[Phrase, ...]) -> bool:
        return any(stands_in(words, self.words) for words in phrases)

    def temporary(self) -> Reading:
        greylisted = self.status in rules().greylisted_status or self.has(rules().greylisted)
        return GREYLISTED if greylisted else DEFERRED


def _diagnostic(said: _Said, recipient: str, exchange: str) -> Diagnostic:
    return Diagnostic(
        recipient=recipient, reply=str(said.code), status=said.status, command="RCPT", text=said.text, host=exchange
    )


def _permanent(said: _Said, reason: str, rule: str) -> Reading:
    if reason == "suspend":
        return DISABLED
    if scope_of(reason) == "us":
        return BLOCKED
    if said.code < 550:  # RFC 5321 4.2.1: what we sent was not understood
        return UNDECIDED
    if said.status in rules().no_such_mailbox_status and reason in ("userunknown", "hasmoved"):
        return NO_SUCH_MAILBOX
    by_words = not rule.startswith(("status ", "reply ")) and rule not in rules().doubted_rules
    if reason == "userunknown" and by_words and not said.has(rules().doubted_words):
        return NO_SUCH_MAILBOX
    return UNDECIDED


def seconds(reading: Reading, remember: float) -> int:
    """How long a reading holds; 0: it is not kept."""
    if reading.outcome == "unknown":
        return rules().seconds.get(reading.reason, rules().seconds["other"])
    return int(min(remember, rules().seconds.get(reading.reason, remember)))


def stranger(digest: bytes) -> str:
    """A local part that nobody has, from a keyed hash of the domain.

    The same one for as long as the process lives: a greylist (RFC 6647) would refuse a new one each time.
    """
    number, letters = int.from_bytes(digest), []
    for _ in range(STRANGER_LENGTH):
        number, digit = divmod(number, len(ascii_lowercase))
        letters.append(ascii_lowercase[digit])
    return "".join(letters)
