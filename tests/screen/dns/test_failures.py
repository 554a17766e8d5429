"""Failures of one domain are its own; those of several, with no answer between them, may be those of our servers."""

from sidestep.schemas import MxFinding
from sidestep.streams.screen.dns.failures import OF_SERVERS, SEVERAL, FailedNames

FAILED = [MxFinding("unknown", reason) for reason in sorted(OF_SERVERS)]


def test_one_broken_domain_is_not_several() -> None:
    """However often it is asked for."""
    failed = FailedNames()
    for finding in FAILED * 10:
        failed.note("broken.example", finding)
        assert not failed.several


def test_several_domains_are() -> None:
    """Until any look-up has an answer, and a chain of aliases that leads nowhere is one."""
    for answer in (MxFinding("no", "nxdomain"), MxFinding("yes", "mx"), MxFinding("unknown", "cname-loop")):
        failed = FailedNames()
        for number, finding in enumerate(FAILED[:SEVERAL]):
            assert not failed.several
            failed.note(f"d{number}.example", finding)
        assert failed.several
        failed.note("d0.example", answer)
        assert not failed.several
