"""Streams of intents that a policy does not know: a slip there stops mail to people who have opted out."""

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from sidestep.schemas import EmailIntent
from sidestep.streams.decide.policy_file import decoded, read_octets
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.errors import PolicyError

TOLD = 20
"""Names that are told; the rest is counted."""


class UnknownStreams:
    """Counts intents by streams that are not among those that the policy in a file knows.

    Raises PolicyError where the file can't be used.
    """

    def __init__(self, file: Path):
        try:
            self._streams = parse(decoded(read_octets(file))).streams
        except (OSError, ValueError) as error:
            raise PolicyError(f"{file} can't be read as a policy: {error}") from None
        self._found: Counter[str] = Counter()

    def note(self, intent: EmailIntent) -> None:
        """Looks at the stream of one intent."""
        if not self._streams.knows(intent.stream):
            self._found[intent.stream] += 1

    def sentences(self) -> Iterator[str]:
        """One for each such stream, the most frequent ones first."""
        known = ", ".join(self._streams.known)
        for name, count in self._found.most_common(TOLD):
            what = f"stream {name}" if name else "no stream"
            near = get_close_matches(name.casefold(), [each.casefold() for each in self._streams.known], 1)
            meant = f"; is {near[0]} meant?" if near else ""
            intents = "1 intent has" if count == 1 else f"{count} intents have"
            yield f"{intents} {what}, which the policy does not know ({known}): opt-outs stop it{meant}"
        if len(self._found) > TOLD:
            yield f"{len(self._found) - TOLD} more streams are not known"
