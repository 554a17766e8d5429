"""Near misses weighed by DNS, and who runs a domain's mail."""

from typing import Any

import pytest

from sidestep.schemas import MxFinding
from sidestep.streams.screen.address.domain import read_domain
from sidestep.streams.screen.lists.mx_providers import mailbox_providers, parking_services, provider_of
from sidestep.streams.screen.lists.near_misses import Suspicion, weigh
from sidestep.streams.screen.lists.seen_exchanges import PER_EXCHANGE, SeenExchanges
from sidestep.streams.screen.lists.shipped import read_table
from sidestep.streams.screen.lists.typo import NearMiss, suggest

UNKNOWN = MxFinding("unknown", "timeout")
NEAR, CERTAIN = NearMiss("outlook.com", False, 1), NearMiss("gmail.com", True, 1)
TOP_LEVEL = NearMiss("firm.com", False, 1, True)


def mx(*exchanges: str, outcome: Any = "yes", reason: str = "mx") -> MxFinding:
    return MxFinding(outcome, reason, exchanges=exchanges, provider=provider_of(exchanges))


@pytest.mark.parametrize(
    ("near_miss", "finding", "expected"),
    [
        (None, mx("mx.trap.example"), Suspicion()),
        (NEAR, mx("mx.outzlook.com"), Suspicion(("near-miss",))),
        (NEAR, mx("mx.hosting.example"), Suspicion(("near-miss",))),
        (NEAR, mx(outcome="no", reason="nxdomain"), Suspicion(("typo",), "outlook.com")),
        (NEAR, mx("a.h-email.net"), Suspicion(("typo",), "outlook.com")),
        (NEAR, mx(reason="address"), Suspicion(("near-miss",), "outlook.com")),
        (NEAR, mx(outcome="unknown", reason="timeout"), Suspicion(("near-miss",), "outlook.com")),
        (CERTAIN, mx("mx.hosting.example"), Suspicion(("typo",), "gmail.com")),
        (CERTAIN, mx(outcome="no", reason="null-mx"), Suspicion(("typo",), "gmail.com")),
        (CERTAIN, mx(outcome="unknown", reason="timeout"), Suspicion(("typo",), "gmail.com")),
        (CERTAIN, mx("in.outzlook.com"), Suspicion(("near-miss", "misspelling"))),
        (CERTAIN, mx("aspmx.l.google.com"), Suspicion(("near-miss", "misspelling"))),
        (CERTAIN, mx("eforward1.registrar-servers.com"), Suspicion(("typo",), "gmail.com")),
        (CERTAIN, mx("a.h-email.net"), Suspicion(("typo",), "gmail.com")),
        (TOP_LEVEL, mx(outcome="no", reason="nxdomain"), Suspicion(("typo",), "firm.com")),
        (TOP_LEVEL, mx(outcome="unknown", reason="timeout"), Suspicion((), "firm.com")),
        (TOP_LEVEL, mx("mx.hosting.example"), Suspicion()),
        (TOP_LEVEL, mx(reason="address"), Suspicion()),
    ],
)
def test_dns_weighs(near_miss: NearMiss | None, finding: MxFinding, expected: Suspicion) -> None:
    """A healthy mail service of its own: left alone. None, parked, or a known slip at somebody's host: a slip."""
    assert expected == weigh("outzlook.com", near_miss, finding)


def test_a_cluster_is_a_trap_whatever_it_looks_like() -> None:
    """Three near misses with one exchange are nobody's own domains."""
    seen = SeenExchanges()
    names = ["gmaiil.com", "hotmaul.de", "outzlook.com"]
    trap = mx("mx1.trap.example", "mx2.trap.example")
    for name in names[:2]:
        seen.note(name, NEAR, trap)
    assert not seen.clustered(names[0], NEAR, trap)
    assert seen.clustered(names[2], NEAR, mx("mx2.trap.example"))
    assert weigh(names[2], NEAR, trap, clustered=True) == Suspicion(("typo", "trap-cluster"), "outlook.com")


@pytest.mark.parametrize(
    ("one", "other", "cluster"),
    [
        (CERTAIN, NEAR, True),
        (NEAR, CERTAIN, True),
        (CERTAIN, CERTAIN, False),
        (CERTAIN, NearMiss("gmail.de", True, 1), False),
        (NEAR, NearMiss("gmail.com", False, 1), False),
    ],
)
def test_two_near_misses_of_two_providers_are_a_trap(one: NearMiss, other: NearMiss, cluster: bool) -> None:
    """If one is a known misspelling: a firm protects its own name only, and chance is in no list."""
    seen, trap = SeenExchanges(), mx("mx.trap.example")
    seen.note("one.example", one, trap)
    seen.note("other.example", other, trap)
    assert cluster == seen.clustered("one.example", one, trap)
    assert cluster == seen.clustered("other.example", other, trap)


@pytest.mark.parametrize("exchange", ["aspmx.l.google.com", "eu-smtp-inbound-1.mimecast.com"])
def test_a_providers_exchange_is_no_trap(exchange: str) -> None:
    """Anyone can be a customer, people with unlucky names too."""
    seen = SeenExchanges()
    for number in range(9):
        seen.note(f"n{number}.example", NEAR, mx(exchange))
    assert not seen.clustered("x.example", NEAR, mx(exchange))


def test_one_domain_seen_often_is_no_cluster() -> None:
    """And one that takes no mail, or whose exchange is unknown, is in none."""
    seen = SeenExchanges()
    for _ in range(9):
        seen.note("gmaiil.com", NEAR, mx("mx.a.example"))
    assert not seen.clustered("gmaiil.com", NEAR, mx("mx.a.example"))
    assert not seen.clustered("gmaiil.com", NEAR, UNKNOWN)
    for number in range(9):
        seen.note(f"n{number}.example", NEAR, mx("mx.b.example", outcome="no", reason="dangling-mx"))
    assert not seen.clustered("x.example", NEAR, mx("mx.b.example"))


def test_the_register_is_bounded() -> None:
    """A flood of exchanges pushes out the oldest, not the one in use; one exchange remembers a handful of names."""
    seen = SeenExchanges(remembered=10)
    for number in range(500):
        seen.note(f"n{number}.example", NEAR, mx("mx.hot.example", f"mx{number}.example"))
    assert len(seen._at) == 10
    assert max(map(len, seen._at.values())) == PER_EXCHANGE
    assert seen.clustered("x.example", NEAR, mx("mx.hot.example"))


@pytest.mark.parametrize(
    ("exchange", "provider"),
    [
        ("aspmx.l.google.com", "google"),
        ("smtp.google.com", "google"),
        ("alt4.gmail-smtp-in.l.google.com", "google"),
        ("acme-com.mail.protection.outlook.com", "microsoft"),
        ("acme.h-v1.mx.microsoft", "microsoft"),
        ("mta7.am0.yahoodns.net", "yahoo"),
        ("mx01.mail.icloud.com", "apple"),
        ("mail.protonmail.ch", "proton"),
        ("mx.zoho.eu", "zoho"),
        ("in1-smtp.messagingengine.com", "fastmail"),
        ("eu-smtp-inbound-1.mimecast.com", "mimecast"),
        ("mxa-0012ab01.gslb.pphosted.com", "proofpoint"),
        ("d1.ess.barracudanetworks.com", "barracuda"),
        ("route1.mx.cloudflare.net", "cloudflare"),
        ("mx1.mail.ovh.net", "ovh"),
        ("mx00.kundenserver.de", "ionos"),
        ("mx00.emig.gmx.net", "gmx"),
        ("mxs.mail.ru", "mailru"),
        ("mx.yandex.ru", "yandex"),
        ("mx.yandex.net", "yandex"),
        ("mx1.qq.com", "tencent"),
        ("163mx01.mxmail.netease.com", "netease"),
        ("mail.h-email.net", "h-email"),
        ("inbound-smtp.eu-west-1.amazonaws.com", "amazon-ses"),
        ("ec2-1-2-3-4.compute.amazonaws.com", ""),
        ("notgoogle.com", ""),
        ("google.com.example", ""),
        ("mx.acme.example", ""),
        ("com", ""),
        ("", ""),
    ],
)
def test_providers_are_known_by_their_exchanges(exchange: str, provider: str) -> None:
    """An entry and what lies below it, by whole labels."""
    assert provider == provider_of([exchange])


def test_the_first_known_exchange_names_the_provider() -> None:
    """A firm's own host before its provider's backup changes nothing."""
    assert provider_of(["mx.acme.example", "aspmx.l.google.com", "mx.yandex.ru"]) == "google"


def test_the_table_is_sound() -> None:
    """Suffixes are names in normal form, stand once, and no provider is of two kinds."""
    table = read_table("mx_providers")
    suffixes = [suffix for kind in table.values() for group in kind.values() for suffix in group]
    assert len(suffixes) == len(set(suffixes))
    assert suffixes == [read_domain(suffix).name for suffix in suffixes]
    assert len({name for kind in table.values() for name in kind}) == sum(map(len, table.values()))
    assert not mailbox_providers() & parking_services()


def test_no_provider_is_a_misspelling() -> None:
    """What is an exchange's name here is nobody's slip."""
    table = read_table("mx_providers")
    assert [s for kind in table.values() for group in kind.values() for s in group if suggest(s) is not None] == []
