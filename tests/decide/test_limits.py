"""Limits: how a rate is written, what GCRA lets through, and what retry_at promises."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import MxFinding, Verdict
from sidestep.streams.decide.tables import DOMAIN_RATES, SERVICES
from sidestep.streams.gcra import Rate, advance, earliest, furthest, parse_rate
from tests.decide.world import GENEROUS, World

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "interval_us", "burst"),
    [
        ("500/min,max_burst=50", 120_000, 50),
        ("1/s", SECOND, 1),
        ("7/s", 142_858, 1),
        (" 3_600 / hour , max_burst = 1_0 ", SECOND, 10),
        ("1/day", 86_400 * SECOND, 1),
        ("60/m", SECOND, 1),
        ("60/minute", SECOND, 1),
        ("1/sec", SECOND, 1),
        ("3600/h", SECOND, 1),
        ("86400/d", SECOND, 1),
    ],
)
def test_rates_are_read(text: str, interval_us: int, burst: int) -> None:
    """COUNT/UNIT[,max_burst=N]; the interval is rounded up, so that the limit is never exceeded."""
    rate = parse_rate(text)
    assert (interval_us, (burst - 1) * interval_us) == (rate.interval_us, rate.tolerance_us)
    assert " " not in rate.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "500",
        "500/week",
        "0/s",
        "1/s,max_burst=0",
        "-1/s",
        "1.5/s",
        "1/s,burst=3",
        "1/s,",
        "1__0/s",
        "9" * 5000 + "/s",
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    """With a ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        parse_rate(text)


@given(st.text(alphabet="0123456789/,_ =smhdinmax_burt٣", max_size=40))
def test_any_text_is_a_rate_or_a_value_error(text: str) -> None:
    """Nothing else is ever raised."""
    try:
        rate = parse_rate(text)
    except ValueError:
        return
    assert rate.interval_us > 0
    assert rate.tolerance_us >= 0


def _let_through(rate: Rate, arrivals: list[int]) -> list[int]:
    """Arrival times of those that conform, microseconds."""
    tat, passed = 0, []
    for now in arrivals:
        if earliest(rate, tat) <= now:
            tat = advance(rate, tat, now)
            passed.append(now)
    return passed


rates = st.builds(
    lambda count, unit, burst: parse_rate(f"{count}/{unit},max_burst={burst}"),
    st.integers(1, 5000),
    st.sampled_from(["s", "min", "hour"]),
    st.integers(1, 40),
)


@given(rates, st.lists(st.integers(0, 3_000_000), max_size=120))
def test_no_window_holds_more_than_the_rate_and_one_burst(rate: Rate, gaps: list[int]) -> None:
    """In every window of length T there are at most T / interval + burst."""
    now, arrivals = 10**15, []
    for gap in gaps:
        now += gap
        arrivals.append(now)
    passed = _let_through(rate, arrivals)
    burst = rate.tolerance_us // rate.interval_us + 1
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            window = passed[last] - passed[first]
            assert last - first + 1 <= window // rate.interval_us + burst


@given(rates, st.lists(st.integers(0, 10**7), max_size=60))
def test_a_limit_alone_never_leads_further_than_it_can(rate: Rate, gaps: list[int]) -> None:
    """`furthest` cuts off nothing that the limit itself has led to."""
    tat, now = 0, 10**15
    for gap in gaps:
        now += gap
        if earliest(rate, tat) <= now:
            tat = advance(rate, tat, now)
        assert tat <= furthest(rate, now)


def test_a_limit_is_used_up_to_the_last_one() -> None:
    """Whoever keeps exactly to the interval is never stopped, and the whole burst goes at once."""
    rate = parse_rate("500/min,max_burst=50")
    assert 50 == len(_let_through(rate, [SECOND] * 60))
    steady = [SECOND + i * rate.interval_us for i in range(1000)]
    assert steady == _let_through(rate, steady)


def _again(verdict: Verdict) -> float:
    """When a deferred intent may be offered again; Unix seconds."""
    assert verdict.retry_at is not None
    return verdict.retry_at


def test_retry_at_is_the_next_slot_not_yet_promised(new_world: type[World]) -> None:
    """500 a minute, 50 at once: the 51st may come after 120 ms, the next one 120 ms later, and so on."""
    world = new_world(new_world.policy_text(domain="500/min,max_burst=50", service=GENEROUS))
    verdicts = [world.intent(str(i)) for i in range(55)]
    assert ["send"] * 50 + ["defer"] * 5 == [verdict.action for verdict in verdicts]
    slots = [round((_again(verdict) * 1000) - world.now) for verdict in verdicts[50:]]
    assert [120, 240, 360, 480, 600] == slots
    text = "example.com gets its 500/min,max_burst=50 already; there is room again in 0.1 s."
    assert ("domain-limit", text) == (verdicts[50].rules[0].id, verdicts[50].rules[0].text)


@pytest.mark.parametrize(
    "limits", [{"domain": "7/s,max_burst=3", "service": GENEROUS}, {"domain": GENEROUS, "service": "7/s,max_burst=3"}]
)
def test_whoever_comes_back_at_retry_at_gets_through(new_world: type[World], limits: dict[str, str]) -> None:
    """Each deferred intent, offered again exactly then and with nobody else about, is approved."""
    world = new_world(new_world.policy_text(**limits))
    deferred = [verdict for i in range(20) if (verdict := world.intent(str(i))).action == "defer"]
    assert 17 == len(deferred)
    assert all(_again(first) < _again(second) for first, second in pairwise(deferred))
    for verdict in deferred:
        world.now = round(_again(verdict) * 1000)
        assert "send" == world.intent(verdict.id, attempt=2).action


def test_a_stop_by_the_service_limit_takes_nothing_of_the_domain_limit(new_world: type[World]) -> None:
    """Both must let it through; only then does it count, for both."""
    world = new_world(new_world.policy_text(domain="1/hour,max_burst=3", service="1/hour"))
    assert "send" == world.intent("1").action
    assert ["service-limit"] * 5 == [world.intent(f"a{i}").rules[0].id for i in range(5)]
    assert ["send", "send"] == [world.intent("b", service=name).action for name in ("bank", "club")]
    assert "domain-limit" == world.intent("c", service="dorm").rules[0].id


def test_a_stop_by_the_domain_limit_takes_nothing_of_the_service_limit(new_world: type[World]) -> None:
    """The domain is asked first."""
    world = new_world(new_world.policy_text(domain="1/min", service="1/hour,max_burst=2"))
    world.intent("1")
    assert ["domain-limit"] * 3 == [world.intent(f"a{i}").rules[0].id for i in range(3)]
    world.wait(600_000)
    assert "send" == world.intent("b").action
    world.wait(600_000)
    assert "service-limit" == world.intent("c").rules[0].id


def test_domains_and_services_have_limits_of_their_own(new_world: type[World]) -> None:
    """One domain's mail takes nothing of another's; named limits go before the default."""
    text = new_world.policy_text(domain="1/hour", service=GENEROUS)
    text = text.replace('default = "1/hour"', 'default = "1/hour"\n"example.org" = "2/hour,max_burst=2"')
    world = new_world(text)
    assert "send" == world.intent("1").action
    sent = [world.intent(str(i), to="jane@example.org").action for i in range(2, 5)]
    assert ["send", "send", "defer"] == sent


@pytest.mark.parametrize(("name", "sent"), [("shop@example.com", 3), ("shop", 3), ("bank", 1), ("shop@example.org", 1)])
def test_the_most_special_service_limit_holds(new_world: type[World], name: str, sent: int) -> None:
    """SERVICE@DOMAIN before SERVICE before default."""
    text = new_world.policy_text(service="1/hour", domain=GENEROUS)
    text = text.replace('default = "1/hour"', f'default = "1/hour"\n"{name}" = "3/hour,max_burst=3"')
    world = new_world(text)
    assert sent == [world.intent(str(i)).action for i in range(5)].count("send")


@pytest.mark.parametrize(("rule", "left"), [("domain-limit", "service-limit"), ("service-limit", "domain-limit")])
def test_a_limit_that_is_off_does_not_exist(new_world: type[World], rule: str, left: str) -> None:
    """The other one holds all the same."""
    world = new_world(new_world.policy_text({rule: "off"}, domain="1/hour", service="1/hour"))
    assert [[], [left]] == [[fired.id for fired in world.intent(i).rules] for i in "12"]
    world = new_world(new_world.policy_text({rule: "off", left: "off"}, domain="1/hour", service="1/hour"))
    assert ["send", "send"] == [world.intent(i).action for i in "12"]


def test_what_is_dropped_or_deferred_takes_nothing_of_the_limits(new_world: type[World]) -> None:
    """Only what goes out counts."""
    world = new_world(new_world.policy_text(domain="1/hour", service="1/hour"))
    stopped: list[dict[str, Any]] = [{"mx": "no"}, {"mx": "unknown"}, {"classes": ("disposable",)}]
    for number, fields in enumerate(stopped):
        assert "rejected" == world.intent(f"r{number}", **fields).decision
    assert "send" == world.intent("1").action


def test_a_faster_limit_is_not_held_up_by_what_a_slower_one_left_behind(new_world: type[World]) -> None:
    """One a day by mistake, a hundred deferred, the policy mended: from then on the new limit alone counts."""
    world = new_world(new_world.policy_text(domain="1/day,max_burst=100", service=GENEROUS))
    verdicts = [world.intent(str(i)) for i in range(200)]
    assert 100 * 86_400 == _again(verdicts[-1]) - world.now / 1000
    world.append(world.policy_record(world.policy_text(domain="60/min,max_burst=2", service=GENEROUS), world.now))
    assert 1.0 == _again(world.intent("new")) - world.now / 1000
    assert 2.0 == _again(world.intent("newer")) - world.now / 1000
    world.wait(1000)
    assert "send" == world.intent("new", attempt=2).action


def test_rates_are_kept_across_batches_and_restarts(new_world: type[World]) -> None:
    """They stand in the ledger, not in memory."""
    world = new_world(new_world.policy_text(domain="2/hour,max_burst=2"))
    world.intent("1")
    again = new_world(None)
    again.ledger.stored, again.ledger.marker, again.log = world.ledger.stored, world.ledger.marker, world.log
    again.judge = type(world.judge)(again.ledger, 4)
    assert ["send", "defer"] == [again.intent(i).action for i in "23"]
    row = again.row(DOMAIN_RATES, b"example.com")
    assert row.slot_interval_us == row.slot_us - round(_again(again.verdicts()[-1]) * 1e6)
    assert 2 == again.row(SERVICES, b"shop@example.com").sends


def _hosted(world: World, name: str, provider: str = "google") -> dict[str, Any]:
    return {"to": f"jane@{name}", "mx": MxFinding("yes", "mx", world.now, 300, (f"mx.{provider}.example",), provider)}


def test_domains_of_one_mx_provider_share_its_limit(new_world: type[World]) -> None:
    """Whatever their names are; another provider's and those without one do not count against it."""
    world = new_world(new_world.policy_text(provider="1/min,max_burst=2"))
    names = ["one.example", "two.example", "three.example"]
    verdicts = [world.intent(name, **_hosted(world, name)) for name in names]
    assert ["send", "send", "defer"] == [verdict.action for verdict in verdicts]
    assert "mx-provider-limit" == verdicts[2].rules[0].id
    assert "google" in verdicts[2].rules[0].text
    assert world.now / 1000 + 60 == verdicts[2].retry_at
    others = [_hosted(world, "four.example", "microsoft"), {"to": "jane@five.example"}]
    assert ["send", "send"] == [world.intent(f"other-{n}", **fields).action for n, fields in enumerate(others)]
    world.wait(60_000)
    assert "send" == world.intent("three.example", attempt=2, **_hosted(world, "three.example")).action


def test_a_domain_with_a_limit_of_its_own_is_not_counted_with_its_provider(new_world: type[World]) -> None:
    """gmail.com has one in the shipped policy."""
    world = new_world(new_world.policy_text(provider="1/min"))
    actions = [world.intent(str(n), **_hosted(world, "gmail.com")).action for n in range(5)]
    assert ["send"] * 5 == actions
    assert "send" == world.intent("other", **_hosted(world, "one.example")).action


def test_partitions_share_a_providers_rate(new_world: type[World]) -> None:
    """Each gets the rate divided by their number, as the log has it; a policy written for more partitions holds."""
    world = new_world(None)
    text = new_world.policy_text(provider="4/min,max_burst=8")
    world.append(new_world.policy_record(text, partitions=4))
    actions = [world.intent(str(n), **_hosted(world, f"d{n}.example")).action for n in range(4)]
    assert ["send", "send", "defer", "defer"] == actions
    world.append(new_world.policy_record(text, at=world.now, partitions=8))
    world.wait(120_000)
    actions = [world.intent(f"later-{n}", **_hosted(world, f"e{n}.example")).action for n in range(2)]
    assert ["send", "defer"] == actions


def test_test_intents_pass_the_providers_limit(new_world: type[World]) -> None:
    """And leave no trace in it."""
    world = new_world(new_world.policy_text(provider="1/min"))
    assert ["send"] * 3 == [world.intent(str(n), test=True, **_hosted(world, f"d{n}.example")).action for n in range(3)]
    assert "send" == world.intent("real", **_hosted(world, "d.example")).action


def _at_provider(new_world: type[World], entries: str, modes: dict[str, str] | None = None) -> str:
    text = new_world.policy_text(modes, domain=GENEROUS, service=GENEROUS)
    head, heading, tail = text.partition("\n[limits.service-at-provider]")
    first, _, rest = tail.partition("\n")
    return f"{head}{heading}{first}\n{entries}\n{rest}"


@pytest.mark.parametrize(
    ("entries", "sent"),
    [
        ("", (5, 5, 5)),
        ('shop = "2/min,max_burst=2"', (2, 2, 5)),
        ('"shop@google" = "2/min,max_burst=2"', (2, 5, 5)),
        ('shop = "1/min"\n"shop@google" = "3/min,max_burst=3"', (3, 1, 5)),
    ],
)
def test_a_service_has_a_limit_at_all_domains_of_a_provider(
    new_world: type[World], entries: str, sent: tuple[int, ...]
) -> None:
    """SERVICE@PROVIDER before SERVICE, none by default; at each provider it has its own, and so has each service."""
    world = new_world(_at_provider(new_world, entries))
    counts = []
    for provider, service in (("google", "shop"), ("zoho", "shop"), ("google", "bank")):
        verdicts = [
            world.intent(
                f"{provider}{n}", service=service, **_hosted(world, f"{provider}{service}{n}.example", provider)
            )
            for n in range(5)
        ]
        counts.append([verdict.action for verdict in verdicts].count("send"))
        for verdict in verdicts[counts[-1] :]:
            assert "service-provider-limit" == verdict.rules[0].id
            assert f"to the domains whose mail {provider} runs already" in verdict.rules[0].text
    assert sent == tuple(counts)
    off = new_world(_at_provider(new_world, entries, {"service-provider-limit": "off"}))
    assert ["send"] * 5 == [off.intent(str(n), **_hosted(off, f"d{n}.example")).action for n in range(5)]


def test_partitions_share_a_services_limit_at_a_provider(new_world: type[World]) -> None:
    """And a domain with a limit of its own is left out, as with the provider's."""
    world = new_world(None)
    world.append(new_world.policy_record(_at_provider(new_world, '"shop@google" = "4/min,max_burst=4"'), partitions=4))
    assert ["send", "defer"] == [world.intent(str(n), **_hosted(world, f"d{n}.example")).action for n in range(2)]
    text = _at_provider(new_world, 'shop = "1/min"')
    text = text.replace(f'default = "{GENEROUS}"', f'default = "{GENEROUS}"\n"gmail.com" = "1/s,max_burst=3"', 1)
    world = new_world(text)
    assert ["send"] * 3 == [world.intent(f"g{n}", **_hosted(world, "gmail.com")).action for n in range(3)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30_000)), max_size=30))
def test_a_limit_by_provider_that_concerns_nobody_changes_nothing(
    new_world: type[World], made_up: list[tuple[int, int]]
) -> None:
    """Whether an intent has two limits to pass or may have more: the same verdicts and rows."""
    limits = {"domain": "7/min,max_burst=3", "service": "5/min,max_burst=2"}
    plain, more = new_world(None), new_world(None)
    for world, text in (
        (plain, new_world.policy_text(**limits)),
        (more, new_world.policy_text(**limits, provider="1/s")),
    ):
        world.append(new_world.policy_record(text))
        for number, (who, wait) in enumerate(made_up):
            world.wait(wait)
            world.intent(str(number), to=f"m{number}@example.com", service=f"s{who % 2}", test=who == 3)
    said = [[(v.action, v.retry_at, v.rules) for v in world.verdicts()] for world in (plain, more)]
    assert said[0] == said[1]
    rows = [{name: world.contents().get(name) for name in ("domain_rates", "services")} for world in (plain, more)]
    assert rows[0] == rows[1]
