"""The dialogue about a domain, with recorded answers: every branch of RFC 5321 section 5.1 and RFC 7505."""

from itertools import chain

import dns.message
import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import MxFinding
from sidestep.streams.screen.dns.answer import NEGATIVE_TTL, POSITIVE_TTL, UNKNOWN_TTL, Answer, read
from sidestep.streams.screen.dns.exchanges import grade, is_reachable
from sidestep.streams.screen.dns.mx import inquire, spf_refuses_all

NOTHING = Answer(ttl=600)
NXDOMAIN = Answer(ttl=600, exists=False)
FAILURES = ("servfail", "refused", "timeout", "unreachable", "malformed", "cname-loop", "too-large")


def has(kind: str, *records: str, ttl: int = 3600) -> Answer:
    return Answer(tuple(dns.rdata.from_text("IN", kind, record) for record in records), ttl)


def judged(answers: dict[str, Answer], allow_private: bool = False) -> MxFinding:
    """The finding about x.example, given answers by "TYPE" or, for other names, "NAME/TYPE"."""
    dialogue = inquire("x.example", allow_private)
    questions = next(dialogue)
    while True:
        keys = [kind if name == "x.example" else f"{name}/{kind}" for name, kind in questions]
        try:
            questions = dialogue.send(tuple(answers[key] for key in keys))
        except StopIteration as end:
            finding: MxFinding = end.value
            return finding


@pytest.mark.parametrize(
    ("answers", "outcome", "reason"),
    [
        ({"MX": has("MX", "10 mx.x.example.")}, "yes", "mx"),
        ({"MX": has("MX", "0 .")}, "no", "null-mx"),
        ({"MX": has("MX", "10 .")}, "no", "null-mx"),
        ({"MX": has("MX", "0 .", "10 mx.x.example.")}, "yes", "mx"),
        ({"MX": has("MX", "0 .", "10 .")}, "no", "no-usable-mx"),
        ({"MX": has("MX", "10 localhost.", "20 192.0.2.1.")}, "no", "no-usable-mx"),
        ({"MX": NXDOMAIN}, "no", "nxdomain"),
        ({"MX": NOTHING, "A": NOTHING, "AAAA": NOTHING}, "no", "no-address"),
        ({"MX": NOTHING, "A": has("A", "10.0.0.1"), "AAAA": NOTHING}, "no", "no-global-address"),
        ({"MX": NOTHING, "A": has("A", "127.0.0.1"), "AAAA": has("AAAA", "fe80::1")}, "no", "no-global-address"),
        ({"MX": NOTHING, "A": has("A", "93.184.215.14"), "AAAA": NOTHING, "TXT": NOTHING}, "yes", "address"),
        ({"MX": NOTHING, "A": NOTHING, "AAAA": has("AAAA", "2606:2800::1"), "TXT": NOTHING}, "yes", "address"),
        (
            {"MX": NOTHING, "A": has("A", "93.184.215.14"), "AAAA": NOTHING, "TXT": has("TXT", '"v=spf1 -all"')},
            "no",
            "spf-refuses-all",
        ),
    ],
)
def test_each_row_of_the_rfcs(answers: dict[str, Answer], outcome: str, reason: str) -> None:
    """Known answers lead to exactly this finding, and no question is asked beyond those needed for it."""
    finding = judged(answers)
    assert (outcome, reason) == (finding.outcome, finding.reason)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_mx_question_never_falls_back_to_addresses(failure: str) -> None:
    """There may well be an MX that we can't see: unknown, and A is not even asked for."""
    assert MxFinding("unknown", failure, ttl=UNKNOWN_TTL) == judged({"MX": Answer(failure=failure)})


@pytest.mark.parametrize("failure", FAILURES)
def test_one_failed_address_question_does_not_matter_when_the_other_finds_one(failure: str) -> None:
    """A global AAAA is enough, whatever became of A; and the policy's failure changes nothing either."""
    failed = Answer(failure=failure)
    finding = judged({"MX": NOTHING, "A": failed, "AAAA": has("AAAA", "2606:2800::1"), "TXT": failed})
    assert (finding.outcome, finding.reason) == ("yes", "address")


@pytest.mark.parametrize("other", [NOTHING, has("AAAA", "fe80::1")])
def test_one_failed_address_question_is_unknown_when_the_other_finds_none(other: Answer) -> None:
    """What was not answered might have been a global address, so there is no "no"."""
    finding = judged({"MX": NOTHING, "A": Answer(failure="servfail"), "AAAA": other})
    assert (finding.outcome, finding.reason) == ("unknown", "servfail")


@pytest.mark.parametrize(
    ("a", "outcome", "reason"),
    [
        (has("A", "93.184.215.14"), "yes", "mx"),
        (has("A", "10.0.0.1"), "no", "no-usable-mx"),
        (NXDOMAIN, "no", "no-usable-mx"),
        (Answer(failure="timeout"), "unknown", "timeout"),
    ],
)
def test_exchanges_that_all_look_local_are_looked_up(a: Answer, outcome: str, reason: str) -> None:
    """A single label or .local may be a mistake or work all the same: its own address decides."""
    finding = judged({"MX": has("MX", "10 mail.", "20 localhost."), "mail/A": a, "mail/AAAA": NOTHING})
    assert (outcome, reason) == (finding.outcome, finding.reason)


def test_private_addresses_count_only_where_allowed() -> None:
    """The demo and the tests live on loopback; nobody else does."""
    answers = {"MX": NOTHING, "A": has("A", "127.0.0.1"), "AAAA": NOTHING, "TXT": NOTHING}
    assert [judged(answers, allow_private).outcome for allow_private in (False, True)] == ["no", "yes"]


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        ("mx.x.example", "plausible"),
        ("", "unusable"),
        ("192.0.2.1", "unusable"),
        ("2001:db8::1", "unusable"),
        ("[192.0.2.1]", "unusable"),
        ("localhost", "unusable"),
        ("mx.localhost", "unusable"),
        ("mail", "dubious"),
        ("mx.corp.local", "dubious"),
        ("mx.invalid", "dubious"),
        ("localhost.x.example", "plausible"),
    ],
)
def test_grades_of_exchanges(exchange: str, expected: str) -> None:
    """Only what can't be a host on the Internet is set aside."""
    assert expected == grade(exchange)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.1.1", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("2606:2800::1", True),
        ("::1", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("ff0e::1", False),
        ("2001:db8::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.215.14", True),
    ],
)
def test_only_global_unicast_addresses_count(address: str, expected: bool) -> None:
    """Private, loopback, link-local, shared, multicast and documentation addresses reach nobody."""
    assert expected is is_reachable(address)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (['"v=spf1 -all"'], True),
        (['"V=SPF1  -ALL"'], True),
        (['"v=spf1" " -all"'], True),
        (['"hello"', '"v=spf1 -all"'], True),
        (['"v=spf1 ~all"'], False),
        (['"v=spf1 mx -all"'], False),
        (['"v=spf10 -all"'], False),
        (['"v=spf1 -all"', '"v=spf1 mx -all"'], False),
        ([], False),
    ],
)
def test_only_the_bare_refusal_of_everything_counts(texts: list[str], expected: bool) -> None:
    """A second policy is an error (RFC 7208 section 4.5), and an error refuses nobody."""
    assert expected is spf_refuses_all(has("TXT", *texts).records)


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [
        (0, POSITIVE_TTL[0]),
        (600, 600),
        (10**9, POSITIVE_TTL[1]),
    ],
)
def test_ttl_of_a_yes_is_kept_within_bounds(ttl: int, expected: int) -> None:
    """Neither asked for all the time nor believed for weeks."""
    assert expected == judged({"MX": has("MX", "10 mx.x.example.", ttl=ttl)}).ttl


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [
        (0, NEGATIVE_TTL[0]),
        (600, 600),
        (10**9, NEGATIVE_TTL[1]),
    ],
)
def test_ttl_of_a_no_is_kept_within_bounds(ttl: int, expected: int) -> None:
    """RFC 2308 section 5: a long-lived "no such name" does harm."""
    assert expected == judged({"MX": Answer(ttl=ttl, exists=False)}).ttl


def test_a_finding_lives_no_longer_than_its_shortest_answer() -> None:
    """ "No MX" for ten minutes and an address for an hour make ten minutes."""
    answers = {"MX": NOTHING, "A": has("A", "93.184.215.14", ttl=3600), "AAAA": NOTHING, "TXT": NOTHING}
    assert judged(answers).ttl == 600


SOA = "example. 900 IN SOA ns. hostmaster. 1 2 3 4 120"


def response(answer: str = "", authority: str = "", rcode: str = "NOERROR", flags: str = "RD RA") -> Answer:
    lines = ["id 1", "opcode QUERY", f"rcode {rcode}", f"flags QR {flags}", ";QUESTION", "x.example. IN MX"]
    lines += [";ANSWER", answer] if answer else []
    lines += [";AUTHORITY", authority] if authority else []
    return read(dns.message.from_text("\n".join(lines)))


def test_negative_ttl_is_the_soa_minimum() -> None:
    """RFC 2308 section 5: the smaller of the SOA's own TTL and its MINIMUM."""
    assert Answer(ttl=120, exists=False) == response(authority=SOA, rcode="NXDOMAIN")
    assert Answer(ttl=120) == response(authority=SOA)


def test_aliases_are_followed_and_the_shortest_ttl_counts() -> None:
    """The MX of the alias' target, for as long as the alias itself holds."""
    answer = response("x.example. 50 IN CNAME y.example.\ny.example. 300 IN MX 10 mx.y.example.")
    assert (answer.ttl, [str(record) for record in answer.records]) == (50, ["10 mx.y.example."])


def test_an_alias_whose_target_nobody_looked_at_is_no_answer_yet() -> None:
    """With an SOA there is nothing at the target; without one it has to be asked for. DNAMEs belong to the chain."""
    alias = "x.example. 50 IN CNAME y.example."
    assert Answer(ttl=50, alias="y.example") == response(alias)
    assert Answer(ttl=50) == response(alias, authority=SOA.replace("x.example.", "y.example."))
    dname = f"example. 60 IN DNAME example.\n{alias}\ny.example. 300 IN MX 10 mx.y.example."
    assert 1 == len(response(dname).records)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (response("x.example. 50 IN CNAME y.example.\ny.example. 50 IN CNAME x.example."), "cname-loop"),
        (response(rcode="SERVFAIL"), "servfail"),
        (response(rcode="REFUSED"), "refused"),
        (response(rcode="NOTIMP"), "malformed"),
        (response("x.example. 60 IN MX 10 mx.example.", rcode="NXDOMAIN"), "malformed"),
        (response("y.example. 60 IN MX 10 mx.example."), "malformed"),
        (response("x.example. 60 IN CNAME y.example.\nz.example. 60 IN MX 10 mx.example."), "malformed"),
        (response(authority="x.example. 60 IN NS ns.elsewhere.example.", flags="RD"), "malformed"),
    ],
)
def test_answers_that_say_nothing(answer: Answer, expected: str) -> None:
    """Loops, errors, contradictions and referrals are failures, never a "no"."""
    assert expected == answer.failure


ANSWERS = st.one_of(
    st.just(NOTHING), st.just(NXDOMAIN), st.sampled_from(FAILURES).map(lambda failure: Answer(failure=failure))
)
EXCHANGES = st.lists(
    st.sampled_from([".", "mail.", "localhost.", "192.0.2.1.", "mx.x.example.", "mx.local."]), min_size=1, max_size=6
)


@given(EXCHANGES.map(lambda names: has("MX", *(f"10 {name}" for name in names))), ANSWERS, ANSWERS)
def test_every_set_of_exchanges_leads_to_a_finding(mx: Answer, a: Answer, aaaa: Answer) -> None:
    """Whatever a domain lists: one finding, with a TTL within bounds, and never a "no" out of a failure."""
    others = chain.from_iterable([(f"{n}/A", a), (f"{n}/AAAA", aaaa)] for n in ("mail", "mx.local"))
    finding = judged({"MX": mx} | dict(others))
    assert UNKNOWN_TTL <= finding.ttl <= POSITIVE_TTL[1]
    if finding.reason in FAILURES:
        assert finding.outcome == "unknown"
