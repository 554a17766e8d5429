"""The story of a verdict in plain words, for whose mail was stopped and for who helps. Pure.

Sections of lines of at most WIDTH columns. Whatever somebody else has written goes through `printable`.
"""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from click import style

from sidestep.schemas import IntentEvidence, Verdict
from sidestep.streams.decide.risk import LEARNT
from sidestep.streams.decide.rules.case import span
from sidestep.streams.decide.rules.compared import dns_answer
from sidestep.streams.decide.tables import DomainRow, RecipientRow
from sidestep.streams.explain.events import LifeEvent
from sidestep.streams.explain.lives import Fact, domain_facts, recipient_facts, source_facts
from sidestep.streams.explain.story import OtherVerdict, UnjudgedStory, VerdictStory
from sidestep.streams.explain.witness import RuleStep, Witnessed
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.terminal import printable

WIDTH = 100
"""Columns."""
FAR = 10_000
"""Records: to fold more of them takes longer than two seconds."""
NAMES = 18
"""Columns of what a line is about."""
RULE, OUTCOME = 24, 10
COLOURS = {"send": "green", "defer": "yellow", "drop": "red", "stops": "red", "flags": "yellow"}
MEANING = {
    "send": "APPROVED: send it",
    "drop": "REJECTED: never send it",
    "defer": "DEFERRED: offer it again",
}


def told(story: VerdictStory) -> Iterator[str]:
    """The whole story."""
    verdict, evidence, seen = story.verdict, story.evidence, story.seen
    yield from _head(verdict)
    yield from _section("Why", _why(verdict))
    if evidence is not None:
        yield from _section("The message", _facts(_message(evidence)))
        yield from _section("What was found out, and how old each answer was", _facts(_evidence(evidence)))
    if seen is not None:
        yield from _section("The address, just before", _facts(recipient_facts(seen.recipient)))
        yield from _section("Its domain, just before", _facts(domain_facts(seen.domain, seen.now)))
        if seen.source is not None:
            yield from _section("The source of the address", _facts(source_facts(seen.source)))
        yield from _section("Every rule, in order", _steps(seen.steps))
        yield from _section("The risk that it is a spam trap", _facts(_risk(verdict, seen)))
    yield from _section("Judged with", _facts(_versions(verdict)))
    yield from _section("Where it all stands", _facts(_places(story)))
    if story.others:
        yield from _section("Other verdicts on this id", _facts(map(_other, story.others)))
    yield from _section("Proof", _proof(story))


def told_shortly(story: VerdictStory) -> Iterator[str]:
    """The same in a few lines."""
    yield from _head(story.verdict)
    yield from _why(story.verdict)
    if story.seen is not None:
        yield from _facts([("rules", _counted(story.seen.steps))])
    yield from _facts([("stands at", f"{story.place}, from {story.evidence_place}")])
    yield from _proof(story)


def told_unjudged(story: UnjudgedStory) -> Iterator[str]:
    """Why there is no verdict to tell of."""
    about = f"{story.service} {story.id}" + (f", attempt {story.attempt}" if story.attempt is not None else "")
    yield style(printable(f"{about}: no verdict"), bold=True)
    for place, why in story.dead_letters:
        yield from _wrapped(f"It could not be read and became a dead letter ({why}): {place}", "  ")
    if story.evidence:
        yield from _wrapped(f"Screen has passed it on, and Decide has not judged it yet: {story.evidence}", "  ")
    elif story.intent:
        yield from _wrapped(f"It was published, and Screen has written no evidence of it: {story.intent}", "  ")
    elif not story.dead_letters and not story.others:
        yield from _wrapped("Nothing with this id is there: was it published, by this service and with this id?", "  ")
    for why in story.unseen:
        yield from _wrapped(why, "  ")
    if story.others:
        yield from _section("Verdicts on this id", _facts(map(_other, story.others)))


def told_life(
    recipient: RecipientRow | None,
    domain: DomainRow | None,
    events: Sequence[LifeEvent],
    earlier: int = 0,
    of_mailbox: bool = True,
) -> Iterator[str]:
    """What is known of a mailbox and of its domain, or of a domain alone."""
    if of_mailbox:
        yield from _section("The address, now", _facts(recipient_facts(recipient)))
    yield from _section("The domain, now", _facts(domain_facts(domain)))
    yield from _section("Of late, in the log", _events(events, earlier))


def _events(events: Sequence[LifeEvent], earlier: int) -> Iterator[str]:
    if earlier:
        yield f"  {earlier:,} earlier ones"
    if not events:
        yield "  nothing"
    for event in events:
        yield from _wrapped(f"{event.what}{f': {event.verdict}' if event.verdict else ''}", f"  {rfc3339(event.at)}  ")


def _head(verdict: Verdict) -> Iterator[str]:
    meaning = MEANING[verdict.action]
    if verdict.retry_at is not None:
        meaning += f" from {rfc3339(round(verdict.retry_at * 1000))} on, as attempt {verdict.attempt + 1}"
    attempt = f", attempt {verdict.attempt}" if verdict.attempt > 1 else ""
    about = printable(f"{verdict.service} {verdict.id}{attempt}{' (a test)' if verdict.test else ''}")
    yield style(about, bold=True)
    yield style(meaning, fg=COLOURS[verdict.action], bold=True)
    yield from _wrapped(f"to {verdict.to}, decided {rfc3339(round(verdict.decided_at * 1000))}", "")


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield style(title, bold=True)
    yield from lines


def _facts(facts: Iterable[Fact]) -> Iterator[str]:
    for name, text in facts:
        yield from _wrapped(text, f"  {name:<{NAMES}}")


def _wrapped(text: str, head: str) -> Iterator[str]:
    """A text in lines of WIDTH columns, the later ones below the first one's text."""
    rest = " " * len(head)
    lines = wrap(printable(text), WIDTH - len(head), break_on_hyphens=False) or [""]
    yield printable(head + lines[0]).rstrip()
    for line in lines[1:]:
        yield rest + line


def _why(verdict: Verdict) -> Iterator[str]:
    if not verdict.rules:
        yield "  No rule has anything against it."
    for number, rule in enumerate(verdict.rules):
        # the first one decides, unless it goes out all the same
        told_only = "" if number == 0 and verdict.action != "send" else " (told, stops nothing)"
        yield from _wrapped(f"{rule.text}{told_only}", f"  {rule.id:<{RULE}}")
    if verdict.suggestion:
        yield from _wrapped(f"{verdict.suggestion} was probably meant", f"  {'suggestion':<{RULE}}")


def _message(evidence: IntentEvidence) -> Iterator[Fact]:
    yield "offered", f"{rfc3339(evidence.at)}, as attempt {evidence.attempt}"
    for name in ("stream", "campaign", "source"):
        if value := getattr(evidence, name):
            yield name, value
    if evidence.created_at:
        yield "created", rfc3339(evidence.created_at)
    if evidence.consent_at:
        yield "consent", f"{rfc3339(evidence.consent_at)}, {_age(evidence, evidence.consent_at)} before"
    yield (
        "who says so",
        f"proved by {evidence.proved}" if evidence.proved else "nothing proves it",
    )
    if evidence.claimed:
        yield "claimed", "others can prove that they are this service: its history is not this one's"


def _evidence(evidence: IntentEvidence) -> Iterator[Fact]:
    yield "address", evidence.syntax or "well-formed"
    mx, mailbox = evidence.mx, evidence.mailbox
    if mx is not None:
        yield "DNS", f"{dns_answer(mx)}; {_asked(evidence, mx.checked_at, mx.ttl)}"
    if mailbox is not None:
        said = f"{mailbox.outcome} ({mailbox.reason})"
        yield "mailbox's server", f"{said}; {_asked(evidence, mailbox.checked_at, mailbox.ttl)}"
    yield "lists", "; ".join(_listing(*each) for each in _listed(evidence)) or "none names it"
    yield "classes", ", ".join(evidence.classes) or "none"


def _listed(evidence: IntentEvidence) -> Iterator[tuple[str, str, str, str]]:
    for one in evidence.listed:
        doubt = ", with doubt" if one.suspect else f", of its server {one.exchange}" if one.exchange else ""
        yield one.list, one.reason or "listed", one.entry, f"version {one.version}{doubt}"


def _listing(name: str, reason: str, entry: str, more: str) -> str:
    return f"{name} ({reason}: {entry}, {more})"


def _asked(evidence: IntentEvidence, checked_at: int, ttl: int) -> str:
    if not checked_at:
        return "when it was asked is not known"
    return f"asked {_age(evidence, checked_at)} before, holds {span(ttl)}"


def _age(evidence: IntentEvidence, at: int) -> str:
    return span(max(0, (evidence.at - at) // 1000))


def _steps(steps: Iterable[RuleStep]) -> Iterator[str]:
    for step in steps:
        head = f"  {step.rule:<{RULE}}{step.outcome:<{OUTCOME}}"
        lines = list(_wrapped(step.compared or "-", head))
        colour = COLOURS.get(step.outcome)
        lines[0] = lines[0].replace(step.outcome, style(step.outcome, fg=colour), 1) if colour else lines[0]
        yield from lines


def _counted(steps: list[RuleStep]) -> str:
    asked = [step for step in steps if step.outcome in ("stops", "flags", "no")]
    spoke = [step.rule for step in asked if step.outcome != "no"]
    return f"{len(asked)} asked, {', '.join(spoke) or 'none of them'} applied"


def _risk(verdict: Verdict, seen: Witnessed) -> Iterator[Fact]:
    parts = ", ".join(f"{name} {share:.3f}" for name, share in verdict.risk_parts.items() if name != LEARNT)
    yield "whole", f"{verdict.risk:.3f} from 0 to 1" + (f": {parts}" if parts else ": nothing speaks for it")
    for signal in seen.signals:
        if signal.part:
            yield signal.name, f"weighs {signal.weight:g}, in the part {signal.part}"
        else:
            yield signal.name, f"weighs {signal.weight:g}: it speaks for a person"
    if learnt := verdict.risk_parts.get(LEARNT):
        yield "learnt", f"{learnt:+.3f}: what became of such messages; {seen.base:.3f} by the policy alone"


def _versions(verdict: Verdict) -> Iterator[Fact]:
    versions = verdict.versions
    for name in ("policy", "lists", "model", "engine"):
        yield name, getattr(versions, name) or "none"


def _places(story: VerdictStory) -> Iterator[Fact]:
    if story.evidence is not None:
        yield "intent", story.evidence.origin or "not known"
    gone = "" if story.evidence is not None else ", which is not retained any more"
    yield "evidence", f"{story.evidence_place}{gone}"
    yield "verdict", story.place


def _other(other: OtherVerdict) -> Fact:
    why = f" ({other.rule})" if other.rule else ""
    return f"attempt {other.attempt}", f"{other.action}{why}, {rfc3339(round(other.decided_at * 1000))}, {other.place}"


def _proof(story: VerdictStory) -> Iterator[str]:
    if story.seen is None:
        for line in f"It was not judged again: {story.unseen}".splitlines():
            yield from _wrapped(line.strip(), "  ")
    elif story.difference:
        text = (
            f"THE VERDICT IN KAFKA IS NOT WHAT FOLLOWS FROM THE LOG: {story.difference}. What stands above is told of "
        )
        lines = _wrapped(f"{text}the log. Run sidestep audit", "  ")
        yield from (style(line, fg="red") for line in lines)
    else:
        text = f"the log, folded again from offset {story.began} ({story.folded:,} records), says the same"
        yield from _wrapped(f"{text} verdict, octet by octet", "  ")
    if story.folded > FAR:
        text = f"no snapshot lies nearer before it than {story.folded:,} records: with one this takes a second or two. "
        yield from _wrapped(f"{text}Workers take them each SIDESTEP_SNAPSHOT_INTERVAL, sidestep snapshot at once", "  ")
