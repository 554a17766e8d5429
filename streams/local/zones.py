"""Zone data for the name server on loopback: records, wildcards, aliases and faults. No sockets.

Zone text is a master file (RFC 1035 section 5); each `$ORIGIN` opens a zone, before the first one names belong to the
root. CNAMEs are followed as a resolver does, wildcards work as RFC 4592 has it. Comment lines that begin with `;!` make
names misbehave:

    ;! FAULT [NUMBER] NAME[/TYPE] …           for example:  ;! delay 2.5 slow.example   ;! servfail half.example/A

servfail, refuse    answers with that code            drop            never answers
delay SECONDS       answers late                      drop-first N    ignores the first N questions
truncate            cut short over UDP                no-tcp          the same, and hangs up over TCP
lie-id              an id that was not asked          lie-question    answers another question
garble              octets that are no DNS message    lame            points elsewhere instead of answering
cname-loop          an alias of an alias of itself       cname-steps    the same, an alias an answer
lie-owner           records of another name            alias-only     names an alias, not what stands there
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.zone

ROOT_SOA = "$TTL 300\n@ SOA ns. hostmaster. 1 3600 600 86400 60\n"
"""Gives names of no zone a negative TTL of one minute."""

DEFAULT_TTL = "$TTL 300"
"""Holds until zone text says otherwise, so that a line of a test need not."""

MAX_CHAIN = 16

FAULTS = frozenset(
    {
        "servfail",
        "refuse",
        "drop",
        "delay",
        "drop-first",
        "truncate",
        "no-tcp",
        "lie-id",
        "lie-question",
        "garble",
        "lame",
        "cname-loop",
        "cname-steps",
        "lie-owner",
        "alias-only",
    }
)

Node = dict[dns.rdatatype.RdataType, dns.rdataset.Rdataset]


@dataclass
class Fault:
    """How a name misbehaves; `number` is the seconds of a delay or the questions still to be ignored."""

    kind: str
    number: float = 0.0

    @classmethod
    def parse(cls, words: Sequence[str]) -> tuple["Fault", list[str]]:
        """The words of a directive -> the fault and the names it is about. Raises ValueError."""
        kind, *rest = words
        if kind not in FAULTS:
            raise ValueError(f"no fault is called {kind!r}; there are: {', '.join(sorted(FAULTS))}")
        number = float(rest.pop(0)) if kind in ("delay", "drop-first") else 0.0
        return cls(kind, number), rest


class Zones:
    """What the server knows. Names are absolute."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self._nodes: dict[dns.name.Name, Node] = {}
        self._existing: set[dns.name.Name] = {dns.name.root}
        self.load(ROOT_SOA)

    def load(self, text: str) -> None:
        """Add zone text. A name that is known already is replaced. Raises ValueError, dns.exception.DNSException."""
        for origin, section in _sections(text):
            zone = dns.zone.from_text(section, origin=origin, relativize=False, check_origin=False)
            for name, node in zone.nodes.items():
                self._put(name, {rdataset.rdtype: rdataset for rdataset in node.rdatasets})
        for line in text.splitlines():
            if line.startswith(";!"):
                fault, names = Fault.parse(line[2:].split())
                self.faults |= {name.lower().rstrip("."): Fault(fault.kind, fault.number) for name in names}

    def remove(self, name: dns.name.Name) -> None:
        """Forget a name; whatever lies below it stays."""
        if self._nodes.pop(name, None) is not None:
            self._existing = {dns.name.root}.union(*(_lineage(known) for known in self._nodes))

    def look_up(
        self, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> tuple[dns.rcode.Rcode, list[dns.rrset.RRset], dns.name.Name]:
        """The code, the answer with its CNAMEs, and the name at the end of the chain."""
        answer: list[dns.rrset.RRset] = []
        for _ in range(MAX_CHAIN):
            node = self._find(name)
            if node is None:
                return dns.rcode.NXDOMAIN, answer, name
            if kind in node:
                return dns.rcode.NOERROR, [*answer, _rrset(name, node[kind])], name
            alias = node.get(dns.rdatatype.CNAME)
            if alias is None or any(name == seen.name for seen in answer):
                break
            answer.append(_rrset(name, alias))
            name = alias[0].target
        return dns.rcode.NOERROR, answer, name

    def soa(self, name: dns.name.Name) -> dns.rrset.RRset:
        """The SOA of the zone that a name belongs to."""
        for zone in _lineage(name):
            if dns.rdatatype.SOA in self._nodes.get(zone, {}):
                break
        return _rrset(zone, self._nodes[zone][dns.rdatatype.SOA])

    def _put(self, name: dns.name.Name, node: Node) -> None:
        self._nodes[name] = node
        self._existing.update(_lineage(name))

    def _find(self, name: dns.name.Name) -> Node | None:
        if name in self._existing:
            return self._nodes.get(name, {})  # empty: nothing here, but something below it
        closest = next(above for above in _lineage(name) if above in self._existing)
        return self._nodes.get(dns.name.Name((b"*", *closest.labels)))


def _sections(text: str) -> Iterator[tuple[dns.name.Name, str]]:
    """Zone text -> the origin and the lines of each of its zones; a $TTL holds for the zones that follow, too."""
    origin, ttl = dns.name.root, DEFAULT_TTL
    lines = [ttl]
    for line in [*text.splitlines(), "$ORIGIN ."]:
        if line.startswith("$ORIGIN"):
            yield origin, "\n".join(lines) + "\n"
            origin, lines = dns.name.from_text(line.split()[1], origin), [ttl]
        else:
            ttl = line if line.startswith("$TTL") else ttl
            lines.append(line)


def _lineage(name: dns.name.Name) -> Iterator[dns.name.Name]:
    """The name itself, then each name above it, up to the root."""
    for start in range(len(name.labels)):
        yield dns.name.Name(name.labels[start:])


def _rrset(name: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    rrset = dns.rrset.RRset(name, dns.rdataclass.IN, rdataset.rdtype)
    rrset.update(rdataset)
    return rrset
