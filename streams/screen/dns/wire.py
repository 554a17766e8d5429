"""Responses of name servers as octets: how much of one is parsed, whoever has written it. Pure.

Who owns a domain decides how large its answers are; what they cost us is for us to decide, before anything of them is
parsed.
"""

from struct import Struct

import dns.exception
import dns.message

from sidestep.streams.screen.dns.answer import ALIASES_MOST, RECORDS_MOST, Answer, read
from sidestep.streams.screen.dns.cost import HEADER_OCTETS, microseconds

OCTETS_MOST = 8_192
"""Octets of a response; a larger one is refused unread. Twenty exchanges with long names and their addresses, or what
large companies keep as TXT, take some six thousand."""

ANSWERS_MOST = ALIASES_MOST + RECORDS_MOST
"""Records of the answer section that are parsed; of the additional section none is."""

AUTHORITY_MOST = 16
"""Records of the authority section that are parsed: an SOA, or thirteen name servers (RFC 1034 section 4.1)."""

MICROSECONDS_MOST = 5_000
"""Of parsing a response, by cost.py; honest ones take some hundred, and a busy core is slower by half."""

CHEAP_OCTETS = 200
"""Octets of a response up to which nothing in it can be dear; most have fewer."""

TOO_LARGE = Answer(failure="too-large")

TRUNCATED = 0x02
"""The TC bit, in the third octet (RFC 1035 section 4.1.1)."""

_COUNTS = Struct("!HHHH")
_COUNTS_AT = 4


def is_cut_short(response: bytes) -> bool:
    """Does a response say that the whole of it is to be fetched over TCP?"""
    return len(response) >= HEADER_OCTETS and bool(response[2] & TRUNCATED)


def belongs(query: dns.message.Message, response: bytes) -> bool:
    """Is that the response to this query, by its header and question? Nothing else of it is parsed."""
    if len(response) < HEADER_OCTETS or _COUNTS.unpack_from(response, _COUNTS_AT)[0] > 1:
        return False
    try:
        return query.is_response(dns.message.from_wire(response, question_only=True))
    except (dns.exception.DNSException, ValueError):
        return False


def read_response(query: dns.message.Message, response: bytes) -> Answer | None:
    """The answer in a response; None where it is none to this query. Raises DNSException where it can't be parsed."""
    if len(response) > OCTETS_MOST:
        return TOO_LARGE if belongs(query, response) else None
    if len(response) < HEADER_OCTETS:
        return None
    questions, answers, authority, additional = _COUNTS.unpack_from(response, _COUNTS_AT)
    if questions > 1:
        return None
    first, others = min(answers, ANSWERS_MOST), min(authority, AUTHORITY_MOST)
    if len(response) > CHEAP_OCTETS and microseconds(response, questions, first + others) > MICROSECONDS_MOST:
        return TOO_LARGE if belongs(query, response) else None
    if (first, others, 0) != (answers, authority, additional):
        counts = _COUNTS.pack(questions, first, others, 0)
        response = response[:_COUNTS_AT] + counts + response[HEADER_OCTETS:]
    message = dns.message.from_wire(response, ignore_trailing=True)
    return read(message, answers > first) if query.is_response(message) else None
