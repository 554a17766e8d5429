"""Logs with known differences: what is counted, whose outcome it is, and where the other policy begins."""

from typing import Any

import pytest
from msgspec.structs import replace

from sidestep.schemas import Evidence, SuppressRecord, TickRecord, TrapRecord
from sidestep.streams.audit.audit_partition import Span
from tests.audit.conftest import golden_lines
from tests.backtest.logs import compared, figures, kinds
from tests.decide.world import KEYS, SHIPPED_TEXT, START, feedback, intent, policy, policy_text

ROLES_DROPPED = policy_text({"role-address": "reject"})
ROLE = {"to": "info@example.com", "classes": ("role",)}
SENT_TO_DROPPED = ("send", "drop", "", "role-address")


def role(id: str = "1", **fields: Any) -> Evidence:
    """An intent that ROLES_DROPPED drops and the shipped policy sends."""
    return intent(id, **ROLE | fields)


def told(event: str, second: int = 60, **fields: Any) -> Evidence:
    """What comes back from its recipient, so many seconds later."""
    return feedback(event, ROLE["to"], at=START + 1000 * second, **fields)  # type: ignore[arg-type]


def test_a_policy_that_says_the_same_changes_nothing() -> None:
    """On a log with every rule in it; of its messages each has its fate."""
    log = golden_lines("log")
    report = compared([policy(), *log[1:4]], SHIPPED_TEXT)
    assert {} == kinds(report) and [] == report.counts.says_otherwise
    whole = compared(log, SHIPPED_TEXT).counts
    assert len(log) == whole.records and 2 == whole.tests and 0 == whole.unjudged
    assert whole.messages == sum(whole.fates.values()) > 50


def test_a_rule_that_is_off_lets_its_messages_go() -> None:
    """And nothing is known of them, as they were never sent."""
    log: list[Evidence] = [policy(), *(intent(str(number), to=f"{number}@x.example", mx="no") for number in range(3))]
    report = compared(log, policy_text({"domain-takes-no-mail": "off"}))
    assert {("drop", "send", "domain-takes-no-mail", ""): 3} == kinds(report)
    assert {"sent, not known": 3} == figures(report)
    assert ["[rules.domain-takes-no-mail] mode: reject → off"] == report.counts.says_otherwise


@pytest.mark.parametrize(
    ("events", "figure"),
    [
        ([told("opened")], "good mail lost"),
        ([told("delivered", 1), told("replied")], "good mail lost"),
        ([told("bounce", hard=True, scope="recipient")], "bounces avoided"),
        ([told("opened"), told("bounce", hard=True, scope="recipient")], "bounces avoided"),
        ([told("bounce", reason="suspend", scope="recipient")], "bounces avoided"),
        ([told("complaint")], "complaints avoided"),
        ([told("complaint", 1), told("not-spam"), told("opened")], "good mail lost"),
        ([TrapRecord(domain="example.com", recipient_key=KEYS.recipient("info@example.com"), by="ops", at=START)],
         "traps avoided"),
        ([TrapRecord(domain="example.com", by="ops", at=START)], "traps avoided"),
        ([], "stopped, not known"),
        ([told("delivered")], "stopped, not known"),
        ([told("unsubscribed")], "stopped, not known"),
        ([told("bounce", hard=False, scope="recipient")], "stopped, not known"),
        ([told("bounce", hard=True, scope="us")], "stopped, not known"),
        ([told("opened", tied="wrong-token")], "stopped, not known"),
        ([told("opened", service="news")], "stopped, not known"),
        ([told("opened", service="shop", intent_id="another")], "stopped, not known"),
        ([told("opened", service="shop", intent_id="1")], "good mail lost"),
    ],
)  # fmt: skip
def test_an_outcome_is_the_gravest_that_came_back_of_the_message(events: list[Evidence], figure: str) -> None:
    """Of what names another message, another service, or carries another's token, nothing."""
    report = compared([policy(), role(), *events], ROLES_DROPPED)
    assert {SENT_TO_DROPPED: 1} == kinds(report)
    assert {figure: 1} == figures(report)


def test_what_came_back_belongs_to_the_message_that_it_names_else_to_the_last_one() -> None:
    """Two messages to one mailbox."""
    log: list[Evidence] = [policy(), role("1"), role("2", at=START + 1000)]
    named = compared([*log, told("opened", service="shop", intent_id="1")], ROLES_DROPPED)
    assert {"good mail lost": 1, "stopped, not known": 1} == figures(named)
    last = compared([*log, told("opened")], ROLES_DROPPED)
    first = [each.id for each in last.examples() if each.outcome == "engaged"]
    assert (["2"], {"good mail lost": 1, "stopped, not known": 1}) == (first, figures(last))


def test_a_trap_that_is_stopped_and_would_be_sent_to_is_told() -> None:
    """Unless somebody has taken back that it is one."""
    trap = TrapRecord(domain="example.com", recipient_key=KEYS.recipient("jane@example.com"), by="ops", at=START)
    log: list[Evidence] = [policy(), trap, intent()]
    off = policy_text({"known-trap": "off", "trap-risk": "off"})
    assert {"traps hit": 1} == figures(compared(log, off))
    assert {"sent, not known": 1} == figures(compared([*log, replace(trap, lifted=True)], off))


def test_a_limit_that_is_halved_defers_what_was_sent() -> None:
    """At least until it says; what was deferred then and offered again is one message, sent late."""
    log: list[Evidence] = [policy(policy_text(domain="60/min,max_burst=4"))]
    log += [intent(str(number), to=f"{number}@example.com") for number in range(5)]
    log += [intent("4", to="4@example.com", attempt=2, at=START + 60_000)]
    report = compared(log, policy_text(domain="60/min,max_burst=2"))
    assert {("send", "defer", "", "domain-limit"): 2} == kinds(report)
    assert 5 == report.counts.messages
    assert {"1 min": 2} == report.counts.least_delays
    assert {"at once": 4, "1 min": 1} == dict(report.counts.delays["before"])
    assert {"at once": 2, "not sent yet": 2, "1 min": 1} == dict(report.counts.delays["after"])
    assert {"domain-limit": 2} == dict(report.counts.stops["after"])


def test_what_would_be_sent_at_once_is_no_drop_of_its_next_attempt() -> None:
    """In the log it was deferred and offered again: the other policy refuses that, as it has sent it already."""
    log: list[Evidence] = [policy(policy_text(domain="60/min,max_burst=1"))]
    log += [intent("1", to="1@example.com"), intent("2", to="2@example.com")]
    log += [intent("2", to="2@example.com", attempt=2, at=START + 60_000)]
    report = compared([*log, feedback("opened", "2@example.com", at=START + 90_000)], SHIPPED_TEXT)
    assert {} == kinds(report)
    assert {"at once": 1, "1 min": 1} == dict(report.counts.delays["before"])
    assert {"at once": 2} == dict(report.counts.delays["after"])


def test_what_would_be_dropped_keeps_its_reason() -> None:
    """In the log it was deferred, offered again and sent: that the next attempt is refused is no reason."""
    limit = "60/min,max_burst=1"
    log: list[Evidence] = [policy(policy_text(domain=limit)), intent("1", to="1@example.com")]
    log += [role("2"), role("2", attempt=2, at=START + 60_000)]
    report = compared(log, policy_text({"role-address": "reject"}, domain=limit))
    assert {SENT_TO_DROPPED: 1} == kinds(report)
    assert {"role-address": 1} == dict(report.counts.stops["after"])


def test_a_threshold_of_the_risk_moves_messages() -> None:
    """The risk itself stays; what is to be expected of what is sent falls."""
    log: list[Evidence] = [policy(), intent("1", classes=("honeypot",), to="spamtrap@example.com"), intent("2")]
    text = policy_text({"honeypot-address": "off"}).replace("never-mailed = 0.05 ", "never-mailed = 0.15 ")
    report = compared(log, text)
    assert {("drop", "send", "honeypot-address", ""): 1} == kinds(report)
    assert report.counts.expected == {"before": 50, "after": 300}
    assert 2 == report.counts.risks["after"][1]


def test_a_change_begins_at_since_and_ends_at_until() -> None:
    """Histories before it are what they were; what comes back behind it is known all the same, and counts once."""
    day = 86_400
    log: list[Evidence] = [policy(), role("old")]
    log += [role("new", at=START + day * 1000), role("late", at=START + 2 * day * 1000)]
    log += [told("opened", 2 * day + 60, intent_id="new", service="shop")]
    since = Span(START / 1000 + day)
    report = compared(log, ROLES_DROPPED, since)
    assert (2, {SENT_TO_DROPPED: 2}) == (report.counts.messages, kinds(report))
    assert {"good mail lost": 1, "stopped, not known": 1} == figures(report)
    stretch = compared(log, ROLES_DROPPED, Span(START / 1000 + day, START / 1000 + 2 * day))
    assert {"good mail lost": 1} == figures(stretch)
    # "old" was sent before: only so is the mailbox none that was never mailed
    assert [0.15] == [each.before.risk for each in stretch.examples()]
    assert [0.15] == [each.after.risk for each in stretch.examples()]


def test_policies_of_the_log_are_replaced_from_since_on() -> None:
    """However often it changes there."""
    log: list[Evidence] = [policy(ROLES_DROPPED), role("1"), policy(at=START + 1000), role("2", at=START + 1000)]
    log += [policy(ROLES_DROPPED, at=START + 2000), role("3", at=START + 2000)]
    assert {("drop", "send", "role-address", ""): 2} == kinds(compared(log, SHIPPED_TEXT))
    since = compared(log, ROLES_DROPPED, Span(START / 1000 + 1))
    assert {SENT_TO_DROPPED: 1} == kinds(since)
    assert {policy().version: 1, policy(ROLES_DROPPED).version: 1} == dict(since.counts.policies)


def test_holds_and_suppressions_of_the_log_hold_for_both() -> None:
    """What people have said is no part of a policy."""
    said = SuppressRecord(domain="example.com", reason="asked for it", by="ops", at=START)
    report = compared([policy(), said, role(), TickRecord(at=START + 1000)], ROLES_DROPPED)
    assert {} == kinds(report) and {"suppressed": 1} == dict(report.counts.stops["after"])


def test_no_example_tells_a_local_part() -> None:
    """Neither the id of an intent nor the sentence of a rule."""
    slip = intent("jane@gmial.com-1", to="jane@gmial.com", classes=("typo",), suggestion="jane@gmail.com")
    report = compared([policy(policy_text({"typo-domain": "off", "trap-risk": "off"})), slip], SHIPPED_TEXT)
    assert {("send", "drop", "", "typo-domain"): 1} == kinds(report)
    (example,) = report.examples()
    assert "***@gmail.com" in example.after.text and "jane" not in repr(example)


def test_what_can_not_be_read_is_passed_over() -> None:
    """Nor does it move the time."""
    log: list[Evidence | bytes] = [policy(), b"{", b'{"kind":"policy"}', b'{"at":1e30}', role()]
    log += [b'{"kind":"tick","at":999999999999999999}']
    report = compared(log, ROLES_DROPPED, Span(until=START / 1000 + 60))
    assert {SENT_TO_DROPPED: 1} == kinds(report) and 6 == report.counts.records
