"""The story of one verdict, as values. Pure."""

from typing import Any

from msgspec import Struct, to_builtins

from sidestep.schemas import IntentEvidence, Verdict
from sidestep.streams.explain.witness import Witnessed

SECRET = ("id_key", "content_key", "recipient_key", "former", "token")
"""Fields of evidence that say nothing to people, and should be in few hands."""


class OtherVerdict(Struct, frozen=True):
    """Another verdict on the same id."""

    attempt: int
    action: str
    rule: str
    """The first one; empty: none."""
    decided_at: float
    place: str


class VerdictStory(Struct, frozen=True, kw_only=True):
    """Everything about one verdict."""

    verdict: Verdict
    place: str
    """TOPIC/PARTITION/OFFSET, of the verdict."""
    evidence: IntentEvidence | None = None
    """None: it is not retained any more."""
    seen: Witnessed | None = None
    """None: it could not be judged again, …"""
    unseen: str = ""
    """… for this reason."""
    difference: str = ""
    """Between the verdict in Kafka and the fold's; empty: they are the same, octet by octet, or it was not folded."""
    began: int = 0
    """Offset of the log at which folding began."""
    folded: int = 0
    """Records folded on the way."""
    others: tuple[OtherVerdict, ...] = ()

    @property
    def proved(self) -> bool:
        """The log says what stands in Kafka."""
        return self.seen is not None and not self.difference

    @property
    def evidence_place(self) -> str:
        """TOPIC/PARTITION/OFFSET."""
        position = self.verdict.evidence
        return f"{position.topic}/{position.partition}/{position.offset}"


class UnjudgedStory(Struct, frozen=True, kw_only=True):
    """What is known of an id on which no verdict was found."""

    service: str
    id: str
    attempt: int | None = None
    others: tuple[OtherVerdict, ...] = ()
    """On other attempts."""
    evidence: str = ""
    """Where evidence waits for Decide; empty: none was found."""
    intent: str = ""
    """Where its intent lies that Screen has not passed on."""
    dead_letters: tuple[tuple[str, str], ...] = ()
    """Where a dead letter of it lies, and why it is one."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at, and why."""


def as_json(story: VerdictStory) -> dict[str, Any]:
    """For programs."""
    evidence, seen = story.evidence, story.seen
    fields: dict[str, Any] = {
        "verdict": to_builtins(story.verdict),
        "places": {
            "intent": evidence.origin if evidence is not None else "",
            "evidence": story.evidence_place,
            "verdict": story.place,
        },
        "proved": story.proved,
        "difference": story.difference,
        "unseen": story.unseen,
        "folded": {"from": story.began, "records": story.folded},
        "others": to_builtins(story.others),
    }
    if evidence is not None:
        fields["evidence"] = {name: value for name, value in to_builtins(evidence).items() if name not in SECRET}
    if seen is not None:
        fields["rules"] = to_builtins(seen.steps)
        fields["limits"] = [level._asdict() for level in seen.limits]
        fields["risk"] = {"policy": seen.base, "signals": to_builtins(seen.signals)}
        rows = {"recipient": seen.recipient, "domain": seen.domain, "source": seen.source}
        fields["before"] = {name: None if row is None else known_of(row) for name, row in rows.items()}
    return fields


def known_of(row: Struct) -> dict[str, Any]:
    """What a row says by name, without what it does not know."""
    return {name: to_builtins(value) for name in row.__struct_fields__ if (value := getattr(row, name))}


def unjudged_json(story: UnjudgedStory) -> dict[str, Any]:
    """For programs: an object without a verdict."""
    return {"verdict": None, **to_builtins(story)}
