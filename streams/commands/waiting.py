"""Which deferred intents wait to be offered again, as verdicts tell, and how that is shown. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sidestep.schemas.verdicts import Verdict
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.terminal import json_line, lined_up, printable

OVERDUE_SECONDS = 300.0
"""After `retry_at`: who offers again looks now and then, and what it offers has to be judged."""
LATEST = 1e12
"""Unix seconds: no verdict of ours has a later time, and a stranger's must not hide the others."""

IntentName = tuple[str, str, bool]
"""Service, id, and whether the service was proved: a claim has ids of its own."""


class DeferredIntents:
    """The last deferral of each intent that had no other verdict after it. Verdicts of a partition come in order."""

    def __init__(self, services: Iterable[str] = ()):
        """`services`: only of these; empty: of all."""
        self._services = frozenset(services)
        self._waiting: dict[IntentName, Verdict] = {}

    def take(self, verdict: Verdict) -> None:
        """A verdict of either topic. Tests are passed over: nothing is sent of them."""
        if verdict.test or (self._services and verdict.service not in self._services):
            return
        name = verdict.service, verdict.id, bool(verdict.proved)
        if verdict.action == "defer":
            known = self._waiting.get(name)
            if known is None or _turn(known) < _turn(verdict):
                self._waiting[name] = verdict
        elif name in self._waiting and _turn(self._waiting[name]) < _turn(verdict) and not verdict.refuses_another:
            del self._waiting[name]

    def in_order(self) -> list[Verdict]:
        """The first to be offered again comes first."""
        return sorted(self._waiting.values(), key=lambda verdict: (due_at(verdict), verdict.service, verdict.id))


def _turn(verdict: Verdict) -> tuple[float, int]:
    return verdict.decided_at, verdict.attempt


def due_at(verdict: Verdict) -> float:
    """When it may be offered again, Unix seconds."""
    return verdict.decided_at if verdict.retry_at is None else verdict.retry_at


def state_of(verdict: Verdict, now: float) -> str:
    """waiting; overdue: nobody has offered it again in time; expired: it would be dropped. `now`: Unix seconds."""
    if verdict.expires_at is not None and verdict.expires_at <= now:
        return "expired"
    return "overdue" if due_at(verdict) + OVERDUE_SECONDS <= now else "waiting"


@dataclass
class WaitingGroup:
    """Deferred intents of a service that wait for the same reason."""

    service: str
    rule: str
    first: float
    """When the first of them may be offered again, Unix seconds; likewise:"""
    last: float
    intents: int = 0
    overdue: int = 0
    expired: int = 0

    def add(self, verdict: Verdict, now: float) -> None:
        """One more."""
        state = state_of(verdict, now)
        self.intents += 1
        self.overdue += state == "overdue"
        self.expired += state == "expired"
        self.first, self.last = min(self.first, due_at(verdict)), max(self.last, due_at(verdict))


def grouped(waiting: Iterable[Verdict], now: float) -> list[WaitingGroup]:
    """By service and deciding rule, the largest first."""
    groups: dict[tuple[str, str], WaitingGroup] = {}
    for verdict in waiting:
        place, due = (verdict.service, _rule(verdict)), due_at(verdict)
        groups.setdefault(place, WaitingGroup(*place, due, due)).add(verdict, now)
    return sorted(groups.values(), key=lambda group: (-group.intents, group.service, group.rule))


def _rule(verdict: Verdict) -> str:
    return verdict.rules[0].id if verdict.rules else "-"


def table(groups: Sequence[WaitingGroup]) -> Iterator[str]:
    """For people, a line each."""
    if not groups:
        yield "nothing waits"
        return
    rows = [("service", "why", "intents", "overdue", "expired", "offered again from", "to")]
    rows += [
        (
            printable(group.service),
            printable(group.rule),
            f"{group.intents:,}",
            f"{group.overdue:,}",
            f"{group.expired:,}",
            _clock(group.first),
            _clock(group.last),
        )
        for group in groups
    ]
    yield from lined_up(rows, (2, 3, 4))


def group_json(group: WaitingGroup) -> str:
    """For programs."""
    return json_line(
        {
            "service": group.service,
            "rule": group.rule,
            "intents": group.intents,
            "overdue": group.overdue,
            "expired": group.expired,
            "first_retry_at": group.first,
            "last_retry_at": group.last,
        }
    )


def as_line(verdict: Verdict, now: float) -> str:
    """One of many: when it may be offered again, how it stands, whose it is and why. No address."""
    who = f"{verdict.service}/{verdict.id} attempt {verdict.attempt}"
    until = f", expires {_clock(verdict.expires_at)}" if verdict.expires_at is not None else ""
    why = verdict.rules[0].text if verdict.rules else "no reason is given"
    told = printable(f"{who}{until}  [{_rule(verdict)}: {why}]")
    return f"{_clock(due_at(verdict))}  {state_of(verdict, now):<7}  {told}"


def as_json_line(verdict: Verdict, now: float) -> str:
    """The same, for programs."""
    return json_line(
        {
            "service": verdict.service,
            "id": verdict.id,
            "attempt": verdict.attempt,
            "proved": verdict.proved,
            "state": state_of(verdict, now),
            "retry_at": due_at(verdict),
            "expires_at": verdict.expires_at,
            "decided_at": verdict.decided_at,
            "rule": _rule(verdict),
            "text": verdict.rules[0].text if verdict.rules else "",
        }
    )


def _clock(second: float) -> str:
    return rfc3339(int(min(second, LATEST) * 1000))
