"""Cases of a policy, as TOML has them: an intent, what has happened before it, and what the verdict must be. Pure.

A policy has its own under [[cases]]; beside each rule's reason stands one that meets it (rules/reasons.toml). They are
run by case_run.py; the fold knows nothing of them.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from sidestep.schemas.typed import as_type

Happening = Literal[
    "intent", "hard-bounce", "soft-bounce", "suspended", "blocked", "too-fast", "complaint", "not-spam", "delivered",
    "opened", "clicked", "replied", "unsubscribed", "subscribed", "hold", "source-hold", "suppressed", "trap",
    "stray-bounce",
]  # fmt: skip
"""Intents and feedback are about the case's recipient, unless `to` says otherwise; holds about its service."""
Mx = Literal[
    "yes", "address", "nxdomain", "null-mx", "no-address", "no-global-address", "no-usable-mx", "dangling-mx",
    "mx-not-global", "spf-refuses-all", "timeout", "servfail",
]  # fmt: skip
"""What DNS says of the domain: mail is taken (the first two), is not, or nobody knows (the last two)."""
Mailbox = Literal["", "no-such-mailbox", "disabled", "accepted", "catch-all"]
Name = Annotated[str, Meta(max_length=254)]
TIMES_MAX = 2_000


class Listed(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A listing of a case."""

    list: Name
    reason: Name = ""
    entry: Name = ""
    """Empty: the domain."""
    suspect: bool = False
    exchange: Name = ""


class Before(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What has happened before a case's intent."""

    what: Happening
    days: Annotated[float, Meta(ge=0, le=3650)] = 1
    """Before the intent."""
    times: Annotated[int, Meta(ge=1, le=TIMES_MAX)] = 1
    to: Name = ""
    """`{n}` in it is the number of the time, from 1."""
    service: Name = ""
    stream: Name = ""
    source: Name = ""
    campaign: Name = ""
    test: bool = False
    mx: Mx = "yes"
    provider: Name = ""
    reason: Name = ""
    """Of holds, suppressions and reports of traps."""


class CaseText(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An intent and what has happened before it."""

    to: Name = "jane@example.com"
    service: Name = "shop"
    stream: Name = ""
    source: Name = ""
    campaign: Name = ""
    test: bool = False
    attempt: Annotated[int, Meta(ge=1, le=1000)] = 1
    classes: tuple[Name, ...] = ()
    """As docs/addresses.md has them."""
    suggestion: Name = ""
    syntax: Name = ""
    mx: Mx = "yes"
    provider: Name = ""
    """MX provider."""
    mailbox: Mailbox = ""
    listed: tuple[Listed, ...] = ()
    consented: Annotated[float, Meta(ge=0, le=3650)] | None = None
    """Days before the intent."""
    expires: Annotated[float, Meta(ge=-3650, le=3650)] | None = None
    """Days after the intent; below 0: before it."""
    before: Annotated[tuple[Before, ...], Meta(max_length=100)] = ()
    expect: Literal["send", "defer", "drop"]


class PolicyCase(CaseText, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A case of a policy's own."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    rule: str | None = None
    """The first rule that the verdict names; empty: none; left out: any."""


class RuleCase(CaseText, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The case of a rule, as the shipped policy judges it. The verdict names the rule."""

    says: str
    """The rule's sentence."""
    limits: dict[str, dict[str, str]] = {}
    """Limits that the policy has besides: of those that ship some are too wide for a case, some are none."""
    warm_up: tuple[str, ...] = ()
    """Services that warm up."""


CASES_MAX = 200
EVENTS_MAX = 20_000
"""Of all cases together: workers run them when a policy comes, and half a second is enough for that."""


def case_problems(cases: Any) -> list[str]:
    """What is wrong with the shape of [[cases]], one sentence each."""
    if not isinstance(cases, list) or len(cases) > CASES_MAX:
        return [f"[[cases]]: expected at most {CASES_MAX} tables"]
    faults = [fault for number, case in enumerate(cases, start=1) if (fault := _problem(number, case))]
    if not faults and sum(before.times for case in policy_cases(cases) for before in case.before) > EVENTS_MAX:
        faults.append(f"[[cases]]: more than {EVENTS_MAX:,} things happen in all of them; lower some `times`")
    return faults


def policy_cases(cases: list[Any]) -> list[PolicyCase]:
    """Cases without problems, as values."""
    return as_type(cases, list[PolicyCase])


def _problem(number: int, case: Any) -> str:
    try:
        as_type(case, PolicyCase)
    except msgspec.ValidationError as error:
        name = case.get("name", "") if isinstance(case, dict) else ""
        named = f" {name!r}" if isinstance(name, str) and name else ""
        return f"[[cases]] number {number}{named}: {str(error).replace(' - at `$.', ' in `')}"
    return ""
