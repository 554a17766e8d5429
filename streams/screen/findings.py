"""What follows from the lists and the answers about an address: its classes, and the address that was meant. Pure."""

from collections.abc import Callable

from msgspec import Struct

from sidestep.streams.screen.address.parse import ParsedAddress, meant, parse
from sidestep.streams.screen.lists.classes import Lists, mx_classes
from sidestep.streams.screen.lists.domain_facts import DomainFacts
from sidestep.streams.screen.lists.near_misses import weigh
from sidestep.streams.screen.lists.top_levels import meant_address
from sidestep.streams.screen.lists.typo import NearMiss
from sidestep.streams.screen.sources.answers import Answers


class Subject(Struct, frozen=True, gc=False):
    """An address, and what can be said of it without asking anybody."""

    text: str
    """As it was given."""
    address: ParsedAddress
    facts: DomainFacts | None
    """None where it has no domain that can be read."""

    @property
    def domain(self) -> str:
        """The domain to ask DNS about; "" where the address is refused."""
        return "" if self.address.reason else self.address.domain

    @property
    def near_miss(self) -> NearMiss | None:
        """The large provider's domain that its own is close to; an address that is refused is close to nothing."""
        return None if self.facts is None or self.address.reason else self.facts.near_miss


def subject(text: str, facts: Callable[[str], DomainFacts]) -> Subject:
    """Any text; `facts` of a domain: a DomainBook's. Never raises."""
    address = parse(text)
    return Subject(text, address, facts(address.domain) if address.domain else None)


class Findings(Struct, frozen=True, gc=False):
    """`suggestion` is a whole address, or empty."""

    classes: tuple[str, ...] = ()
    suggestion: str = ""


def findings(about: Subject, answers: Answers, lists: Lists, clustered: bool) -> Findings:
    """`clustered`: its exchange takes the mail of other near misses, too (SeenExchanges knows). So does one that a list
    of mail servers names, whatever the domain looks like."""
    address, facts = about.address, about.facts
    if facts is None:
        return Findings(suggestion=meant(about.text) or meant_address(about.text))
    if address.reason:
        return Findings(facts.classes, meant(about.text))
    mx = answers.mx
    collected = bool(answers.listed) and any(it.exchange and not it.suspect for it in answers.listed)
    classes = facts.classes + lists.local_classes(address.local)
    if mx.provider:
        classes += mx_classes(mx)
    if facts.near_miss is None:
        return Findings((*classes, "trap-cluster") if collected else classes)
    suspicion = weigh(address.domain, facts.near_miss, mx, clustered or collected)
    return Findings(classes + suspicion.classes, f"{address.local}@{suspicion.meant}" if suspicion.meant else "")
