"""What is seen at the end: by service, by rule with a sentence each, what feedback did, what else happened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sidestep.schemas import Anomaly
from sidestep.streams.demo.counting import VerdictCount
from sidestep.streams.demo.display import ACTIONS, COLOURS
from sidestep.streams.demo.forger import DEAD_LETTER, Exposed
from sidestep.streams.demo.incidents import SEVERITY_COLOURS, Incidents
from sidestep.streams.demo.mailer import Mailer
from sidestep.streams.demo.model import Service
from sidestep.streams.demo.offers import Offers
from sidestep.streams.demo.planning import Plan
from sidestep.streams.demo.tally import DayTally, RuleTally
from sidestep.streams.explain.story import VerdictStory
from sidestep.streams.explain.tell import told_shortly
from sidestep.streams.terminal import printable

OUTCOMES = {"send": "flagged", "drop": "dropped", "defer": "deferred"}
FEEDBACK = (
    ("gone", "recipient-hard-bounce", "hard bounces: no such mailbox"),
    ("suspended", "recipient-suspended", "bounces: the account was disabled"),
    ("complaint", "recipient-complaint", "complaints: reported as spam"),
    ("unsubscribed", "recipient-unsubscribed", "opted out"),
)
SHOWN = 12
"""Incidents; the rest is counted."""
INDENT = 9
"""Columns: as wide as the counts before the texts."""
SIGNS_OF_LIFE = ("delivered", "opened", "clicked", "replied")


@dataclass(frozen=True)
class DaySummary:
    """The summary of a simulated day. Times are seconds."""

    plan: Plan
    tally: DayTally
    incidents: Incidents
    mailer: Mailer
    offers: Offers
    count: VerdictCount
    published: int
    dead_letters: int
    day_seconds: float
    seconds: float
    forged: Sequence[Exposed] = ()
    """What a forger has tried."""


def show(console: Console, services: Mapping[str, Service], day: DaySummary) -> None:
    """Print the summary, but for the last line."""
    console.print(_services(services, day.tally))
    console.print(_rules(day.tally))
    console.print(_incidents(day.incidents))
    console.print(_section("What feedback did", _feedback(day.mailer, day.tally)))
    console.print(_section("What went wrong on purpose", _accidents(day)))
    if day.forged:
        console.print(_forged(day))
    console.print(_section("How fast", _speed(day)))
    if not day.count.right:
        console.print(_section("WRONG", day.count.examples, "red"))


def show_story(console: Console, story: VerdictStory) -> None:
    """Print one verdict, explained in a few lines."""
    command = printable(f"sidestep explain {story.verdict.service} {story.verdict.id}")
    console.print(Text(f"One verdict, explained: {command} tells all of it", style="bold"))
    for line in told_shortly(story):
        console.print(Text.from_ansi(line), soft_wrap=True)
    console.print()


def _services(services: Mapping[str, Service], tally: DayTally) -> Table:
    table = Table(title="Verdicts by service", title_justify="left", title_style="bold", box=SIMPLE_HEAD, expand=True)
    table.add_column("service", no_wrap=True)
    table.add_column("", ratio=1, style="dim", no_wrap=True)
    table.add_column("verdicts", justify="right")
    for _, word in ACTIONS:
        table.add_column(word, justify="right")
    for name, service in services.items():
        _service_row(table, name, service.about, [tally.services[name][action] for action, _ in ACTIONS])
    table.add_section()
    _service_row(table, "all", "", [tally.actions[action] for action, _ in ACTIONS])
    return table


def _service_row(table: Table, name: str, about: str, numbers: list[int]) -> None:
    table.add_row(name, about, f"{sum(numbers):,}", *(f"{number:,}" for number in numbers))


def _rules(tally: DayTally) -> Group:
    title = Text("Rules that spoke, and what one of their verdicts said\n", style="bold")
    lines: list[RenderableType] = [title]
    for name, rule in tally.by_frequency():
        lines += _rule(name, rule)
    return Group(*lines, Text(""))


def _rule(name: str, rule: RuleTally) -> Iterable[RenderableType]:
    seen = rule.example
    assert seen is not None
    head = Text(f"{rule.count:>7,}  {name:<24}", no_wrap=True, overflow="ellipsis")
    head.append(f"{OUTCOMES[rule.usual]:<10}", COLOURS[rule.usual])
    head.append(printable(f"{seen.service} to {seen.to}"), "dim")
    yield head
    unsaid = seen.suggestion and seen.suggestion not in rule.sentence
    sentence = f"{rule.sentence} Meant: {seen.suggestion}?" if unsaid else rule.sentence
    yield Padding(Text(printable(sentence)), (0, 0, 0, INDENT))


def _incidents(incidents: Incidents) -> Group:
    title = Text("What Watch found\n", style="bold")
    lines: list[RenderableType] = [title]
    for anomaly in list(incidents.by_id.values())[:SHOWN]:
        lines += _incident(anomaly)
    more = len(incidents.by_id) - SHOWN
    return Group(
        *lines, Text(f"         and {more} more\n" if more > 0 else "" if incidents.by_id else "         nothing\n")
    )


def _incident(anomaly: Anomaly) -> Iterable[RenderableType]:
    head = Text(f"{anomaly.severity:>8} ", SEVERITY_COLOURS[anomaly.severity], no_wrap=True, overflow="ellipsis")
    what = f"{anomaly.name or 'all services'}{f', source {anomaly.source}' if anomaly.source else ''}"
    ends = "over by now" if anomaly.state == "closed" else "still open"
    held = f", {'source' if anomaly.source else 'service'} on hold" if anomaly.held_until else ""
    head.append(f"{anomaly.pattern:<20}", "default")
    head.append(printable(f"{what}: {ends}{held}"), "dim")
    yield head
    yield Padding(Text(printable(anomaly.text)), (0, 0, 0, INDENT))


def _feedback(mailer: Mailer, tally: DayTally) -> Iterable[str]:
    for kind, rule, text in FEEDBACK:
        stopped = tally.rules[rule].count if rule in tally.rules else 0
        yield f"{mailer.reported[kind]:>7,} {text}; {stopped:,} later messages to them were not sent"
    yield (
        f"{mailer.reported['blocked']:>7,} bounces that blame our server, not the person; "
        f"{mailer.sent_after_block:,} later ones to the same people approved"
    )
    signs = sum(mailer.reported[kind] for kind in SIGNS_OF_LIFE)
    yield f"{signs:>7,} signs of life (delivered, opened, clicked, replied)"
    yield f"{mailer.twice:>7,} reports of all these were delivered twice: counted once"


def _accidents(day: DaySummary) -> Iterable[str]:
    plan, offers, tally = day.plan, day.offers, day.tally
    yield f"{plan.twice:>7,} intents published twice: one verdict each"
    yield f"{plan.reused:>7,} ids used again for somebody else: a verdict of their own, rejected"
    yield f"{offers.mistaken:>7,} intents offered again although they had been approved: rejected, not sent twice"
    yield (
        f"{offers.made - offers.mistaken:>7,} deferred intents offered again when their time had come; "
        f"{tally.approved_later:,} then approved"
    )
    yield f"{plan.unreadable:>7,} records that nobody can read; {_unreadable(day):,} in email-dead-letters"


def _unreadable(day: DaySummary) -> int:
    """Dead letters, the forger's apart."""
    return day.dead_letters - sum(DEAD_LETTER in each.by for each in day.forged)


def _forged(day: DaySummary) -> Group:
    lines = [
        Text(f"        {'-' if each.stopped else '!'} {each.text}: {each.by}", "default" if each.stopped else "red")
        for each in day.forged
    ]
    proved = Text(f"{day.count.verdicts:>7,} verdicts, each with the proof of Decide's key\n")
    title = Text("What a forger tried who has a service's password and key", style="bold")
    return Group(title, *lines, *([proved] if day.count.right else []))


def _speed(day: DaySummary) -> Iterable[str]:
    tally = day.tally
    half, most = (tally.latency(share) * 1000 for share in (0.5, 0.99))
    yield (
        f"{day.published:>7,} records published and {tally.verdicts:,} verdicts read in "
        f"{day.day_seconds:.0f} s (all in all {day.seconds:.0f} s)"
    )
    yield f"{half:>7,.0f} ms from publishing to a verdict that can be read, for half of the intents,"
    yield f"{most:>7,.0f} ms for 99 of 100, waits for DNS and the burst at noon included"


def _section(title: str, lines: Iterable[str], style: str = "") -> Group:
    return Group(Text(title, style=f"bold {style}"), *(Text(line, style=style) for line in lines), Text(""))
