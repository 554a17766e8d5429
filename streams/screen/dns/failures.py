"""Failures of look-ups: of one domain's name servers, or of our own? Pure."""

from sidestep.schemas import MxFinding

SEVERAL = 3
"""Domains. One whose name servers are broken, and a second one by chance, say nothing about ours."""

OF_SERVERS = frozenset({"timeout", "unreachable", "servfail", "refused", "malformed"})
"""Reasons of an unknown that name servers out of reach give. The others say that a server has answered."""


class FailedNames:
    """The domains, SEVERAL at most, whose look-ups have failed since the last one that had an answer."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    @property
    def several(self) -> bool:
        """Have look-ups of several domains failed, and nothing else since?"""
        return len(self._names) >= SEVERAL

    def note(self, domain: str, finding: MxFinding) -> None:
        """Note what came of a look-up."""
        if finding.outcome != "unknown" or finding.reason not in OF_SERVERS:
            self._names.clear()
        elif len(self._names) < SEVERAL:
            self._names.add(domain)
