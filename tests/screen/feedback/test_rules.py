"""The rules are sound: the linter has nothing to say of those that ship, and says what is wrong with others."""

from dataclasses import replace
from typing import Any

import pytest

from sidestep.streams.screen.feedback.classify import compiled, shipped, shipped_texts
from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.lint import problems
from sidestep.streams.screen.feedback.parse import classify
from sidestep.streams.screen.feedback.phrases import folded, parse_phrase, stands_in
from sidestep.streams.screen.feedback.reasons import hardness, load_reasons, scope_of
from sidestep.streams.screen.feedback.smtp import find_command, find_reply, find_status, more_telling


def reason(text: str, **fields: str) -> str:
    """Of a reply; what is not given is found in it."""
    found: dict[str, Any] = {"command": find_command(text), "status": find_status(text), "reply": find_reply(text)}
    return shipped().classify(Diagnostic("kuro@example.net", text=text, **(found | fields))).reason


def test_the_rules_that_ship_are_sound() -> None:
    """Every rule has a name of its own and an example, which it and no other rule decides."""
    assert [] == problems(shipped(), load_reasons())
    assert 300 < len(list(shipped().every_rule()))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "over-quota"', 'name = "mailbox-is-full"', "mailbox-is-full: 2 rules have this name"),
        ("[[virusdetected]]", "[[virus]]", "virus: 'virus' is no reason"),
        (
            'example = "552 it has a potentially executable attachment"',
            'example = "550 account is over their allowed quota"',
            "is decided by 'over-quota'",
        ),
        ('"virus detected"', '"Virus Detected"', "in lower case"),
        ('"virus detected"', '"vi"', "too short"),
        ('example = "552 it has a potentially executable attachment"', "", "virus: has no example"),
    ],
)
def test_a_fault_in_the_rules_is_told(old: str, new: str, said: str) -> None:
    """Names, vocabulary, shape and examples are checked; the sentence names the rule or the reason."""
    texts = shipped_texts()
    assert old in texts["phrases.toml"]
    texts["phrases.toml"] = texts["phrases.toml"].replace(old, new, 1)
    assert any(said.split(": ")[-1] in fault for fault in problems(compiled(texts), load_reasons()))


def test_an_earlier_rule_that_steals_an_example_is_told() -> None:
    """A rule put in front of others must not take their examples."""
    texts = shipped_texts()
    thief = '[[first]]\nname = "thief"\nreason = "blocked"\nany = ["user"]\nexample = "user"\n\n'
    faults = problems(compiled(texts | {"mtas.toml": thief + texts["mtas.toml"]}), load_reasons())
    assert any(fault.startswith("user-unknown: ") and "'thief'" in fault for fault in faults)


def test_what_else_speaks_for_a_reason_comes_after_what_decides() -> None:
    """The first of all rulings is the decision; the last says that nothing else does."""
    text = "552 5.2.2 mailbox full, and our spam filter is full too"
    diagnostic = Diagnostic(
        recipient="kuro@example.net", text=text, status="5.2.2", reply="552", command="RCPT", action="failed"
    )
    first, *others = shipped().rulings(diagnostic)
    assert first == shipped().classify(diagnostic)
    assert (first.reason, first.rule) == ("mailboxfull", "full-mailbox")
    assert {"mailboxfull", "onhold"} <= {ruling.reason for ruling in others}
    assert others[-1].rule == "nothing"


def test_the_command_changes_what_the_words_mean() -> None:
    """At MAIL it is about the sender. After DATA a filter speaks, unless the words say plainly that nobody is there."""
    assert "userunknown" == reason("550 user unknown (in reply to RCPT TO command)")
    assert "userunknown" == reason("550 user unknown (in reply to end of DATA command)")
    assert "filtered" == reason("550 Requested action not taken: mailbox unavailable (in reply to end of DATA command)")
    assert "onhold" == reason("550 user unknown (in reply to MAIL FROM command)")
    assert "rejected" == reason("550 5.7.1 Access denied (in reply to MAIL FROM command)")
    assert "userunknown" == reason(
        "554 5.7.1 <a@b.ch>: Recipient address rejected: Access denied (in reply to RCPT TO command)"
    )


def test_an_unknown_user_is_one_at_any_command_if_the_code_says_so() -> None:
    """5.1.1 is definite, whatever was refused; the words alone are not."""
    assert "userunknown" == reason("550 5.1.1 user unknown (in reply to MAIL FROM command)")
    assert "userunknown" == reason("550 5.1.1 user unknown (in reply to end of DATA command)")
    assert "onhold" == reason("550 user unknown (in reply to MAIL FROM command)")


@pytest.mark.parametrize("name", ["zen.spamhaus.org", "b.barracudacentral.org", "ix.dnsbl.example", "dnsbl.sorbs.net"])
def test_public_block_lists_are_known_by_name(name: str) -> None:
    """However the sentence around it goes, and whatever the code."""
    for code in ("5.1.1", "5.7.1", "5.0.0"):
        assert "blocked" == reason(f"550 {code} no thanks, 192.0.2.1 stands in {name} (in reply to RCPT TO command)")


def test_docomo_says_the_same_words_for_three_reasons() -> None:
    """Only the code and the command tell them apart."""
    said = "550 {} Unknown user neko@docomo.ne.jp (in reply to {} command)"
    assert "userunknown" == reason(said.format("5.0.0", "RCPT TO"), host="mfsmax.docomo.ne.jp")
    assert "rejected" == reason(said.format("5.0.0", "end of DATA"), host="mfsmax.docomo.ne.jp")
    assert "filtered" == reason(said.format("5.2.0", "end of DATA"), host="mfsmax.docomo.ne.jp")


@pytest.mark.parametrize(
    ("host", "text", "expected"),
    [
        ("smtpin.facebook.com", "450 4.3.0 INT-T3 internal", "systemerror"),
        ("x.mail.protection.outlook.com", "550 5.7.705 Access denied, tenant has exceeded threshold", "speeding"),
        (
            "x.mail.protection.outlook.com",
            "550 5.7.51 TenantInboundAttribution; RestrictDomainsToCertificate",
            "blocked",
        ),
        ("eu-smtp.mimecast.com", "554 Email rejected due to security policies", "virusdetected"),
        ("aspmx.l.google.com", "550 5.7.27 This mail has been blocked: SPF does not pass", "authfailure"),
        ("mx.example.org", "550 5.7.27 Sender address has null MX", "notaccept"),
        ("smtp.secureserver.net", "550 5.1.1 This IP has sent too many messages this hour. IB504", "speeding"),
        ("x.mail.protection.outlook.com", "550 5.7.606 Access denied, banned sending IP [192.0.2.1]", "blocked"),
        ("lsean.ezweb.ne.jp", "550 : User unknown", "filtered"),
    ],
)
def test_providers_speak_dialects(host: str, text: str, expected: str) -> None:
    """The same code means different things at different hosts."""
    assert expected == reason(text, host=host)


def test_a_block_of_ours_never_condemns_an_address() -> None:
    """5.1.1 with the words of a block list is a block, and blames us."""
    blocked = reason(
        "550 5.1.1 <a@b.c>: Client host [192.0.2.1] blocked using zen.spamhaus.org (in reply to RCPT TO command)"
    )
    assert ("blocked", "us", False) == (blocked, scope_of(blocked), hardness(blocked, "5.1.1", "550"))


def test_a_host_that_takes_no_mail_is_final_unless_it_says_otherwise() -> None:
    """RFC 7504, 7505: notaccept is hard with a 5, soft with a 4."""
    assert (True, False) == (hardness("notaccept", "5.1.10", ""), hardness("notaccept", "4.3.2", "421"))


def test_nothing_known_is_never_hard() -> None:
    """Words that nobody understands are on hold; no words at all are undefined."""
    assert "onhold" == reason("550 computer says no")
    assert "undefined" == reason("")
    assert not hardness("onhold", "5.0.0", "550")


@pytest.mark.parametrize(
    ("text", "status", "reply"),
    [
        ("550 5.1.1 user unknown", "5.1.1", "550"),
        ("host mx.example.net[192.0.2.5.1] said: 552 5.2.2 full", "5.2.2", "552"),
        ("Postfix v2.5.1 said 421 4.7.0 later", "4.7.0", "421"),
        ("550-5.7.1 first 550 5.7.1 last", "5.7.1", "550"),
        ("5.1.0 - Unknown address error 550-'5.7.1 <a@b.c> Access denied'", "5.7.1", "550"),
        ("delayed for 550 minutes", "", ""),
        ("version 5.1.1.2 of it", "", ""),
    ],
)
def test_codes_are_found_and_look_alikes_left(text: str, status: str, reply: str) -> None:
    """Addresses, versions and durations are no codes."""
    assert (status, reply) == (find_status(text), find_reply(text))


def test_the_more_telling_code_is_preferred() -> None:
    """Of the report's field and the server's words; RFC 3463 x.0.0 says nothing."""
    assert "5.1.1" == more_telling("5.0.0", "5.1.1")
    assert "5.2.2" == more_telling("5.2.2", "5.0.0")
    assert "4.2.2" == more_telling("5.2.2", "4.2.2", "452")
    assert "5.1.1" == more_telling("5.5.4", "5.1.1")
    assert "5.1.1" == more_telling("5.1.1", "5.5.2")


def test_words_belong_together_only_when_near() -> None:
    """The pieces of a phrase stand in one sentence, in their order, wherever it begins."""
    user_left = parse_phrase("user * has left")
    assert stands_in(user_left, folded("The user list is long. Sorry, user\n  neko has left us"))
    assert not stands_in(user_left, folded(f"user {'x ' * 100} has left"))
    assert not stands_in(user_left, folded("has left user"))


def test_names_are_no_words() -> None:
    """What stands before the @ of an address is chosen by people."""
    assert "userunknown" == reason("550 5.1.1 <spam.blocked@example.net>: unknown (in reply to RCPT TO command)")
    assert "onhold" == reason("550 <mailbox-full@example.net>: computer says no")


def test_the_rest_of_a_group_of_codes_has_a_meaning_too() -> None:
    """RFC 3463: x.6 is about content and x.7 about policy, whatever the detail."""
    assert "contenterror" == reason("554 5.6.77 computer says no")
    assert "securityerror" == reason("554 5.7.77 computer says no")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 The mailbox is not available at this site (in reply to RCPT TO command)", "userunknown"),
        ("550 the user neko has left our company (in reply to end of DATA command)", "filtered"),
        ("552 Postfach ist voll", "mailboxfull"),
        ("554 attachments too large", "mesgtoobig"),
        ("454 your mail was greylisted", "blocked"),
        ("550 your certificate is no longer valid (in reply to RCPT TO command)", "onhold"),
        ("450 unable to find it, try again later (in reply to RCPT TO command)", "onhold"),
    ],
)
def test_wide_words_decide_where_nothing_else_does(text: str, expected: str) -> None:
    """Replies that no rule knows word by word; doubt is never hard."""
    assert expected == reason(text)


def test_wide_words_of_the_notice_decide_nothing() -> None:
    """What a report says around the reply is boilerplate."""
    said = Diagnostic(recipient="kuro@example.net", text="550 computer says no", reply="550", command="RCPT")
    assert "onhold" == classify(replace(said, notice="Perhaps the address is no longer in use.")).reason
