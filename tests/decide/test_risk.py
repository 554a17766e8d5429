"""The risk: each signal by itself, all together, its parts by name, and what the policy makes of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.decide.risk import SIGNALS, SPEAKS_FOR, Risk, Scales
from sidestep.streams.decide.rules.case import Finding
from sidestep.streams.decide.rules.ladder import RULES
from sidestep.streams.decide.rules.trap_risk import valid_since
from sidestep.streams.decide.tables import DomainRow, RecipientRow
from tests.decide.world import World

NOW = 1_800_000_000
DAY = 86_400
KNOWN = {"last_approved": NOW - DAY}
MARKED: dict[str, Any] = KNOWN | {"hard_bounced_at": NOW - 900 * DAY}


@pytest.fixture(scope="module")
def policy(new_world: type[World]) -> Policy:
    """The one that ships."""
    return parse(new_world.policy_text())


@pytest.fixture(scope="module")
def plain(new_world: type[World]) -> IntentEvidence:
    """An intent of which nothing is said."""
    return new_world.intent_record()


@pytest.mark.parametrize(
    ("fired", "recipient", "domain", "risk"),
    [
        ([], KNOWN, {}, (0.0, {})),
        ([], {}, {}, (0.05, {"pristine": 0.05})),
        ([], {"last_approved": NOW - 365 * DAY}, {}, (0.0, {})),
        ([], {"last_approved": NOW - 365 * DAY - 1}, {}, (0.3, {"recycled": 0.3})),
        ([], MARKED, {}, (0.6, {"recycled": 0.6})),
        ([], KNOWN | {"suspended_at": 1}, {}, (0.6, {"recycled": 0.6})),
        ([], KNOWN | {"suspended_at": 1, "hard_bounced_at": 1}, {}, (0.6, {"recycled": 0.6})),
        ([], MARKED | {"accepted_at": NOW - DAY}, {}, (0.84, {"recycled": 0.84})),
        ([], KNOWN | {"accepted_at": NOW - DAY}, {}, (0.0, {})),
        ([], KNOWN | {"unseen": 24}, {}, (0.0, {})),
        ([], KNOWN | {"unseen": 25}, {}, (0.1, {"recycled": 0.1})),
        ([], KNOWN, {"back_at": 1}, (0.3, {"recycled": 0.3})),
        ([], KNOWN, {"dark_since": 1}, (0.0, {})),
        (["role-address"], KNOWN, {}, (0.15, {"role": 0.15})),
        (["typo-suspected"], KNOWN, {}, (0.25, {"typo": 0.25})),
        (["disposable-address"], KNOWN, {}, (0.4, {"disposable": 0.4})),
        (["dns-unknown", "recycled-address"], KNOWN, {}, (0.0, {})),
        (["listed-doubtful"], KNOWN, {}, (0.4, {"listed": 0.4})),
        (["parked-domain"], KNOWN, {}, (0.4, {"recycled": 0.4})),
        (["trap-cluster"], KNOWN, {}, (0.9, {"typo": 0.9})),
        (["typo-domain"], KNOWN, {}, (0.6, {"typo": 0.6})),
        (["typo-domain"], KNOWN, {"moved_from": NOW - 90 * DAY, "moved_at": NOW - DAY}, (0.6, {"typo": 0.6})),
        ([], KNOWN, {"back_at": 1, "moved_from": NOW - 90 * DAY, "moved_at": NOW}, (0.93, {"recycled": 0.93})),
        (["honeypot-address"], KNOWN, {}, (0.9, {"seeded": 0.9})),
        (["known-trap"], KNOWN | {"last_engaged": NOW - DAY}, {}, (0.99, {"known": 0.99})),
        (["machine-made-address"], {}, {}, (0.288, {"pristine": 0.288})),
        (["domain-came-back"], KNOWN, {"back_at": 1}, (0.3, {"recycled": 0.3})),
        (["disposable-address"], KNOWN | {"last_engaged": NOW - DAY}, {}, (0.08, {"disposable": 0.08})),
        (["disposable-address"], KNOWN | {"last_engaged": NOW - 365 * DAY}, {}, (0.4, {"disposable": 0.4})),
        ([], {"last_delivered": NOW}, {}, (0.05, {"pristine": 0.05})),
        ([], KNOWN | {"hard_bounced_at": NOW - 9 * DAY, "last_engaged": NOW - 10 * DAY}, {}, (0.6, {"recycled": 0.6})),
        ([], KNOWN | {"hard_bounced_at": NOW - 9 * DAY, "last_engaged": NOW - DAY}, {}, (0.12, {"recycled": 0.12})),
        (
            ["role-address", "disposable-address"],
            {},
            {"back_at": 1},
            (0.661, {"pristine": 0.05, "role": 0.15, "disposable": 0.4, "recycled": 0.3}),
        ),
    ],
)
def test_signals_combine(
    policy: Policy,
    plain: IntentEvidence,
    fired: list[str],
    recipient: dict[str, Any],
    domain: dict[str, Any],
    risk: tuple[float, dict[str, float]],
) -> None:
    """1 - (1 - w1)(1 - w2)…, of all and of each part; engagement since the last mark leaves a fifth of it."""
    findings = [Finding(name, "") for name in fired]
    found = Scales(policy).weigh(plain, findings, RecipientRow(**recipient), DomainRow(**domain), "", None, NOW)
    assert risk == (found.whole, found.parts)


@pytest.mark.parametrize(
    ("days_ago", "risk"), [(0, 0.24), (29, 0.24), (31, 0.6), (901, 0.6)], ids=["today", "fresh", "stale", "before"]
)
def test_fresh_consent_speaks_for_an_address(
    policy: Policy, new_world: type[World], days_ago: int, risk: float
) -> None:
    """Within `consent_days`, and after any mark."""
    evidence = new_world.intent_record(consent_at=(NOW - days_ago * DAY) * 1000)
    assert risk == Scales(policy).weigh(evidence, [], RecipientRow(**MARKED), DomainRow(), "", None, NOW).whole


def test_someone_who_never_engaged_is_not_taken_for_engaged(new_world: type[World], plain: IntentEvidence) -> None:
    """However far back the policy looks."""
    policy = parse(new_world.policy_text().replace("dormant_days = 365", "dormant_days = 99999"))
    assert 0.05 == Scales(policy).weigh(plain, [], RecipientRow(), DomainRow(), "", None, NOW).whole


times = st.sampled_from([0, 1, NOW - 400 * DAY, NOW - DAY, NOW])
recipients = st.builds(RecipientRow, *[times] * 4, st.integers(0, 3), *[times] * 4)


@given(
    st.lists(st.sampled_from(sorted(rule.id for rule in RULES)), unique=True),
    recipients,
    st.builds(DomainRow, back_at=times),
    times,
    st.fixed_dictionaries({name: st.floats(-1, 0) if name in SPEAKS_FOR else st.floats(0, 1) for name in SIGNALS}),
)
def test_risk_is_a_probability_whatever_the_weights(
    new_world: type[World],
    fired: list[str],
    recipient: RecipientRow,
    domain: DomainRow,
    consent: int,
    weights: dict[str, float],
) -> None:
    """From 0 to 1, for every set of weights that the policy may hold; no part is above the whole."""
    text = new_world.policy_text()
    head, _, rest = text.partition("[risk]\n")
    lines = "\n".join(f"{name} = {weight:.6f}" for name, weight in weights.items())
    policy = parse(f"{head}[risk]\n{lines}\n[risk-parameters]{rest.partition('[risk-parameters]')[2]}")
    evidence = new_world.intent_record(consent_at=consent * 1000)
    risk = Scales(policy).weigh(evidence, [Finding(name, "") for name in fired], recipient, domain, "", None, NOW)
    assert 0 <= risk.whole <= 1
    assert all(0 < part <= risk.whole + 0.0011 for part in risk.parts.values())


STORY = {"hard_bounced_at": NOW - 800 * DAY, "first_seen": NOW - 1000 * DAY}


@pytest.mark.parametrize(
    ("weights", "action", "rules"),
    [
        ({"old-bounce": 0.2}, "send", ["recycled-address"]),
        ({"old-bounce": 0.4}, "send", ["recycled-address", "trap-risk"]),
        ({"old-bounce": 0.85}, "defer", ["trap-risk", "recycled-address"]),
        ({"old-bounce": 0.97}, "drop", ["trap-risk", "recycled-address"]),
    ],
)
def test_the_policy_maps_risk_to_what_happens(
    new_world: type[World], weights: dict[str, float], action: str, rules: list[str]
) -> None:
    """Approve, approve and say so, defer until the person has confirmed, drop."""
    world = bounced_long_ago(new_world, weights)
    verdict = world.intent("2")
    assert (action, rules) == (verdict.action, [rule.id for rule in verdict.rules])
    if action == "defer":
        assert verdict.retry_at == verdict.decided_at + 7 * DAY
        assert "is 0.86, from 0 to 1 (recycled 0.85, pristine 0.05)" in verdict.rules[0].text
        assert "confirm the address" in verdict.rules[0].text


def test_a_person_who_confirms_gets_the_message(new_world: type[World]) -> None:
    """The next attempt with the time of that; without it the wait doubles, up to a month."""
    world = bounced_long_ago(new_world, {"old-bounce": 0.85})
    waits = []
    for attempt in range(1, 5):
        verdict = world.intent("2", attempt=attempt)
        waits.append((verdict.retry_at or 0) - verdict.decided_at)
        world.wait(waits[-1] * 1000)
    assert [7 * DAY, 14 * DAY, 28 * DAY, 30 * DAY] == waits
    verdict = world.intent("2", attempt=5, consent_at=world.now)
    assert ("send", 0.343) == (verdict.action, verdict.risk)
    assert verdict.valid_since == world.now / 1000


def test_a_message_that_is_stopped_has_its_risk_too(world: World) -> None:
    """By the rule that stopped it, and by its history."""
    verdict = world.intent(classes=("honeypot",))
    assert ("drop", 0.905, {"pristine": 0.05, "seeded": 0.9}) == (verdict.action, verdict.risk, verdict.risk_parts)


def test_what_the_risk_stops_takes_no_slot(new_world: type[World]) -> None:
    """Of the domain's limit."""
    world = bounced_long_ago(new_world, {"old-bounce": 0.85}, domain="1/day", service="1/day")
    assert "defer" == world.intent("2").action
    assert "send" == world.intent("3", to="tom@example.com").action


@pytest.mark.parametrize(
    ("recipient", "consent", "since"),
    [
        ({}, 0, NOW - 1000 * DAY),
        ({"last_engaged": NOW - 900 * DAY}, 0, NOW - 900 * DAY),
        ({"last_engaged": NOW - 900 * DAY}, NOW - 5, NOW - 5),
    ],
)
def test_a_server_can_be_told_whom_the_mailbox_belonged_to(
    new_world: type[World], recipient: dict[str, Any], consent: int, since: int
) -> None:
    """RFC 7293: the last sign of the person, else when it was first written to."""
    evidence = new_world.intent_record(consent_at=consent * 1000)
    row = RecipientRow(**STORY | recipient)
    assert since == valid_since(row, evidence, Risk(0.6, {"recycled": 0.6}))
    assert 0 == valid_since(row, evidence, Risk(0.6, {"typo": 0.6}))


def bounced_long_ago(new_world: type[World], weights: dict[str, float], **limits: str) -> World:
    """Jane's mailbox bounced for good, longer ago than its rule looks back, and rows are kept for a little longer."""
    text = new_world.policy_text(**limits).replace("days = 730", "days = 30").replace("days = 180", "days = 30")
    for name, weight in weights.items():
        text = "\n".join(f"{name} = {weight}" if line.startswith(f"{name} =") else line for line in text.splitlines())
    world = new_world(text)
    world.feedback("bounce", hard=True, scope="recipient")
    world.wait(40 * DAY * 1000)
    return world
