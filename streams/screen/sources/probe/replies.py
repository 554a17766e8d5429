"""The result of a mailbox probe: what SMTP replies mean, and for how long. Pure.

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
from sidestep.streams.screen.feedback.phrases import Phrase, folded, parse_phrase, stands_in
from sidestep.streams.screen.feedback.reasons import scope_of
from sidestep.streams.screen.feedback.smtp import find_status
from sidestep.streams.screen.feedback.texts import ADDRESS

TEXT_MAX = 1000
"""Characters of a reply that are looked at."""

INVENTED_LENGTH = 16
"""Letters of the invented local part: nobody's by chance, and none that a person would choose."""


class ProbeResult(NamedTuple):
    """The result of a probe: what a reply, or its absence, says of the mailbox."""

    outcome: Literal["yes", "no", "unknown"]
    reason: str
    failed: bool = False
    """Counts against the exchange's circuit: we got no answer, or one about us."""
    elsewhere: bool = False
    """Whether the next exchange may know better: this one never spoke to us."""


TIMED_OUT = ProbeResult("unknown", "timeout", failed=True)
UNREACHABLE = ProbeResult("unknown", "unreachable", failed=True, elsewhere=True)
DISCONNECTED = ProbeResult("unknown", "disconnected", failed=True)
MALFORMED = ProbeResult("unknown", "malformed", failed=True)
TLS_FAILED = ProbeResult("unknown", "tls-failed", failed=True)
BLOCKED = ProbeResult("unknown", "blocked", failed=True)
REFUSED_US = ProbeResult("unknown", "refused-us", failed=True)
UNAVAILABLE = ProbeResult("unknown", "unavailable", failed=True, elsewhere=True)
GREYLISTED = ProbeResult("unknown", "greylisted")
DEFERRED = ProbeResult("unknown", "deferred")
UNDECIDED = ProbeResult("unknown", "undecided")
UNVERIFIED = ProbeResult("unknown", "unverified")
UNPROVEN = ProbeResult("unknown", "unproven")
CATCH_ALL = ProbeResult("unknown", "catch-all")
NO_SMTPUTF8 = ProbeResult("unknown", "no-smtputf8")
ACCEPTED = ProbeResult("yes", "accepted")
FULL = ProbeResult("yes", "full")
NO_SUCH_MAILBOX = ProbeResult("no", "no-such-mailbox")
DISABLED = ProbeResult("no", "disabled")


class ReplyRules:
    """The rules of data/probe_replies.toml, compiled."""

    def __init__(self, table: dict[str, Any]) -> None:
        """Raises KeyError when one of the lists is missing."""
        self.about_us, self.greylisted, self.doubted_words = (
            tuple(map(parse_phrase, table[name])) for name in ("about_us", "greylisted", "doubted_words")
        )
        self.subject: str = table["about_us_subject"]
        self.about_the_mailbox = frozenset(table["about_the_mailbox"])
        self.greylisted_status = frozenset(table["greylisted_status"])
        self.no_such_mailbox_status = frozenset(table["no_such_mailbox_status"])
        self.doubted_rules = frozenset(table["doubted_rules"])
        self.seconds: dict[str, int] = table["seconds"]


@cache
def rules() -> ReplyRules:
    """The rules that ship with Sidestep."""
    file = files("sidestep.streams.screen.sources.probe") / "data" / "probe_replies.toml"
    return ReplyRules(tomllib.loads(file.read_text("utf-8")))


def read_recipient(code: int, text: str, recipient: str, exchange: str) -> ProbeResult:
    """The result of a reply to RCPT TO (RFC 5321 4.3.2): its code, and its text without it, whatever they hold."""
    if code in (250, 251):
        return ACCEPTED
    if code == 252:
        return UNVERIFIED
    if code == 421:
        return UNAVAILABLE._replace(elsewhere=False)
    if not 400 <= code <= 599:
        return MALFORMED
    reply = _Reply.of(code, text)
    if reply.is_about_us():
        return BLOCKED
    ruling = classify(_diagnostic(reply, recipient, exchange))
    if ruling.reason == "mailboxfull":
        return FULL
    return reply.temporary() if code < 500 else _permanent(reply, ruling.reason, ruling.rule)


def read_refusal(code: int, text: str) -> ProbeResult:
    """The result of a refusal of the connection, EHLO or MAIL FROM, which is never about the mailbox."""
    if code == 421:
        return UNAVAILABLE
    if 500 <= code <= 599:
        return REFUSED_US
    if not 400 <= code <= 499:
        return MALFORMED
    reply = _Reply.of(code, text)
    return BLOCKED if reply.is_about_us() else reply.temporary()


def compare(invented: ProbeResult) -> tuple[ProbeResult, bool | None]:
    """The result of an accepted address, once the invented one has its own; and is the domain a catch-all?

    A refusal for good of the invented one tells the two apart, even where its words prove nothing by themselves.
    """
    if invented == ACCEPTED:
        return CATCH_ALL, True
    if invented.outcome == "no" or invented == UNDECIDED:
        return ACCEPTED, False
    return (invented if invented.failed else UNPROVEN), None


class _Reply(NamedTuple):
    """An SMTP reply in pieces. No address is left in the text: people are called harvest, spam and policy too."""

    code: int
    status: str
    text: str
    words: str

    @classmethod
    def of(cls, code: int, text: str) -> "_Reply":
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

    def temporary(self) -> ProbeResult:
        greylisted = self.status in rules().greylisted_status or self.has(rules().greylisted)
        return GREYLISTED if greylisted else DEFERRED


def _diagnostic(reply: _Reply, recipient: str, exchange: str) -> Diagnostic:
    return Diagnostic(
        recipient=recipient, reply=str(reply.code), status=reply.status, command="RCPT", text=reply.text, host=exchange
    )


def _permanent(reply: _Reply, reason: str, rule: str) -> ProbeResult:
    if reason == "suspend":
        return DISABLED
    if scope_of(reason) == "us":
        return BLOCKED
    if reply.code < 550:  # RFC 5321 4.2.1: what we sent was not understood
        return UNDECIDED
    if reply.status in rules().no_such_mailbox_status and reason in ("userunknown", "hasmoved"):
        return NO_SUCH_MAILBOX
    by_words = not rule.startswith(("status ", "reply ")) and rule not in rules().doubted_rules
    if reason == "userunknown" and by_words and not reply.has(rules().doubted_words):
        return NO_SUCH_MAILBOX
    return UNDECIDED


def lifetime(result: ProbeResult, remember: float) -> int:
    """The seconds that a result holds; 0: it is not kept."""
    if result.outcome == "unknown":
        return rules().seconds.get(result.reason, rules().seconds["other"])
    return int(min(remember, rules().seconds.get(result.reason, remember)))


def invented_local_part(digest: bytes) -> str:
    """The local part of an address that nobody has, from a keyed hash of the domain.

    The same one for as long as the process lives: a greylist (RFC 6647) would refuse a new one each time.
    """
    number, letters = int.from_bytes(digest), []
    for _ in range(INVENTED_LENGTH):
        number, digit = divmod(number, len(ascii_lowercase))
        letters.append(ascii_lowercase[digit])
    return "".join(letters)
