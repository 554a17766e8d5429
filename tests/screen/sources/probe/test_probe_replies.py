"""What the mailbox probe makes of replies: `no` needs proof, and what may be meant of us never condemns an address."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sidestep.streams.screen.sources.probe import replies as probe
from sidestep.streams.screen.sources.probe.memory import keyed_hash
from sidestep.streams.screen.sources.probe.replies import (
    ProbeResult,
    compare,
    lifetime,
    read_recipient,
    read_refusal,
    rules,
)

JANE = "jane@lantern.example"
MX = "mx.lantern.example"

RECIPIENT = {
    # yes
    "250 2.1.5 Ok": ("yes", "accepted"),
    "251 User not local; will forward": ("yes", "accepted"),
    "552 5.2.2 Mailbox full": ("yes", "full"),
    "452 4.2.2 The account that you tried to reach is over quota": ("yes", "full"),
    # no: proven
    "550 5.1.1 <jane@lantern.example>: Recipient address rejected: User unknown": ("no", "no-such-mailbox"),
    "550 5.1.1 The email account that you tried to reach does not exist": ("no", "no-such-mailbox"),
    "550 5.1.6 Mailbox has moved": ("no", "no-such-mailbox"),
    "550 No such user here": ("no", "no-such-mailbox"),
    "553 sorry, no mailbox here by that name": ("no", "no-such-mailbox"),
    "554 delivery error: dd This user doesn't have a yahoo.com account": ("no", "no-such-mailbox"),
    "550 5.2.1 The email account that you tried to reach is disabled": ("no", "disabled"),
    "525 5.7.13 User account disabled": ("no", "disabled"),
    # about us, whatever the code says
    "550 5.7.1 Access denied": ("unknown", "blocked"),
    "550 5.7.606 Access denied, banned sending IP [192.0.2.1]": ("unknown", "blocked"),
    "554 5.7.1 Service unavailable; client host [192.0.2.1] blocked using zen.spamhaus.org": ("unknown", "blocked"),
    "550 5.1.1 blocked using zen.spamhaus.org": ("unknown", "blocked"),
    "550 5.1.1 User unknown. Your IP has a poor reputation": ("unknown", "blocked"),
    "550 5.1.1 Recipient rejected: too many invalid recipients": ("unknown", "blocked"),
    "550 5.1.1 user unknown, rejected by policy": ("unknown", "blocked"),
    "554 directory harvest attack detected, no such user": ("unknown", "blocked"),
    "554 5.7.1 Relay access denied": ("unknown", "blocked"),
    "550 sender verify failed": ("unknown", "blocked"),
    "530 5.7.0 Must issue a STARTTLS command first": ("unknown", "blocked"),
    "450 4.7.1 Client host rejected: cannot find your hostname": ("unknown", "blocked"),
    # not proven
    "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)": ("unknown", "undecided"),
    "550 Requested action not taken: mailbox unavailable": ("unknown", "undecided"),
    "550 5.1.0 Address rejected": ("unknown", "undecided"),
    "550 5.2.1 Message filtered": ("unknown", "undecided"),
    "550 permanent failure": ("unknown", "undecided"),
    "501 5.1.3 Bad recipient address syntax": ("unknown", "undecided"),
    "503 5.5.1 RCPT first? no such user": ("unknown", "undecided"),
    "556 5.1.10 Recipient address has null MX": ("unknown", "undecided"),
    "252 2.0.0 Cannot VRFY user": ("unknown", "unverified"),
    # not now
    "450 4.2.0 <jane@lantern.example>: Recipient address rejected: Greylisted": ("unknown", "greylisted"),
    "451 4.7.1 Please try again later": ("unknown", "greylisted"),
    "451 Temporary failure: graylisting in action": ("unknown", "greylisted"),
    "450 4.1.1 <jane@lantern.example>: User unknown": ("unknown", "deferred"),
    "451 4.3.0 Local error": ("unknown", "deferred"),
    "421 4.7.0 Too many connections": ("unknown", "unavailable"),
    # no SMTP
    "354 Go ahead": ("unknown", "malformed"),
    "200 OK": ("unknown", "malformed"),
}  # fmt: skip


def _read(reply: str, recipient: str = JANE) -> ProbeResult:
    return read_recipient(int(reply[:3]), reply[4:], recipient, MX)


@pytest.mark.parametrize("reply", RECIPIENT)
def test_replies_to_a_recipient(reply: str) -> None:
    """Each means what its server means by it."""
    assert RECIPIENT[reply] == _read(reply)[:2]


@pytest.mark.parametrize("words", sorted({"".join(words) for words in rules().about_us}))
def test_words_about_us_outweigh_an_unknown_user(words: str) -> None:
    """A block of ours never condemns an address, even where the server says that there is no such user as well."""
    reading = _read(f"550 5.1.1 User unknown - {words.replace('*', ' ')} - No such user")
    assert probe.BLOCKED == reading
    assert reading.failed


def test_names_of_people_are_no_words_about_us() -> None:
    """policy@spamhaus.example may be an unknown user, like everybody."""
    policy = "policy@spamhaus.example"
    assert probe.NO_SUCH_MAILBOX == _read(f"550 5.1.1 <{policy}>: User unknown", policy)
    assert probe.UNDECIDED == _read("550 <nosuchuser@lantern.example> rejected", "nosuchuser@lantern.example")


def test_a_provider_with_a_dialect_is_heard_in_it() -> None:
    """GoDaddy says 5.1.1 of rate limits, told apart by its own codes."""
    said = "5.1.1 <jane@lantern.example> Mail rejected due to too much for one day. IB603"
    assert "unknown" == read_recipient(550, said, JANE, "smtp.secureserver.net").outcome


replies = st.tuples(st.integers(0, 999), st.text(max_size=300))


@given(replies)
@example((550, "5.1.1 " * 500))
@example((550, "\udcff\udcfe 5.1.1"))
def test_any_reply_is_read(reply: tuple[int, str]) -> None:
    """Whatever a stranger's server says: never an error, `no` only of 5xx, `accepted` only of 250 and 251."""
    code, text = reply
    reading = read_recipient(code, text, JANE, MX)
    assert (code in (250, 251)) == (reading == probe.ACCEPTED)
    assert reading.outcome != "no" or 500 <= code <= 599
    assert read_refusal(code, text).outcome == "unknown"
    assert lifetime(reading, 604_800.0) >= 0


@given(st.integers(500, 599), st.integers(0, 999), st.text(max_size=60))
def test_security_and_policy_never_condemn(code: int, detail: int, text: str) -> None:
    """5.7.x speaks of us, but for 5.7.13 (RFC 5248: user account disabled)."""
    reading = read_recipient(code, f"5.7.{detail} user unknown {text}", JANE, MX)
    assert reading.outcome == "unknown" or detail == 13


def test_refusals_before_the_recipient_are_never_about_the_mailbox() -> None:
    """To the connection, EHLO and MAIL FROM: who is refused are we, or nobody in particular."""
    assert probe.REFUSED_US == read_refusal(550, "5.1.1 User unknown")
    assert probe.UNAVAILABLE == read_refusal(421, "busy")
    assert probe.GREYLISTED == read_refusal(451, "4.7.1 Greylisted")
    assert probe.BLOCKED == read_refusal(450, "Client host rejected: cannot find your reverse hostname")
    assert probe.MALFORMED == read_refusal(250, "")


def test_the_invented_address_decides_what_an_acceptance_is_worth() -> None:
    """Both taken: a catch-all. The invented one refused for good: proven. Anything else leaves it open."""
    assert (probe.CATCH_ALL, True) == compare(probe.ACCEPTED)
    assert (probe.ACCEPTED, False) == compare(probe.NO_SUCH_MAILBOX)
    assert (probe.ACCEPTED, False) == compare(probe.UNDECIDED)
    assert (probe.UNPROVEN, None) == compare(probe.GREYLISTED)
    assert (probe.BLOCKED, None) == compare(probe.BLOCKED)


def test_how_long_answers_hold() -> None:
    """Plain ones as set, full mailboxes a day at most, and what was not asked not at all."""
    assert 604_800 == lifetime(probe.ACCEPTED, 604_800.0)
    assert 86_400 == lifetime(probe.FULL, 604_800.0)
    assert 60 == lifetime(probe.DISABLED, 60.0)
    assert 900 == lifetime(probe.GREYLISTED, 604_800.0)
    assert 0 == lifetime(ProbeResult("unknown", "over-rate"), 604_800.0)


def test_the_invented_local_part() -> None:
    """Letters only, the same for a domain as long as the process lives, and another one for each domain and process."""
    key = keyed_hash()
    name = probe.invented_local_part(key("lantern.example"))
    assert len(name) == probe.INVENTED_LENGTH and name.isalpha() and name.islower() and name.isascii()
    others = {
        probe.invented_local_part(key("other.example")),
        probe.invented_local_part(keyed_hash()("lantern.example")),
    }
    assert name == probe.invented_local_part(key("lantern.example")) and name not in others and len(others) == 2


def test_the_rule_file_is_in_order() -> None:
    """Words in lower case, each once; every reason that has seconds of its own is one that exists."""
    for words in (rules().about_us, rules().greylisted, rules().doubted_words):
        assert len(words) == len(set(words))
        assert all(piece == piece.lower() for phrase in words for piece in phrase)
    read = {value.reason for value in vars(probe).values() if isinstance(value, ProbeResult)}
    unasked = {"over-rate", "circuit-open", "busy", "closed", "not-allowed", "internal", "other"}
    assert set(rules().seconds) <= read | unasked
