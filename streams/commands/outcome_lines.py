"""What Screen reads in a record of feedback, and outcomes as lines for people: `sidestep parse-feedback` and `tail`.
Pure."""

from sidestep.schemas.framed import frames
from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.parse import parse
from sidestep.streams.terminal import printable


def outcomes_in(octets: bytes, content_type: str) -> list[Outcome]:
    """Of a report or a webhook's body, inside of a frame, too; at least one."""
    inside = frames(octets)
    return parse(inside[-1].value, inside[-1].form) if inside else parse(octets, content_type)


def outcome_line(outcome: Outcome) -> str:
    """What happened, to whom, how it was understood, and to which intent."""
    final = "hard" if outcome.hard else "soft" if outcome.kind == "bounce" else ""
    words = (
        outcome.kind,
        outcome.event if outcome.event != outcome.kind else "",
        outcome.recipient or "-",
        outcome.reason,
        final,
        outcome.scope,
        outcome.status,
        f"({outcome.rule})",
        f"intent {'/'.join(filter(None, (outcome.service, outcome.intent_id)))}" if outcome.intent_id else "",
    )
    return printable(" ".join(word for word in words if word and word != "()"))
