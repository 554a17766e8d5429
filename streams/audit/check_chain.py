"""Whether the topics of today still contain, unchanged, what a chain's head of before stands for. Pure."""

from typing import Literal, NamedTuple

from sidestep.streams.audit.kept import Chained
from sidestep.streams.audit.walk_chain import ChainWalk
from sidestep.streams.chain import Link

ChainOutcome = Literal["holds", "broken", "not-kept"]


class CheckedHead(NamedTuple):
    """What became of one partition's head."""

    partition: int
    offset: int
    outcome: ChainOutcome
    place: str
    """Of what does not fit first; empty: everything does."""
    text: str


def check_head(chained: Chained, offset: int, head: str) -> CheckedHead:
    """`head`, in hexadecimal, was the chain's behind evidence `offset`."""
    partition = chained.evidence.partition
    walk, since = ChainWalk(*chained), offset + 1
    taken = any(topic.start > 0 for topic in chained)

    def found(outcome: ChainOutcome, place: str, text: str) -> CheckedHead:
        return CheckedHead(partition, offset, outcome, place, text)

    for walked in walk.links():
        link = walked.link
        if first := next((fault for fault in walked.faults if fault.evidence <= offset), None):
            return found("broken", first.place, first.text)
        if walked.state == "holds" and link.to <= offset:
            since = min(since, link.base_to + 1)
        if link.to >= offset:
            return found(*_at(link, offset, head, walked.state, walked.place, taken, since))
    if taken and walk.last is None:
        return found("not-kept", "", "retention has taken it")
    place = f"{chained.evidence.topic}/{partition}/{offset}"
    return found("broken", place, "the chain does not reach to there any more")


def _at(
    link: Link, offset: int, head: str, state: str, place: str, taken: bool, since: int
) -> tuple[ChainOutcome, str, str]:
    """What the first link says that reaches as far."""
    if link.to > offset:
        text = f"no link reaches to evidence {offset}, the next one to {link.to}"
        return ("not-kept", "", "retention has taken it") if taken and since > offset else ("broken", place, text)
    if link.head.hex() != head:
        return "broken", place, "the chain has another head there: it was made anew"
    if state == "not-kept":
        return "not-kept", "", "retention has taken some of what it rests on"
    return "holds", "", f"from record {since:,} of the log on, all is as it was"
