"""What follows from canaries and made-up names, and which findings are believed then: the decision alone."""

from collections.abc import Mapping

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import MxFinding
from sidestep.streams.decide.rules.address import NO_MAIL, UNKNOWN
from sidestep.streams.screen.dns.answer import Answer, read
from sidestep.streams.screen.dns.trust import (
    ANSWERS_ALL,
    DENIES_ALL,
    DISTRUST,
    DISTRUST_TTL,
    Said,
    Trust,
    believed,
    canary_said,
    denied_canaries,
    invented_addresses,
)

HEAD = "id 1\nopcode QUERY\nflags QR AA\n"
QUESTION = ";QUESTION\nx.example. IN MX\n"
SAID = st.dictionaries(st.text("abc", min_size=1), st.sampled_from(["exists", "denied", "silent"]))
ADDRESSES = st.none() | st.sets(st.sampled_from(["10.0.0.1", "192.0.2.1", "192.0.2.2"]))
FINDINGS = (
    [MxFinding("no", reason, ttl=300) for reason in NO_MAIL]
    + [MxFinding("yes", reason, ttl=300) for reason in ("mx", "address")]
    + [MxFinding("unknown", reason, ttl=15) for reason in ("timeout", *DISTRUST)]
)
DENYING = Trust(denied=("gmail.com",))
INVENTING = Trust(invented=("10.0.0.1",))


def response(rcode: str, answer: str = "") -> Answer:
    """What is read in a response to a question for the MX records of x.example."""
    return read(dns.message.from_text(f"{HEAD}rcode {rcode}\n{QUESTION}{answer}"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (response("NOERROR", ";ANSWER\nx.example. 60 IN MX 5 mx.x.example.\n"), "exists"),
        (response("NXDOMAIN"), "denied"),
        (response("NOERROR"), "denied"),
        (response("NOERROR", ";ANSWER\nx.example. 60 IN MX 0 .\n"), "denied"),
        (response("NOERROR", ";ANSWER\nx.example. 60 IN A 10.0.0.1\n"), "denied"),
        (response("SERVFAIL"), "silent"),
        (response("REFUSED"), "silent"),
        (Answer(failure="timeout"), "silent"),
    ],
)
def test_what_an_answer_says_of_a_canary(answer: Answer, said: Said) -> None:
    """NXDOMAIN, no data and null MX deny it; a failure says nothing."""
    assert said == canary_said(answer)


@given(SAID)
def test_the_majority_of_those_that_spoke_decides(said: Mapping[str, Said]) -> None:
    """However many are silent; of none that spoke nothing follows, and a tie is no majority."""
    spoken = [each for each in said.values() if each != "silent"]
    denied = {name for name, each in said.items() if each == "denied"}
    found = denied_canaries(said)
    if not spoken:
        assert found is None
    else:
        assert (denied if len(denied) > len(spoken) - len(denied) else set()) == set(found or ())


@given(SAID)
def test_silence_changes_nothing(said: Mapping[str, Said]) -> None:
    """Without those that are silent the same follows."""
    assert denied_canaries(said) == denied_canaries({name: each for name, each in said.items() if each != "silent"})


@pytest.mark.parametrize(
    ("given", "invented"),
    [
        ({"r.gmail.com": None, "r.invalid": None}, None),
        ({"r.gmail.com": ()}, ()),
        ({"r.gmail.com": None, "r.invalid": ()}, ()),
        ({"r.gmail.com": ("192.0.2.1",), "r.web.de": (), "r.invalid": ()}, ()),
        ({"r.gmail.com": ("192.0.2.1",), "r.web.de": ("192.0.2.2",), "r.invalid": ()}, ()),
        ({"r.gmail.com": ("10.0.0.1",), "r.web.de": ("10.0.0.1",), "r.invalid": ()}, ("10.0.0.1",)),
        ({"r.gmail.com": (), "r.web.de": None, "r.invalid": ("10.0.0.1",)}, ("10.0.0.1",)),
        ({"r.gmail.com": ("10.0.0.1",), "r.invalid": ("10.0.0.2",)}, ("10.0.0.2",)),
    ],
)
def test_a_wildcard_of_one_domain_is_no_lie(
    given: Mapping[str, tuple[str, ...] | None], invented: tuple[str, ...] | None
) -> None:
    """An address below .invalid is invented, and one that names of two domains share; any other may be a wildcard."""
    assert invented == invented_addresses(given)


@given(st.dictionaries(st.sampled_from(["r.gmail.com", "r.web.de", "r.invalid"]), ADDRESSES))
def test_only_an_address_that_was_given_is_invented(given: Mapping[str, set[str] | None]) -> None:
    """And nothing at all where every made-up name is denied."""
    invented = invented_addresses(given)
    assert set(invented or ()) <= {address for addresses in given.values() for address in addresses or ()}
    assert (invented is None) == all(addresses is None for addresses in given.values())


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: f"{finding.outcome}-{finding.reason}")
def test_who_is_not_caught_lying_is_believed(finding: MxFinding) -> None:
    """All of it."""
    assert finding is believed(finding, Trust())


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: f"{finding.outcome}-{finding.reason}")
def test_no_lie_is_a_no(finding: MxFinding) -> None:
    """Of who denies canaries no denial is believed, of who invents addresses no address; the rest stays as it is."""
    on_address = finding.reason in ("address", "no-global-address", "mx-not-global")
    denying, inventing = believed(finding, DENYING), believed(finding, INVENTING)
    assert (DENIES_ALL if finding.outcome == "no" else finding.reason) == denying.reason
    assert (ANSWERS_ALL if on_address else finding.reason) == inventing.reason
    for found in (denying, inventing, believed(finding, Trust(("gmail.com",), ("10.0.0.1",)))):
        assert found is finding or ("unknown", DISTRUST_TTL) == (found.outcome, found.ttl)
    assert "no" != believed(finding, Trust(("gmail.com",), ("10.0.0.1",))).outcome


def test_every_reason_of_distrust_has_its_words() -> None:
    """In the sentence of the verdict, where a code would help nobody."""
    assert set(DISTRUST) == set(UNKNOWN)


def test_the_reasons_name_a_few() -> None:
    """Enough to try by hand, and never a page."""
    assert () == Trust().reasons
    many = Trust(tuple(f"d{number}.example" for number in range(9)), ("10.0.0.1",))
    denied, invented = many.reasons
    assert denied.endswith("d0.example, d1.example, d2.example and 6 more")
    assert invented.endswith("do not exist: 10.0.0.1")
    assert (True, False, False) == (Trust().sound, many.sound, INVENTING.sound)
