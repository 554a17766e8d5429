"""The demo's day before it begins: repeatable, and made of what its data say."""

import asyncio
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from sidestep.schemas import EmailIntent
from sidestep.schemas.codec import ContractError, decode
from sidestep.schemas.reading import read_intent
from sidestep.streams.decide.policy_text import problems
from sidestep.streams.demo.model import traffic
from sidestep.streams.demo.planning import HOURS, UNREADABLE, Plan, key_of, plan
from sidestep.streams.demo.run import POLICY
from sidestep.streams.local.nameserver import SMALL_WORLD, NameServer
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.lists.typo import suggest

NOW = 1_795_000_000.0


@pytest.fixture(scope="module")
def day() -> Plan:
    """A small one."""
    return plan(traffic(), seed=7, intents=5_000)


def test_the_same_seed_gives_the_same_octets(day: Plan) -> None:
    """Records, hours and fates; another seed gives others."""
    again, other = plan(traffic(), 7, 5_000), plan(traffic(), 8, 5_000)
    assert day.records == again.records
    assert day.fates == again.fates
    assert [record.value for record in day.records] != [record.value for record in other.records]


def test_there_are_as_many_intents_as_asked_for(day: Plan) -> None:
    """Ids used again are intents of their own, records published twice are not."""
    keys = [record.intent for record in day.records if record.intent]
    assert 5_000 + day.reused == len(set(keys))
    assert day.twice == len(keys) - len(set(keys)) > 0
    assert day.unreadable == sum(record.intent is None for record in day.records)


def test_records_are_what_they_are_said_to_be(day: Plan) -> None:
    """An intent keeps the contract and its key is the key of its verdict; the others are refused."""
    for record in day.records:
        if record.intent is not None:
            assert record.intent == key_of(decode(EmailIntent, record.value))
            assert record.key == f"{record.intent.service}/{record.intent.id}"
    for value in UNREADABLE:
        with pytest.raises(ContractError):
            read_intent(value, NOW)


def test_the_day_goes_by_in_order(day: Plan) -> None:
    """By hour, each service within its own hours; repetitions may follow later."""
    hours = [record.hour for record in day.records]
    assert sorted(hours) == hours
    assert hours[0] >= 0
    assert hours[-1] <= HOURS
    first: dict[tuple[str, str], float] = {}
    for record in day.records:
        if record.intent:
            first.setdefault((record.intent.service, record.intent.id), record.hour)
    for (name, _), hour in first.items():
        assert any(begin <= hour <= end for begin, end, _ in traffic().services[name].hours)


def test_services_send_their_shares(day: Plan) -> None:
    """To the intent, but for what rounding leaves over."""
    ids = {(r.intent.service, r.intent.id) for r in day.records if r.intent}
    counts = Counter(service for service, _ in ids)
    total = sum(service.share for service in traffic().services.values())
    for name, service in traffic().services.items():
        assert counts[name] == pytest.approx(5_000 * service.share / total, abs=len(counts))


def test_invalid_addresses_are_invalid_and_the_others_sound() -> None:
    """So that a verdict "not an address" is never about one that was meant to be sound."""
    addresses = traffic().odd_addresses
    assert [text for text in addresses.invalid if not parse(text.format(name="ada")).reason] == []
    assert [text for text in traffic().people.operators if parse(text).reason] == []


def test_domains_behave_as_traffic_toml_says() -> None:
    """Asked of the demo's own name server by the resolver that Screen uses."""
    model, dead = traffic(), traffic().odd_addresses.dead
    expected = {
        "yes": [
            *model.people.providers,
            *model.people.companies,
            *model.odd["near-miss"],
            *model.odd["disposable"],
            *model.odd["relay"],
            *model.odd["address-only"],
        ],
        "no": [*model.odd["no-mail"], *(text.format(n=n) for text in dead for n in range(3))],
        "unknown": model.odd["unknown"],
    }

    async def ask() -> dict[str, str]:
        with NameServer(SMALL_WORLD) as ns:
            resolver = Resolver([ns.address], check_exchanges=True)
            names = [name for group in expected.values() for name in group]
            found = await asyncio.gather(*(resolver.find(name) for name in names))
            await resolver.close()
            return {name: finding.outcome for name, finding in zip(names, found, strict=True)}

    assert {name: outcome for outcome, names in expected.items() for name in names} == asyncio.run(ask())


def test_slips_are_slips() -> None:
    """Every typo domain leads to a provider for certain, every near miss perhaps."""
    model = traffic()
    for kind, certain in (("typo", True), ("near-miss", False)):
        for domain in model.odd[kind]:
            found = suggest(domain)
            assert found is not None, domain
            assert certain == found.certain, domain


def test_the_demo_judges_by_the_rules_that_ship() -> None:
    """Only waits and limits differ, since a second is an hour there."""
    shipped = tomllib.loads((Path(POLICY).parents[2] / "decide" / "policy.toml").read_text("utf-8"))
    text = POLICY.read_text("utf-8")
    demo = tomllib.loads(text)
    assert [] == problems(text)
    waits = ("retry_after", "retry_after_max")
    for policy in (shipped, demo):
        for wait in waits:
            del policy["rules"]["dns-unknown"][wait]
        for held in ("service-on-hold", "source-on-hold", "source-held"):
            del policy["rules"][held]["spread"]
    assert (shipped["rules"], shipped["risk"]) == (demo["rules"], demo["risk"])
