"""Can everybody that a sources file names be asked? The checks of a start, without asking anybody."""

from pathlib import Path

from sidestep.streams.screen.dns.answer import Answer, Question
from sidestep.streams.screen.sources.dnsbl.zones import Zones
from sidestep.streams.screen.sources.file import Sources
from sidestep.streams.screen.sources.probe.allowed import checked
from sidestep.streams.screen.sources.reputation.services import Services


def check_sources(sources: Sources, base: Path) -> None:
    """`base`: the folder that paths start from. Raises SourcesError; feeds are checked where they are made."""
    Zones(sources.dnsbl, _nobody)
    Services(sources.reputation, base)
    if sources.probe.enabled:
        checked(sources.probe)


async def _nobody(_: Question, __: float) -> Answer:
    return Answer(failure="unreachable")
