"""Findings that are kept: never more than there is room for, and those in use for longest."""

from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import MxFinding
from sidestep.streams.screen.cache_room import PER_ENTRY, octets_of_texts
from sidestep.streams.screen.dns.kept_findings import KeptFinding, KeptFindings

NAMES = st.sampled_from([f"d{number}.example" for number in range(8)])
HOSTS = st.lists(st.sampled_from(["mx.example", "x" * 250]), max_size=5).map(tuple)


def kept(exchanges: tuple[str, ...] = (), used: bool = False) -> KeptFinding:
    return KeptFinding(MxFinding("yes", "mx", exchanges=exchanges), 10.0, 20.0, used)


@given(st.lists(st.tuples(NAMES, HOSTS, st.booleans(), st.booleans())), st.integers(0, 6), st.integers(0, 6_000))
def test_the_octets_are_those_of_what_is_there(
    steps: list[tuple[str, tuple[str, ...], bool, bool]], size: int, most: int
) -> None:
    """After whatever was put in and dropped, in use or not; and there are never too many, of neither kind."""
    findings = KeptFindings(size, most)
    for domain, exchanges, used, gone in steps:
        if gone:
            findings.drop(domain)
        else:
            findings.put(domain, kept(exchanges, used))
        there = dict(findings.items())
        counted = [PER_ENTRY + len(d) + octets_of_texts(*each.finding.exchanges) for d, each in there.items()]
        assert findings.octets == sum(counted) <= most
        assert len(findings) == len(there) <= size


def test_large_findings_push_out_what_nobody_asks_for_first() -> None:
    """A domain with long names takes the room of several; one that is in use stays for another round."""
    findings = KeptFindings(100, 3 * PER_ENTRY + 100)
    for domain in ("a", "b", "c"):
        findings.put(domain, kept(used=domain == "a"))
    findings.put("fat", kept(("x" * 250,)))
    assert {"a", "fat"} == {domain for domain, _ in findings.items()}
    assert findings.get("b") is None
