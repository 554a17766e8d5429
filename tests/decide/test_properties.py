"""What must hold for every log, however odd, and however it is cut into batches. Logs are made up by hypothesis."""

from collections import Counter
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidestep.schemas import (
    ErasureRecord,
    Evidence,
    FeedbackEvidence,
    HoldRecord,
    IntentEvidence,
    ModelRecord,
    MxFinding,
    Pace,
    PaceRecord,
    SuppressRecord,
    TrapRecord,
    Verdict,
)
from sidestep.schemas.codec import decode_evidence, encode
from tests.decide.world import World

LIMITED = {"domain": "2/min,max_burst=3", "service": "1/min,max_burst=2"}
FEEDBACK = ("bounce", "complaint", "not-spam", "delivered", "opened", "clicked", "replied", "unsubscribed")
addresses = st.sampled_from(["a@x.com", "b@x.com", "a@y.org"])
services = st.sampled_from(["shop", "bank"])
DAY = 86_400_000
steps = st.sampled_from(
    [0, 0, 0, 1, 500, 20_000, 60_000, 3_600_000, DAY, 9 * DAY, 101 * DAY, 400 * DAY, 800 * DAY, -5_000]
)

SHARED = MxFinding("yes", "mx", World.start // 1000, 300, ("mx1.hoster.example", "mx2.hoster.example"))
MOVED = MxFinding("yes", "mx", World.start // 1000, 300, ("mx.other.example",))
GOOGLE = MxFinding("yes", "mx", World.start // 1000, 300, ("mx.google.com",), "google")
intents = st.fixed_dictionaries(
    {
        "id": st.sampled_from("123"),
        "to": addresses,
        "service": services,
        "mx": st.sampled_from(["yes", GOOGLE, SHARED, MOVED, "no", "unknown"]),
        "attempt": st.sampled_from([1, 1, 2, 2, 3, 4, 7]),
        "stream": st.sampled_from(["", "newsletter"]),
        "test": st.sampled_from([False] * 5 + [True]),
        "proved": st.sampled_from(["", "", "shop-1"]),
        "claimed": st.booleans(),
        "metadata": st.sampled_from([None, None, None, {"template": "other"}]),
        "classes": st.sampled_from(
            [(), (), ("role",), ("disposable", "free"), ("near-miss",), ("near-miss", "misspelling"), ("faint-miss",)]
        ),
        "reused": st.sampled_from([False] * 7 + [True]),
        "source": st.sampled_from(["", "form", "import-2017"]),
        "campaign": st.sampled_from(["", "may"]),
    }
)
events = st.fixed_dictionaries(
    {
        "event": st.sampled_from(FEEDBACK),
        "to": addresses,
        "id": st.sampled_from("12345678"),
        "service": st.sampled_from(["", "shop"]),
        "claimed": st.booleans(),
        "hard": st.booleans(),
        "scope": st.sampled_from(["recipient", "us", "domain", "transient"]),
        "reason": st.sampled_from(["", "suspend", "userunknown", "speeding", "blocked"]),
        "occurred_at": st.sampled_from([0, 1_700_000_000_000, 1_900_000_000_000]),
    }
)
holds = st.tuples(
    st.sampled_from(["shop", "bank", "shop (claimed)"]), st.sampled_from([0, 1_800_000_100_000, 1_900_000_000_000])
)
suppressions = st.tuples(
    st.sampled_from(["a@x.com", "x.com", "y.org"]),
    st.sampled_from([0, 1_800_000_100_000, 1_900_000_000_000]),
    st.booleans(),
)
traps = st.fixed_dictionaries(
    {
        "trap": st.sampled_from(["a@x.com", "x.com", "b@x.com"]),
        "lifted": st.booleans(),
        "report": st.sampled_from(["", "1", "2"]),
    }
)
models = st.sampled_from(
    [
        '{"outcomes":2000,"shifts":{"never-mailed":1.0,"role-address":-2.0}}',
        '{"outcomes":3000,"policy":0.8,"shifts":{"old-bounce":0.5}}',
        "no snapshot",
        "",
    ]
)
erasures = st.fixed_dictionaries({"erase": addresses, "drop_suppression": st.booleans()})
changes = st.sampled_from([{}, {"role-address": "reject"}, {"domain-limit": "off"}])
paces = st.builds(
    Pace,
    share=st.sampled_from([0, 10_000, 1_000_000]),
    speed=st.sampled_from([1, 500, 1000]),
    per_minute=st.sampled_from([0, 1, 60]),
    until=st.sampled_from([0, 1_800_000_100_000, 1_800_003_600_000]),
    double_after=st.sampled_from([0, 1, 900]),
)
Entry = tuple[int, Any]
"""Milliseconds since the one before, and what happens then: fields of a record, a hold, a suppression, other modes."""
entries = st.tuples(
    steps, st.one_of(intents, intents, intents, events, holds, suppressions, traps, erasures, models, changes, paces)
)
logs = st.lists(entries, max_size=40)
soon = st.lists(entries.map(lambda entry: (entry[0] if entry[0] < 10**7 else 0, entry[1])), max_size=40)
"""Logs of less than a day: no id is forgotten."""


def _log(new_world: type[World], made_up: list[Entry]) -> list[bytes]:
    """The policy, then the records made up, stamped one after the other."""
    now = new_world.start
    log = [encode(new_world.policy_record(_policy(new_world, {})))]
    for step, what in made_up:
        now = max(new_world.start, now + step)
        log.append(encode(_record(new_world, what, now)))
    return log


def _record(new_world: type[World], what: Any, now: int) -> Evidence:
    if isinstance(what, tuple) and len(what) == 3:
        subject, until, lifted = what
        key = new_world.keys.recipient(subject) if "@" in subject else b""
        return SuppressRecord(subject.rpartition("@")[2], "test", "ops", now, key, until, lifted)
    if isinstance(what, tuple):
        return HoldRecord(service=what[0], until=what[1], reason="test", at=now)
    if isinstance(what, str):
        return ModelRecord(version=f"m{len(what)}", at=now, snapshot=what)
    if isinstance(what, Pace):
        return PaceRecord(now, {"google": what})
    if "trap" in what:
        return _trap(new_world, now, **what)
    if "erase" in what:
        return ErasureRecord(new_world.keys.recipient(what["erase"]), "ops", now, "", what["drop_suppression"])
    if "event" in what:
        return new_world.feedback_record(**what, at=now)
    if "mx" in what:
        return new_world.intent_record(**what | {"claimed": what["claimed"] and not what["proved"]}, at=now)
    return new_world.policy_record(_policy(new_world, what), now)


def _policy(new_world: type[World], modes: dict[str, str]) -> str:
    """With limits that go by the MX provider, too, unless a mode is another one."""
    by_provider = {} if modes else {"provider": "2/min,max_burst=2"}
    text = new_world.policy_text(modes, **LIMITED, **by_provider)
    for figure, low in (("bombed = 8", "bombed = 2"), ("source_least = 100", "source_least = 2")):
        assert figure in text
        text = text.replace(figure, low)
    if modes:
        return text
    text = text.replace('# "newsletter@google" = "10000/min,max_burst=1000"', 'bank = "1/min"')
    return text.replace("services = []", 'services = ["shop"]').replace("caps = [480, 672, 936,", "caps = [2, 3, 4,")


def _trap(new_world: type[World], now: int, trap: str, lifted: bool, report: str) -> TrapRecord:
    key = new_world.keys.recipient(trap) if "@" in trap else b""
    event_key = new_world.keys.event("trap", report) if report else b""
    return TrapRecord(trap.rpartition("@")[2], "ops", now, key, lifted=lifted, event_key=event_key)


def _judged(new_world: type[World], log: list[bytes], cuts: list[int]) -> World:
    """A world in which the log was judged in batches that end at `cuts`, with a new judge for every third."""
    world = new_world(None)
    for number, (first, last) in enumerate(pairwise(sorted({0, *(cut % (len(log) + 1) for cut in cuts), len(log)}))):
        if number % 3 == 2:
            world.judge = type(world.judge)(world.ledger, 4)
        world.append(*log[first:last])
    return world


def _answer(verdict: Verdict) -> dict[str, Any]:
    return {name: getattr(verdict, name) for name in verdict.__struct_fields__ if name != "evidence"}


@given(logs, st.lists(st.integers(0, 41), max_size=6))
def test_batches_make_no_difference(new_world: type[World], made_up: list[Entry], cuts: list[int]) -> None:
    """The same verdicts and tallies, octet by octet, and the same ledger: folded one by one, at once, or anyhow."""
    log = _log(new_world, made_up)
    whole, one_by_one, anyhow = (_judged(new_world, log, c) for c in ([], list(range(len(log))), cuts))
    assert whole.values() == one_by_one.values() == anyhow.values()
    assert whole.tally_values() == one_by_one.tally_values() == anyhow.tally_values()
    assert whole.contents() == one_by_one.contents() == anyhow.contents()


@given(logs, st.lists(st.integers(1, 40), max_size=8))
def test_a_log_that_holds_records_twice_says_the_same(
    new_world: type[World], made_up: list[Entry], again: list[int]
) -> None:
    """Screen writes some intents and feedback twice after a crash: the same verdicts and the same ledger."""
    log = _log(new_world, made_up)
    doubled = []
    for offset, record in enumerate(log):
        doubled.append(record)
        if isinstance(decode_evidence(record), IntentEvidence | FeedbackEvidence):
            doubled += [record] * again.count(offset)
    once, twice = _judged(new_world, log, []), _judged(new_world, doubled, again)
    assert list(map(_answer, once.verdicts())) == list(map(_answer, twice.verdicts()))
    assert once.tally_values() == twice.tally_values()
    assert once.contents() == twice.contents()


@given(soon, st.data())
def test_a_record_that_comes_again_later_changes_nothing(
    new_world: type[World], made_up: list[Entry], data: st.DataObject
) -> None:
    """Any earlier intent or feedback, repeated at the end, has no verdict and leaves no trace."""
    log = _log(new_world, made_up)
    world = _judged(new_world, log, [])
    events = [record for record in log if isinstance(decode_evidence(record), IntentEvidence | FeedbackEvidence)]
    if events:
        before = world.contents()
        assert [] == world.append(*data.draw(st.lists(st.sampled_from(events), min_size=1, max_size=5)))
        assert before == world.contents()


@given(soon)
def test_each_intent_has_one_verdict(new_world: type[World], made_up: list[Entry]) -> None:
    """Within the window: never two for the same service, id, attempt and content, and at least one for each content."""
    log = _log(new_world, made_up)
    verdicts = _judged(new_world, log, []).verdicts()
    asked = {_content(r) for r in map(decode_evidence, log) if isinstance(r, IntentEvidence)}
    answered = Counter((_content(verdict), verdict.attempt) for verdict in verdicts)
    assert asked == {content for content, _ in answered}
    assert [] == [intent for intent, count in answered.items() if count > 1]


def _id(record: IntentEvidence | Verdict) -> tuple[Any, ...]:
    return record.service, record.id, bool(record.proved), record.test


def _content(record: IntentEvidence | Verdict) -> tuple[Any, ...]:
    return *_id(record), record.to, record.stream, record.campaign, record.source, str(record.metadata)


@given(soon)
def test_nothing_is_sent_twice(new_world: type[World], made_up: list[Entry]) -> None:
    """One approval for an intent within the window, whatever attempts follow; the recipients differ or not."""
    approved = Counter(
        _id(verdict)
        for verdict in _judged(new_world, _log(new_world, made_up), []).verdicts()
        if verdict.action == "send"
    )
    assert all(count == 1 for count in approved.values())


@given(logs)
def test_verdicts_make_sense(new_world: type[World], made_up: list[Entry]) -> None:
    """Decision, action, retry_at, rules and risk fit each other; time never goes back; unknown is never dropped."""
    log = _log(new_world, made_up)
    verdicts = _judged(new_world, log, []).verdicts()
    for verdict in verdicts:
        assert (verdict.decision == "approved") == (verdict.action == "send")
        assert (verdict.action == "defer") == (verdict.retry_at is not None)
        assert verdict.retry_at is None or verdict.retry_at > verdict.decided_at - 1
        assert verdict.action == "send" or verdict.rules
        assert 0 <= verdict.risk <= 1
        assert all(rule.text.endswith((".", "?")) for rule in verdict.rules)
        first = verdict.rules[0].id if verdict.rules else ""
        assert verdict.action != "drop" or first != "dns-unknown"
    assert sorted(verdict.decided_at for verdict in verdicts) == [verdict.decided_at for verdict in verdicts]


@given(st.lists(st.tuples(st.integers(0, 40_000), services), min_size=1, max_size=30))
@settings(max_examples=40)
def test_no_window_of_approvals_exceeds_the_limits(new_world: type[World], arrivals: list[tuple[int, str]]) -> None:
    """2 a minute and 3 at once to the domain, 1 a minute and 2 at once from the service, in every window of the log."""
    world = new_world(new_world.policy_text(**LIMITED))
    sent: dict[str, list[int]] = {"": [], "shop": [], "bank": []}
    records = []
    for number, (gap, service) in enumerate(arrivals):
        world.wait(gap)
        records.append(world.intent_record(str(number), service=service, at=world.now))
    for verdict in world.append(*records):
        if verdict.action == "send":
            sent[""].append(round(verdict.decided_at * 1000))
            sent[verdict.service].append(round(verdict.decided_at * 1000))
    for name, times in sent.items():
        interval, burst = (30_000, 3) if name == "" else (60_000, 2)
        for first in range(len(times)):
            for last in range(first, len(times)):
                assert last - first + 1 <= (times[last] - times[first]) // interval + burst
