"""The hosts behind MX records: the dialogue with recorded answers, and the resolver against a real name server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dns.rdata
import pytest

from sidestep.schemas import MxFinding
from sidestep.streams.local.nameserver import NameServer
from sidestep.streams.screen.dns.answer import Answer
from sidestep.streams.screen.dns.exchanges import ASKED_MOST, LISTED, grade, is_local
from sidestep.streams.screen.dns.mx import UNPROVEN_TTL, inquire
from sidestep.streams.screen.dns.resolver import Resolver

NOTHING = Answer(ttl=600)
GONE = Answer(ttl=600, exists=False)
FAILED = Answer(failure="servfail")


def has(kind: str, *records: str, ttl: int = 3600) -> Answer:
    return Answer(tuple(dns.rdata.from_text("IN", kind, record) for record in records), ttl)


PUBLIC, PUBLIC6 = has("A", "93.184.215.14"), has("AAAA", "2606:2800::1")
LOOPBACK, PRIVATE = has("A", "127.0.0.1"), has("A", "10.0.0.1", "192.168.1.1")


def judged(answers: dict[str, Answer], allow_private: bool = False) -> tuple[MxFinding, list[str]]:
    """The thorough finding about x.example, and the questions asked about other names."""
    dialogue = inquire("x.example", allow_private, thorough=True)
    asked: list[str] = []
    questions = next(dialogue)
    while True:
        keys = [kind if name == "x.example" else f"{name}/{kind}" for name, kind in questions]
        asked += [key for key in keys if "/" in key]
        try:
            questions = dialogue.send(tuple(answers.get(key, GONE) for key in keys))
        except StopIteration as end:
            return end.value, asked


TWO = has("MX", "20 b.example.", "10 a.example.")


@pytest.mark.parametrize(
    ("answers", "outcome", "reason"),
    [
        ({"a.example/A": PUBLIC}, "yes", "mx"),
        ({"b.example/A": PUBLIC}, "yes", "mx"),
        ({"b.example/AAAA": PUBLIC6}, "yes", "mx"),
        ({"a.example/A": LOOPBACK, "b.example/A": PUBLIC}, "yes", "mx"),
        ({}, "no", "dangling-mx"),
        ({"a.example/A": NOTHING, "a.example/AAAA": NOTHING}, "no", "dangling-mx"),
        ({"a.example/A": LOOPBACK}, "no", "mx-not-global"),
        ({"a.example/A": PRIVATE, "b.example/AAAA": has("AAAA", "fe80::1")}, "no", "mx-not-global"),
        ({"a.example/A": FAILED}, "yes", "mx"),
        ({"a.example/A": LOOPBACK, "b.example/AAAA": FAILED}, "yes", "mx"),
    ],
)
def test_exchanges_decide(answers: dict[str, Answer], outcome: str, reason: str) -> None:
    """One address that mail can be sent to is enough; without any there is no mail; a failure proves nothing."""
    finding, _ = judged({"MX": TWO} | answers)
    assert (outcome, reason, ("a.example", "b.example")) == (finding.outcome, finding.reason, finding.exchanges)


def test_a_yes_without_proof_is_short_lived() -> None:
    """An exchange that could not be looked at is looked at again soon; a proven one holds as long as its MX."""
    assert judged({"MX": TWO, "a.example/A": FAILED})[0].ttl == UNPROVEN_TTL
    assert judged({"MX": TWO, "a.example/A": has("A", "93.184.215.14", ttl=60)})[0].ttl == 3600


def test_a_healthy_domain_costs_one_round() -> None:
    """AAAA is asked for only where no A will do, and of the first few exchanges alone."""
    many = has("MX", *(f"{n} m{n}.example." for n in range(8)))
    assert judged({"MX": many, "m0.example/A": PUBLIC})[1] == [f"m{n}.example/A" for n in range(ASKED_MOST)]


def test_whoever_lists_many_exchanges_does_not_cost_many_questions() -> None:
    """Three are asked for, by preference; a domain with more of them is given the benefit of the doubt."""
    finding, asked = judged({"MX": has("MX", *(f"{n} m{n}.example." for n in range(30)))})
    assert (finding.outcome, finding.ttl, len(asked)) == ("yes", UNPROVEN_TTL, 2 * ASKED_MOST)
    assert finding.exchanges == tuple(f"m{n}.example" for n in range(LISTED))


def test_exchanges_are_lower_case_and_stand_once() -> None:
    """By preference, then by name."""
    finding, _ = judged({"MX": has("MX", "10 B.Example.", "5 c.example.", "20 b.example.", "10 a.example.")})
    assert finding.exchanges == ("c.example", "a.example", "b.example")


def test_private_addresses_count_where_allowed() -> None:
    """The tests' and the demo's own mail servers are on loopback."""
    assert judged({"MX": TWO, "a.example/A": LOOPBACK}, allow_private=True)[0].outcome == "yes"


@pytest.mark.parametrize(("server", "provider"), [("ns1.sedoparking.com.", "sedo"), ("ns1.x.example.", "")])
def test_a_parked_domain_without_mx_is_known_by_its_name_servers(server: str, provider: str) -> None:
    """Its web page has an address, so mail would go there."""
    finding, _ = judged({"MX": NOTHING, "A": PUBLIC, "AAAA": NOTHING, "TXT": NOTHING, "NS": has("NS", server)})
    assert ("yes", "address", provider) == (finding.outcome, finding.reason, finding.provider)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("192.168.0.1", True),
        ("169.254.1.1", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),
        ("224.0.0.1", True),
        ("255.255.255.255", True),
        ("::1", True),
        ("::", True),
        ("fc00::1", True),
        ("fe80::1", True),
        ("fec0::1", True),
        ("ff02::1", True),
        ("::ffff:127.0.0.1", True),
        ("64:ff9b::7f00:1", True),
        ("2002:7f00:1::", True),
        ("64:ff9b:1::a00:1", True),
        ("64:ff9b::5db8:d70e", False),
        ("93.184.215.14", False),
        ("2606:2800::1", False),
        ("203.0.113.7", False),
    ],
)
def test_local_space(address: str, expected: bool) -> None:
    """What leads to ourselves, into our own network or to nobody in particular."""
    assert expected is is_local(address)


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        ("mail.example", "plausible"),
        ("mail_1.example", "plausible"),
        (r"mail\032server.example", "unusable"),
        (r"a\000b.example", "unusable"),
        (r"mail\.server.example", "unusable"),
        ("192.0.2.1", "unusable"),
        ("localhost", "unusable"),
        ("mail", "dubious"),
        ("", "unusable"),
    ],
)
def test_an_exchange_is_a_host_name(exchange: str, expected: str) -> None:
    """RFC 1035 section 3.3.9; underscores are in use."""
    assert expected == grade(exchange)


def test_a_policy_that_nobody_could_read_is_asked_for_again_soon() -> None:
    """It might have said that the domain sends and receives nothing."""
    failed = {"MX": NOTHING, "A": PUBLIC, "AAAA": NOTHING, "TXT": Answer(failure="servfail"), "NS": NOTHING}
    finding, _ = judged(failed)
    assert ("yes", "address") == (finding.outcome, finding.reason)
    assert finding.ttl <= UNPROVEN_TTL


# -- with a real name server -------------------------------------------------------------------------------------------


@asynccontextmanager
async def world(zones: dict[str, list[str]], **options: Any) -> AsyncIterator[tuple[NameServer, Resolver]]:
    async with NameServer(zones) as ns:
        resolver = Resolver([ns.address], check_exchanges=True, **options)
        yield ns, resolver
        await resolver.close()


def test_a_shared_exchange_is_asked_for_once() -> None:
    """A hundred domains at one provider: one question about its host, whether they come together or later."""

    async def scenario() -> None:
        zones = {"*.example": ["MX 10 aspmx.l.google.com"], "aspmx.l.google.com": ["A 142.250.1.26"]}
        async with world(zones) as (ns, resolver):
            findings = await asyncio.gather(*(resolver.find(f"n{n}.example") for n in range(100)))
            await resolver.find("later.example")
            said = {(found.outcome, found.provider, found.exchanges) for found in findings}
            assert said == {("yes", "google", ("aspmx.l.google.com",))}
            assert ns.queries["aspmx.l.google.com"] == 1

    asyncio.run(scenario())


def test_a_silent_exchange_turns_no_yes_into_a_no_and_costs_little() -> None:
    """The MX stands: yes, long before the deadline of the domain's own answer."""

    async def scenario() -> None:
        async with world({"x.example": ["MX 10 mx.y.example"]}, timeout=10) as (ns, resolver):
            ns.fault("mx.y.example", "drop")
            start = time.monotonic()
            finding = await resolver.find("x.example")
            assert ("yes", "mx") == (finding.outcome, finding.reason)
            assert time.monotonic() - start < 5

    asyncio.run(scenario())


def test_a_dangling_mx_is_found_out_and_recovers() -> None:
    """Its host does not exist: no mail; once it does, and what was known has expired, mail again."""

    async def scenario() -> None:
        now = [1_800_000_000.0]
        async with world({"x.example": ["60 MX 10 mx.y.example"]}, clock=lambda: now[0]) as (ns, resolver):
            found = await resolver.find("x.example")
            assert ("no", "dangling-mx") == (found.outcome, found.reason)
            ns.set("mx.y.example", "A 93.184.215.14")
            now[0] += found.ttl
            assert (await resolver.find("x.example")).outcome == "yes"

    asyncio.run(scenario())


def test_closing_leaves_nobody_waiting_for_an_exchange() -> None:
    """Whoever waits gets `unknown`, at once."""

    async def scenario() -> None:
        async with world({"x.example": ["MX 10 mx.y.example"]}) as (ns, resolver):
            ns.fault("mx.y.example", "drop")
            waiter = asyncio.create_task(resolver.find("x.example"))
            async with asyncio.timeout(5):
                while not ns.queries["mx.y.example"]:
                    await asyncio.sleep(0.002)
                await resolver.close()
                assert (await waiter).reason == "closed"

    asyncio.run(scenario())
