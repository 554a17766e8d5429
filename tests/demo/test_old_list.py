"""The old list of the demo: people of the simulator, as they stand on the day of the import."""

from collections import Counter

import dns.message
import dns.rdatatype
import pytest

from sidestep.streams.demo.old_list import OldList, old_list
from sidestep.streams.local.nameserver import SMALL_WORLD, NameServer


@pytest.fixture(scope="module")
def listed() -> OldList:
    """A thousand entries, more or less."""
    return old_list(seed=7, people=1000)


def test_the_same_seed_gives_the_same_list(listed: OldList) -> None:
    """And another one another."""
    assert listed == old_list(seed=7, people=1000)
    assert listed.addresses != old_list(seed=8, people=1000).addresses


def test_most_have_gone_and_some_say_nothing(listed: OldList) -> None:
    """As of a list that nobody has cleaned for years; traps are among those who say nothing."""
    fates = Counter(listed.fates.get(address, "there") for address in listed.addresses)
    assert 950 < fates.total() <= 1000
    assert 500 < fates["gone"] < 850
    assert fates["silent"] > 20
    assert fates["there"] > 100


def test_the_demos_name_server_knows_their_domains(listed: OldList) -> None:
    """Those that still take mail; the others do not exist any more."""
    server = NameServer(SMALL_WORLD)
    server.load(listed.zones)
    domains = dict.fromkeys(address.rpartition("@")[2] for address in listed.addresses)
    answers = [dns.message.make_query(domain, dns.rdatatype.MX) for domain in domains]
    said = Counter(_answered(server, question) for question in answers)
    assert said["yes"] > 5 * said["no"] > 0


def _answered(server: NameServer, question: dns.message.Message) -> str:
    reply, _ = server.answer(question.to_wire())
    answer = dns.message.from_wire(reply or b"")
    return "yes" if answer.answer else "no"
