"""The room of all caches: its parts are all of it, and what is counted is about what Python takes."""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.rdata
import pytest
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType

from sidestep.schemas import Listing, MxFinding
from sidestep.streams.screen.cache_room import PARTS, parts
from sidestep.streams.screen.dns.answer import Answer
from sidestep.streams.screen.dns.kept_findings import KeptFinding, KeptFindings
from sidestep.streams.screen.dns.shared_answers import SharedAnswers
from sidestep.streams.screen.sources.build import open_sources
from sidestep.streams.screen.sources.dnsbl.zone import ZoneListings
from sidestep.streams.screen.sources.dnsbl.zones import DnsblZones
from sidestep.streams.settings import Settings

ENTRIES = 400
MANY = 1 << 40


@pytest.mark.parametrize("caches", [tuple(PARTS), ("findings", "exchanges"), ("history",)])
def test_the_parts_are_all_of_the_room_and_no_more(caches: tuple[str, ...]) -> None:
    """Whichever caches there are."""
    found = parts(1_000_000, caches)
    assert set(caches) == found.keys()
    assert 1_000_000 - len(PARTS) <= sum(found.values()) <= 1_000_000


def _findings(hosts: int) -> Any:
    kept = KeptFindings(ENTRIES, MANY)
    for number in range(ENTRIES):
        exchanges = tuple(f"mx{host}-{number}.{'x' * 20}.example" for host in range(hosts))
        finding = MxFinding("yes", "mx", checked_at=number + 10**12, ttl=300 + number, exchanges=exchanges)
        kept.put(f"domain-{number}.example", KeptFinding(finding, 1e9 + number, 2e9 + number))
    return kept


def _answers(records: int) -> Any:
    shared = SharedAnswers(lambda question, deadline: _never(), lambda: 0.0, octets=MANY)
    for number in range(ENTRIES):
        octets = [bytes((10, number % 256, number // 256, host)) for host in range(records)]
        addresses = tuple(dns.rdata.from_wire(RdataClass.IN, RdataType.A, each, 0, 4) for each in octets)
        shared._cache.put((f"mx-{number}.example", "A"), Answer(addresses, 300), 1e9 + number)
    return shared


async def _never() -> Answer:
    raise AssertionError("nobody is asked here")


def _listings(count: int) -> Any:
    zones = DnsblZones({}, lambda question, deadline: _never(), cache_size=ENTRIES, cache_octets=MANY)
    for number in range(ENTRIES):
        found = tuple(Listing("zone", f"v{number}", f"{n}-{number}.example", "spam") for n in range(count))
        zones._keep(f"domain-{number}.example", (ZoneListings(found, 1e9 + number, 2e9 + number),))
    return zones


@pytest.mark.parametrize(
    ("fill", "octets"),
    [
        (lambda: _findings(0), lambda it: it.octets),
        (lambda: _findings(5), lambda it: it.octets),
        (lambda: _answers(1), lambda it: it.octets),
        (lambda: _answers(16), lambda it: it.octets),
        (lambda: _listings(0), lambda it: it.cache_octets),
        (lambda: _listings(3), lambda it: it.cache_octets),
    ],
    ids=["findings", "findings with exchanges", "an address", "addresses", "no listings", "listings"],
)
def test_what_is_counted_is_about_what_it_takes(fill: Callable[[], Any], octets: Callable[[Any], int]) -> None:
    """Not less than two thirds of it, or a limit would be none; not twice as much, or half of it would stay empty."""
    fill()
    measured = [_measured(fill, octets) for _ in range(3)]  # what other threads take meanwhile only adds to one of them
    taken, counted = min(measured)
    assert taken * 2 / 3 < counted < taken * 2


def _measured(fill: Callable[[], Any], octets: Callable[[Any], int]) -> tuple[int, int]:
    """Octets taken and octets counted."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        filled = fill()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, octets(filled)
    finally:
        tracemalloc.stop()


REPUTATION = """
[reputation.rep]
url = "https://rep.example/{hash}"
path = "risk"
listed_from = 1
"""


@pytest.mark.parametrize(
    ("text", "caches"),
    [
        ("", {"findings", "exchanges"}),
        ('[dnsbl."dbl.example"]\n', {"findings", "exchanges", "dnsbl"}),
        (REPUTATION, {"findings", "exchanges", "reputation"}),
    ],
)
def test_each_source_that_is_asked_has_its_cache(tmp_path: Path, text: str, caches: set[str]) -> None:
    """And nothing is remembered of what is not."""

    async def scenario() -> dict[str, int]:
        (tmp_path / "sources.toml").write_text(text)
        sources = open_sources(Settings(sources=str(tmp_path / "sources.toml")), [("127.0.0.1", 53)])
        await sources.close()
        return sources.cache_octets()

    assert dict.fromkeys(caches, 0) == asyncio.run(scenario())
