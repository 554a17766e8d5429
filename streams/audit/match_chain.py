"""The chain of a partition as a part of its audit: what was changed, taken away or put in since, though no verdict, row
or tally may follow from it. Pure."""

from collections.abc import Sequence

import msgspec

from sidestep.streams.audit.chain_beside import ChainBeside
from sidestep.streams.audit.chain_faults import ChainFault
from sidestep.streams.audit.findings import AuditFinding, PartitionAudit
from sidestep.streams.audit.kept import Chained
from sidestep.streams.audit.walk_chain import ChainWalk
from sidestep.streams.chain import CHAIN


def end_chain(beside: ChainBeside, chained: Chained, row: bytes | None, audit: PartitionAudit) -> None:
    """What was found of the chain, into `audit`, behind the verdicts; where it was lost, by a walk."""
    beside.end(row)
    if not beside.whole:
        match_chain(chained, row, audit)
        return
    audit.chained_from = beside.chained_from
    for outcome, times in beside.counts.items():
        if times:
            audit.count("link", outcome, times)


def match_chain(chained: Chained, row: bytes | None, audit: PartitionAudit) -> None:
    """All links, into `audit`. `row`: how far the changelog says that the chain has come."""
    walk = ChainWalk(*chained)
    for walked in walk.links():
        if walked.state != "holds":
            audit.count("link", "later" if walked.state == "later" else "not-kept")
        elif not walked.faults:
            audit.count("link", "proved")
        if (walked.state == "holds" and audit.chained_from is None) or walked.anew:
            audit.chained_from = walked.link.base_to + 1
        _report(walked.faults, audit)
    if row is not None:
        try:
            _report(walk.tail(CHAIN.decode(row)), audit)
        except msgspec.MsgspecError:
            _report([ChainFault("differs", "", 0, "the changelog's row of the chain can't be read")], audit)


def _report(faults: Sequence[ChainFault], audit: PartitionAudit) -> None:
    for fault in faults:
        text = fault.text
        if fault.until > fault.evidence and (known := _known(fault, audit)):
            text += f" (by the fold it is {known})"
        audit.find(AuditFinding("link", fault.outcome, fault.place, "", text))


def _known(fault: ChainFault, audit: PartitionAudit) -> str:
    """The record of the log whose verdict does not follow any more, where it is among those that may be another."""
    for finding in audit.findings:
        offset = finding.evidence.rpartition("/")[2]
        if finding.kind == "verdict" and offset.isdigit() and fault.evidence <= int(offset) <= fault.until:
            return finding.evidence
    return ""
