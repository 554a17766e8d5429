"""One pattern seen in one window: what makes an incident, or keeps one open. Pure."""

from typing import Literal, NamedTuple

from sidestep.streams.watch.counts import share

Severity = Literal["notice", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("notice", "warning", "critical")


class Symptom(NamedTuple):
    """A pattern in the windows of a service, in one of its sources or campaigns, or at an MX provider."""

    pattern: str
    severity: Severity
    score: float
    """From 0 to 1; half at the threshold."""
    bad: int
    of: int
    usual: float
    """Share, or number where the pattern goes by numbers; below 0: nothing is usual yet."""
    text: str
    """Template: who, source, provider, principal, reason, bad, of, share, usual."""
    quiet: int
    """Seconds without the pattern after which the incident is over."""
    measure: str
    """Name of the feature that it goes by."""
    samples: str = ""
    """Kind of the intents that show it."""
    source: str = ""
    campaign: str = ""
    provider: str = ""
    recipient_key: str = ""
    blamed: str = ""
    """Of a whole service: the source that most of it is from."""
    numbers: bool = False
    """It goes by numbers, not by shares."""
    principal: str = ""
    """Of records that were refused: in whose name they were, in words."""
    reason: str = ""
    """… and what most of them were refused for."""
    suspected: bool = False
    """None of them is known to be bad: it is told of, and nothing is held for it."""

    @property
    def surely_bad(self) -> int:
        """How many are known to be bad."""
        return 0 if self.suspected else self.bad

    @property
    def seen(self) -> float:
        """The share, or the number."""
        return float(self.bad) if self.numbers else share(self.bad, self.of)


def score_of(seen: float, threshold: float) -> float:
    """0.5 at the threshold, towards 1 above."""
    return round(seen / (seen + threshold), 3) if seen > 0 else 0.0


def sentence(symptom: Symptom, service: str) -> str:
    """What it says to people."""
    usual = symptom.usual
    known = "not known yet" if usual < 0 else f"{usual:.0f}" if symptom.numbers else percent(usual)
    source = f"the source {symptom.source}" if symptom.source else "it"
    if not symptom.source and symptom.campaign:
        source = f"the campaign {symptom.campaign}"
    text = symptom.text.format(
        who=who(service),
        source=source,
        provider=(symptom.provider or "a provider").capitalize(),
        principal=symptom.principal,
        reason=symptom.reason,
        bad=symptom.bad,
        of=symptom.of,
        share=percent(share(symptom.bad, symptom.of)),
        usual=known,
    )
    return text[0].upper() + text[1:]


def who(service: str) -> str:
    """A service as people call it; the empty one is all of them."""
    return service or "all services together"


def percent(part: float) -> str:
    """A share as people read it: 41 %, 2.5 %, 0.14 %."""
    digits = 0 if part >= 0.1 else 1 if part >= 0.01 else 2
    return f"{part * 100:.{digits}f} %"
