"""Responses as octets: what is parsed of them, and what is refused unread, however they are written."""

import struct

import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas import MxFinding
from sidestep.streams.screen.dns.answer import RECORDS_MOST, UNKNOWN_TTL, Answer
from sidestep.streams.screen.dns.cost import microseconds
from sidestep.streams.screen.dns.mx import inquire
from sidestep.streams.screen.dns.wire import (
    ANSWERS_MOST,
    AUTHORITY_MOST,
    MICROSECONDS_MOST,
    OCTETS_MOST,
    belongs,
    is_cut_short,
    read_response,
)

QUERY = dns.message.make_query("x.example", "MX")
QUESTION = QUERY.to_wire()[12:]
OWNER = b"\xc0\x0c"
"""A pointer to the question's name."""
DEEP = b"\x01a" * 120 + b"\0"
"""A name of 120 labels."""
KINDS = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "HINFO": 13, "HIP": 55}


def header(answers: int, authority: int = 0, additional: int = 0, questions: int = 1, flags: int = 0x8180) -> bytes:
    return struct.pack("!HHHHHH", QUERY.id, flags, questions, answers, authority, additional)


def record(kind: str, data: bytes, owner: bytes = OWNER) -> bytes:
    return owner + struct.pack("!HHIH", KINDS[kind], 1, 300, len(data)) + data


def mx(number: int, name: bytes = b"\x02mx" + OWNER) -> bytes:
    return record("MX", struct.pack("!H", number) + name)


def response(*records: bytes, authority: int = 0) -> bytes:
    return header(len(records) - authority, authority) + QUESTION + b"".join(records)


def read(octets: bytes) -> Answer:
    answer = read_response(QUERY, octets)
    assert answer is not None
    return answer


def honest(count: int) -> bytes:
    """As a careful server answers: a domain with so many exchanges, each with its address beside."""
    message = dns.message.make_response(QUERY, recursion_available=True)
    names = [f"mx{number}.mail.x.example." for number in range(count)]
    message.answer.append(dns.rrset.from_text("x.example.", 300, "IN", "MX", *(f"10 {name}" for name in names)))
    message.additional += [dns.rrset.from_text(name, 300, "IN", "A", "93.184.215.14") for name in names]
    return message.to_wire()


@pytest.mark.parametrize("count", [1, 5, RECORDS_MOST])
def test_honest_answers_are_whole(count: int) -> None:
    """All exchanges are there, and what stands beside them costs nothing."""
    answer = read(honest(count))
    assert (count, False, "") == (len(answer.records), answer.cut, answer.failure)


@pytest.mark.parametrize("count", [RECORDS_MOST + 1, ANSWERS_MOST, 200])
def test_no_more_than_sixteen_records_are_looked_at(count: int) -> None:
    """Of those that are parsed, the exchanges that are preferred; and it is told that there are more."""
    answer = read(response(*(mx(count - number) for number in range(count))))
    parsed = min(count, ANSWERS_MOST)
    preferred = [count - number for number in reversed(range(parsed))][:RECORDS_MOST]
    assert (True, preferred) == (answer.cut, [record.preference for record in answer.records])


HOSTILE = {
    "records": response(*(record("A", struct.pack("!I", number)) for number in range(4_000))),
    "one record": response(record("TXT", bytes(OCTETS_MOST))),
    "deep names": response(*(mx(number, b"\x01b" + DEEP) for number in range(30))),
    "pointers to a deep name": response(
        mx(0, DEEP), *(mx(n, bytes([1, 98 + n % 20, 0xC0, 12 + len(QUESTION) + 14])) for n in range(400))
    ),
    "deep owners": response(*(record("A", bytes(4), b"\x01b" + DEEP) for _ in range(30)), authority=15),
    "many texts": response(record("TXT", bytes(8_000))),
    "what nobody asked for": response(*(record("HINFO", b"\x01a\x01b") for _ in range(30))),
    "one record that nobody asked for": response(record("HIP", bytes(2_000))),
}
DEAR = (
    "deep names",
    "pointers to a deep name",
    "many texts",
    "what nobody asked for",
    "one record that nobody asked for",
)


@pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_would_cost_too_much_is_refused_before_it_is_parsed(octets: bytes) -> None:
    """Thousands of records, or a few that take milliseconds each: the answer is unknown, and never "none"."""
    assert (len(octets) > OCTETS_MOST) or microseconds(octets, 1, ANSWERS_MOST) > 0
    assert read(octets).failure == "too-large" or len(read(octets).records) <= RECORDS_MOST


@pytest.mark.parametrize("name", DEAR)
def test_dear_answers_are_refused_although_they_are_small(name: str) -> None:
    """Each of them holds dnspython up for 15 ms and more."""
    octets = HOSTILE[name]
    assert len(octets) <= OCTETS_MOST
    assert microseconds(octets, 1, ANSWERS_MOST) > MICROSECONDS_MOST
    assert Answer(failure="too-large") == read(octets)


def test_the_cost_of_honest_answers_is_far_below_the_limit() -> None:
    """Even that of sixteen exchanges, all of which are parsed."""
    assert microseconds(honest(RECORDS_MOST), 1, RECORDS_MOST) < MICROSECONDS_MOST / 4


def test_a_circle_of_pointers_ends() -> None:
    """A pointer to itself costs what the longest name does."""
    octets = (
        header(2) + QUESTION + b"\xc0\x0c" + struct.pack("!HHIH", 2, 1, 300, 2) + bytes([0xC0, 12 + len(QUESTION) + 12])
    )
    assert microseconds(octets, 1, 2) > 1_000


def test_what_is_not_parsed_denies_nothing() -> None:
    """Where the records that are asked for may stand among those that were left out, it is not said that none is."""
    others = [record("A", struct.pack("!I", number), b"\x01y" + OWNER) for number in range(ANSWERS_MOST)]
    assert read(response(*others, mx(1))).failure == "too-many-records"


PRIVATE = Answer(tuple(dns.rdata.from_text("IN", "A", f"10.0.0.{n}") for n in range(RECORDS_MOST)), 300, cut=True)
UNUSABLE = Answer(tuple(dns.rdata.from_text("IN", "MX", "10 localhost.") for _ in range(RECORDS_MOST)), 300, cut=True)
REFUSES = Answer((dns.rdata.from_text("IN", "TXT", '"v=spf1 -all"'),), 300, cut=True)
NOTHING, PUBLIC = Answer(ttl=300), Answer((dns.rdata.from_text("IN", "A", "93.184.215.14"),), 300)


@pytest.mark.parametrize(
    "answers",
    [
        {"MX": UNUSABLE},
        {"MX": NOTHING, "A": PRIVATE, "AAAA": NOTHING},
        {"MX": NOTHING, "A": PUBLIC, "AAAA": NOTHING, "TXT": REFUSES},
    ],
)
def test_a_part_of_an_answer_rejects_nobody(answers: dict[str, Answer]) -> None:
    """The exchange, the address or the policy that would have spoken for the domain may be the seventeenth."""
    dialogue = inquire("x.example")
    questions = next(dialogue)
    with pytest.raises(StopIteration) as end:
        while True:
            questions = dialogue.send(tuple(answers[kind] for _, kind in questions))
    assert MxFinding("unknown", "too-many-records", ttl=UNKNOWN_TTL) == end.value.value


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        honest(1)[:11],
        bytes(2) + honest(1)[2:],
        header(1, questions=2) + QUESTION * 2 + mx(1),
        header(1) + QUESTION.replace(b"x", b"y") + mx(1),
        bytes(2) + response(*map(mx, range(4_000)))[2:],
        bytes(2) + HOSTILE["deep names"][2:],
    ],
    ids=["nothing", "half a header", "id", "two questions", "question", "large", "dear"],
)
def test_what_belongs_to_another_query_says_nothing(octets: bytes) -> None:
    """Whoever forges a response has to guess as much as ever, whatever its size."""
    assert read_response(QUERY, octets) is None
    assert not belongs(QUERY, octets)


def test_a_truncated_response_is_known_by_its_flag() -> None:
    """RFC 1035 section 4.1.1."""
    assert is_cut_short(header(0, flags=0x8380) + QUESTION)
    assert not is_cut_short(honest(1))
    assert not is_cut_short(b"\xff" * 11)


@given(st.binary(max_size=300), st.tuples(*[st.integers(0, 65_535)] * 3))
def test_no_octets_are_too_much_for_it(rest: bytes, counts: tuple[int, int, int]) -> None:
    """An answer, none, or an error of dnspython's that says that it can't be parsed."""
    octets = header(*counts) + QUESTION + rest
    try:
        answer = read_response(QUERY, octets)
    except (dns.exception.DNSException, ValueError):
        return
    assert answer is None or len(answer.records) <= RECORDS_MOST


def test_nothing_beyond_the_counts_is_parsed() -> None:
    """The additional section is not, and of the authority section no more than stands there in honest answers."""
    soa = record("SOA", OWNER + OWNER + bytes(20))
    rubbish = b"\xff" * 40
    octets = header(1, AUTHORITY_MOST + 1, 9) + QUESTION + mx(1) + soa * AUTHORITY_MOST + rubbish
    assert 1 == len(read(octets).records)
