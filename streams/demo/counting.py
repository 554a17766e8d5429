"""Exactly one verdict for every intent? Pure: keys published against keys answered."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sidestep.streams.demo.planning import IntentKey

EXAMPLES = 5


@dataclass
class VerdictCount:
    """`lost`: published, but no verdict. `repeated`: verdicts beyond one a key. `strange`: of no intent of ours."""

    intents: int
    verdicts: int
    lost: int
    repeated: int
    strange: int
    examples: list[str] = field(default_factory=list)
    """The first few of what is wrong; what a forger got through, and verdicts that nothing proves, too."""

    @property
    def right(self) -> bool:
        """Every intent has exactly one verdict, there are no others, and nothing else is wrong."""
        counted = not (self.lost or self.repeated or self.strange) and self.verdicts == self.intents
        return counted and not self.examples

    def line(self) -> str:
        """The demo's last line."""
        return f"intents={self.intents} verdicts={self.verdicts} lost={self.lost} repeated={self.repeated}"


def count(published: Iterable[IntentKey], answered: Iterable[IntentKey]) -> VerdictCount:
    """Compare them. Publishing a key twice is the same intent twice; a verdict twice is a fault."""
    expected = set(published)
    found = Counter(answered)
    lost = expected - found.keys()
    strange = found.keys() - expected
    repeated = [key for key, times in found.items() if times > 1]
    examples = [
        *(f"lost: {_text(key)}" for key in sorted(lost)[:EXAMPLES]),
        *(f"repeated {found[key]} times: {_text(key)}" for key in sorted(repeated)[:EXAMPLES]),
        *(f"nobody asked for it: {_text(key)}" for key in sorted(strange)[:EXAMPLES]),
    ]
    extra = sum(found[key] - 1 for key in repeated)
    return VerdictCount(len(expected), found.total(), len(lost), extra, len(strange), examples)


def _text(key: IntentKey) -> str:
    return f"{key.service}/{key.id}, attempt {key.attempt}, to {key.to!r}"
