"""The checks of a sources file that opening its sources would make, without asking anybody."""

from pathlib import Path

from sidestep.streams.screen.dns.answer import Answer, Question
from sidestep.streams.screen.sources.dnsbl.zones import DnsblZones
from sidestep.streams.screen.sources.file import SourcesFile
from sidestep.streams.screen.sources.probe.allowed import allow_list
from sidestep.streams.screen.sources.reputation.services import Services


def check_sources(file: SourcesFile, base: Path) -> None:
    """Check that every source can be asked, but for feeds, which `Feeds` checks. Raises SourcesError.

    `base`: the folder that paths start from.
    """
    DnsblZones(file.dnsbl, _nobody)
    Services(file.reputation, base)
    if file.probe.enabled:
        allow_list(file.probe)


async def _nobody(_: Question, __: float) -> Answer:
    return Answer(failure="unreachable")
