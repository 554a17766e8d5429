"""The verdicts on intents that were just published: those that come, and those that ids which are known have had."""

import time
from collections.abc import Callable, Iterator

import click

from sidestep.schemas.intents import EmailIntent
from sidestep.schemas.verdicts import Verdict
from sidestep.streams.terminal import printable
from sidestep.topics.beginnings import Since
from sidestep.topics.catalog import APPROVED, REJECTED
from sidestep.topics.connection import Connection
from sidestep.topics.received import Received
from sidestep.topics.subscribe import Subscription

KNOWN_MS = 8 * 24 * 60 * 60 * 1000
"""For so long Decide passes over an id that it knows (docs/decisions/004-known-ids.md)."""
PATIENCE = 3.0
"""Seconds without a verdict until the past is looked at: a known id never has one."""

Attempt = tuple[str, str, int, bool]
"""Service, id, attempt and whether it is a test: what one verdict is on."""
Show = Callable[[Received], None]


class Awaited:
    """Intents that have no verdict yet."""

    def __init__(self) -> None:
        self._intents: dict[Attempt, EmailIntent] = {}

    def __bool__(self) -> bool:
        return bool(self._intents)

    def __iter__(self) -> Iterator[Attempt]:
        return iter(self._intents)

    def add(self, intent: EmailIntent) -> None:
        """One that was published; the same again is the same."""
        self._intents[intent.service, intent.id, intent.attempt, intent.test] = intent

    def take(self, verdict: Verdict) -> bool:
        """Whether somebody waits for this verdict; nobody does any more."""
        return self._intents.pop(_attempt_of(verdict), None) is not None

    def take_known(self, verdict: Verdict) -> bool:
        """The same for one that is old: it answers the intent only if it is on the same content. Another content under
        its id will have a verdict of its own."""
        intent = self._intents.get(_attempt_of(verdict))
        return intent is not None and _is_on(verdict, intent) and self.take(verdict)


def wait_for(answers: Subscription, connection: Connection, awaited: Awaited, timeout: float, show: Show) -> None:
    """Shows the verdicts as they come, until all are there or none has come for `timeout` seconds."""
    heard = time.monotonic()
    looked = False
    while awaited and time.monotonic() - heard < timeout:
        for record in answers.batch(500, 0.2):
            if isinstance(record.value, Verdict) and awaited.take(record.value):
                heard = time.monotonic()
                show(record)
        if not looked and time.monotonic() - heard > min(PATIENCE, timeout / 2):
            looked = True
            _look_back(connection, awaited, show)
            heard = time.monotonic()


def _look_back(connection: Connection, awaited: Awaited, show: Show) -> None:
    since = Since(int(time.time() * 1000) - KNOWN_MS)
    with Subscription(connection, [APPROVED.name, REJECTED.name], start=since) as past:
        while awaited and not past.caught_up:
            for record in past.batch(500, 0.2):
                verdict = record.value
                if isinstance(verdict, Verdict) and awaited.take_known(verdict):
                    which = printable(f"{verdict.service}/{verdict.id}")
                    click.echo(f"{which}: known id, so there is no second verdict; its verdict was", err=True)
                    show(record)


def _attempt_of(verdict: Verdict) -> Attempt:
    return verdict.service, verdict.id, verdict.attempt, verdict.test


def _is_on(verdict: Verdict, intent: EmailIntent) -> bool:
    """Whether it is on what the intent says, as far as an id stands for it."""
    said = verdict.to, verdict.stream, verdict.campaign, verdict.source, verdict.metadata
    return said == (intent.to, intent.stream, intent.campaign, intent.source, intent.metadata)
