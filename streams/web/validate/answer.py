"""The answerer of /v1/validate: results that look like verdicts, from what is known of an address. Pure.

The same policy and the same ladder as Decide's, with nobody's history: rule ids and sentences equal those of verdicts.
What only the ledger knows (bounces, complaints, limits) is not in it, unless who asks gives what may be told of it.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import astuple

from sidestep.schemas import FiredRule, IntentEvidence, Versions
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.rules.case import NEVER, Case, Finding
from sidestep.streams.decide.rules.ladder import Ladder
from sidestep.streams.decide.tables import DomainRow, RecipientRow
from sidestep.streams.screen.check import Checked, check
from sidestep.streams.screen.findings import Findings, Subject
from sidestep.streams.screen.lists.classes import Lists, version_of_lists
from sidestep.streams.screen.sources.answers import Answers

ResultOutcome = Literal["approved", "rejected", "unknown"]
Told = Callable[[IntentEvidence, int], tuple[RecipientRow, DomainRow]]
"""What may be told of a mailbox and its domain to who asks about this evidence, at a time (seconds since 1970)."""


def nothing_told(_evidence: IntentEvidence, _now: int) -> tuple[RecipientRow, DomainRow]:
    """Nobody's history."""
    return NEVER, DomainRow()


class Result(Checked, frozen=True, kw_only=True):
    """A result about an address: all that `sidestep check-address` reports, and what the policy makes of that."""

    outcome: ResultOutcome
    """approved, rejected, or unknown: an intent would be deferred, because what is missing may be known soon."""
    rules: tuple[FiredRule, ...]
    """The rule that stopped the address, then those that were flagged on the way."""
    versions: Versions


class Results(Struct, frozen=True):
    """The results of a request about several addresses, in its order."""

    results: list[Result]


class CurrentVersions:
    """The versions of policy and lists that answers follow from: worked out anew only where a feed has changed."""

    def __init__(self, policy: str, lists: Mapping[str, str], feeds: Callable[[], Mapping[str, str]] = dict) -> None:
        """`lists` are the versions of those that ship, `feeds` gives those of the feeds in use."""
        self._policy = policy
        self._lists = dict(lists)
        self._feeds = feeds
        self._seen: Mapping[str, str] = feeds()
        self._versions = self._work_out()

    def judge_by(self, policy: str) -> None:
        """Answers follow from another policy from now on."""
        self._policy = policy
        self._versions = self._work_out()

    def in_force(self) -> Versions:
        """The versions as of now."""
        seen = self._feeds()
        if seen is not self._seen and seen != self._seen:
            self._seen = seen
            self._versions = self._work_out()
        return self._versions

    def _work_out(self) -> Versions:
        return Versions(self._policy, version_of_lists(self._lists | dict(self._seen)), engine=ENGINE)


class Answerer:
    """Answers by the policy and the lists of one process."""

    def __init__(self, policy: Policy, lists: Lists, versions: CurrentVersions) -> None:
        self._versions = versions
        self._policy = policy
        self._ladder = Ladder(policy)
        self._lists = lists

    def judge_by(self, policy: Policy) -> None:
        """Answer by another policy from now on."""
        self._policy, self._ladder = policy, Ladder(policy)
        self._versions.judge_by(policy.version)

    def result(
        self, about: Subject, answers: Answers, found: Findings, stream: str, now: int, told: Told = nothing_told
    ) -> Result:
        """The result about an address. `now`: seconds since 1970, of which sentences tell when to offer it again."""
        checked = check(about, answers, found, self._lists)
        evidence = _evidence(checked, about, answers, stream, now)
        recipient, domain = told(evidence, now)
        case = Case(evidence, recipient, None, self._policy, now, domain)
        stop, flags = self._ladder.judge(case)
        # by position: Result begins with the fields of Checked
        rules = _fired(stop, flags)
        return Result(*astuple(checked), outcome=_outcome(stop), rules=rules, versions=self._versions.in_force())


def _evidence(checked: Checked, about: Subject, answers: Answers, stream: str, now: int) -> IntentEvidence:
    return IntentEvidence(
        id="",
        service="",
        to=about.text,
        at=now * 1000,
        domain=checked.domain,
        id_key=b"",
        content_key=b"",
        recipient_key=b"",
        mx=answers.mx if about.domain else None,  # as Screen: nobody is asked about an address that is refused
        syntax=checked.reason,
        classes=checked.classes,
        suggestion=checked.suggestion or "",
        stream=stream,
        listed=answers.listed,
        mailbox=answers.mailbox,
    )


def _outcome(stop: Finding | None) -> ResultOutcome:
    if stop is None:
        return "approved"
    return "unknown" if stop.retry_us else "rejected"  # as the fold tells a deferral from a rejection


def _fired(stop: Finding | None, flags: list[Finding]) -> tuple[FiredRule, ...]:
    findings = flags if stop is None else [stop, *flags]
    return tuple(FiredRule(finding.rule, finding.text) for finding in findings)
