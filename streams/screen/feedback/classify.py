"""The classifier of bounces: why a message came back, by rules that are data, in the order of order.toml. Pure."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.phrase_index import RuleIndex
from sidestep.streams.screen.feedback.phrases import parse_phrase
from sidestep.streams.screen.feedback.rules import BounceRule, Facts


class Ruling(NamedTuple):
    """The reason of a bounce, and what decided: a rule of the files, or `status 5.1.1`, `reply 525` and such."""

    reason: str
    rule: str
    on: Diagnostic | None = None
    """What it was made on; None where nobody asks."""


@dataclass(frozen=True, slots=True)
class OrderStep:
    """A step of order.toml."""

    reason: str = ""
    phrases: tuple[str, ...] = ()
    rules: str = ""
    by_status: bool = False
    by_reply: tuple[str, ...] = ()
    stands_for: tuple[str, ...] | None = None
    stands_not: tuple[str, ...] = ()
    command: tuple[str, ...] | None = None
    command_not: tuple[str, ...] = ()
    kind: str = ""
    action: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    @property
    def by_words(self) -> bool:
        """Whether phrases alone can decide."""
        return bool(self.phrases) and not self.by_status and not self.by_reply


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """A provider whose hosts (suffixes) speak a dialect of their own, and the rules of that dialect."""

    name: str
    hosts: tuple[str, ...]
    rules: tuple[BounceRule, ...]

    def serves(self, host: str) -> bool:
        """Whether the host is one of the provider's."""
        return host.endswith(self.hosts)


class Classifier:
    """The rules of all files, compiled."""

    def __init__(self, texts: Mapping[str, str]):
        self.phrases = _tables(texts["phrases.toml"]) | _tables(texts["wide.toml"], WIDE)
        self.steps = tuple(_step(step) for step in tomllib.loads(texts["order.toml"])["step"])
        self.statuses: Mapping[str, str] = tomllib.loads(texts["statuses.toml"])
        providers = (text for name, text in texts.items() if name not in FILES)
        self.providers = tuple(_provider(tomllib.loads(text)) for text in providers)
        self.groups = _groups(texts["mtas.toml"]) | _plain(texts["plain.toml"])
        self.index = RuleIndex({rule.name: rule.wanted for rule in self.every_rule()})
        self._tables = {rule.name: table for table, rules in self.phrases.items() for rule in rules}
        self._steps = tuple((step, step.phrases if step.by_words else ()) for step in self.steps)

    def every_rule(self) -> Iterator[BounceRule]:
        """The rules of all files."""
        for group in (self.phrases, self.groups):
            for listed in group.values():
                yield from listed
        for provider in self.providers:
            yield from provider.rules

    def classify(self, diagnostic: Diagnostic) -> Ruling:
        """The ruling on a diagnostic: `undefined` where it says nothing, `onhold` where no rule knows what it means."""
        return next(self.rulings(diagnostic))

    def rulings(self, diagnostic: Diagnostic) -> Iterator[Ruling]:
        """All rulings for which something speaks, in the order in which they are weighed: the first decides. The last
        is what is left where nothing speaks for any."""
        facts = Facts(diagnostic, self.stands_for(diagnostic.status), self.index)
        delivered = self._delivered(diagnostic)
        if delivered is not None:
            yield delivered
        yield from self._asked(facts)
        yield Ruling("onhold" if facts.text else "undefined", "nothing")

    def stands_for(self, status: str) -> str:
        """The reason that a status code stands for, or all codes of its subject; "" if it stands for none."""
        return next((self.statuses[code] for code in codes_like(status) if code in self.statuses), "")

    def _delivered(self, diagnostic: Diagnostic) -> Ruling | None:
        if diagnostic.status.startswith("2.") or diagnostic.action in ("delivered", "relayed", "expanded"):
            return Ruling(
                "delivered", f"status {diagnostic.status}" if diagnostic.status else f"action {diagnostic.action}"
            )
        return None

    def _asked(self, facts: Facts) -> Iterator[Ruling]:
        tables = {self._tables[name] for name in facts.near if name in self._tables}
        for step, phrases in self._steps:
            if (phrases and tables.isdisjoint(phrases)) or not _applies(step, facts):
                continue
            if step.rules:
                yield from self._by_rules(step.rules, facts)
                continue
            decided = self._decided(step, facts)
            if decided and not any(self._said(reason, facts) for reason in step.unless):
                yield Ruling(step.reason, decided)

    def _said(self, reason: str, facts: Facts) -> str:
        """The name of the first rule of a table that holds."""
        return facts.says(reason, self.phrases.get(reason, ()))

    def _by_rules(self, group: str, facts: Facts) -> Iterator[Ruling]:
        rules = self._of_providers(facts) if group == "providers" else self.groups[group]
        return (Ruling(rule.reason, rule.name) for rule in facts.among(rules) if rule.holds(facts))

    def _of_providers(self, facts: Facts) -> Iterator[BounceRule]:
        """The recipient's domain tells the provider best, then the host that refused, then the one that reports."""
        for host in facts.hosts:
            for provider in self.providers if host else ():
                if provider.serves(host):
                    yield from provider.rules

    def _decided(self, step: OrderStep, facts: Facts) -> str:
        if step.by_status and facts.standing == step.reason:
            return f"status {facts.status}"
        if facts.reply in step.by_reply:
            return f"reply {facts.reply}"
        for reason in step.phrases:
            if name := self._said(reason, facts):
                return name
        bare = not step.phrases and not step.by_status and not step.by_reply
        return f"{(step.action and facts.action) or facts.command or facts.kind}" if bare else ""


def _applies(step: OrderStep, facts: Facts) -> bool:
    return (
        facts.kind.startswith(step.kind)
        and (step.stands_for is None or facts.standing in step.stands_for)
        and facts.standing not in (step.stands_not or ("*",))
        and (step.command is None or facts.command in step.command)
        and facts.command not in (step.command_not or ("*",))
        and (not step.action or facts.action in step.action)
    )


def codes_like(status: str) -> tuple[str, ...]:
    """The keys of statuses.toml that a status code may stand under, the most telling first."""
    if not status or status[0] not in "245":
        return ()
    return status, f"x{status[1:]}", f"x{status[1:].rpartition('.')[0]}" if status[0] in "45" else ""


def _tables(text: str, prefix: str = "") -> dict[str, tuple[BounceRule, ...]]:
    """Rules by the name of their table: a reason, with the file's prefix in front."""
    return {
        f"{prefix}{name}": tuple(_rule(rule, name) for rule in rules) for name, rules in tomllib.loads(text).items()
    }


def _groups(text: str) -> dict[str, tuple[BounceRule, ...]]:
    """Groups of rules that bring their own reasons, by the name that order.toml calls them by."""
    return {group: tuple(_rule(rule, rule["reason"]) for rule in rules) for group, rules in tomllib.loads(text).items()}


def _plain(text: str) -> dict[str, tuple[BounceRule, ...]]:
    return {group: tuple(replace(rule, plain=True) for rule in rules) for group, rules in _groups(text).items()}


def _rule(table: Mapping[str, Any], reason: str) -> BounceRule:
    values: dict[str, Any] = _tuples(table)
    for key in ("any", "none", "notice"):
        values[key] = tuple(parse_phrase(text) for text in table.get(key, ()))
    return BounceRule(**{**values, "reason": reason})


def _step(table: Mapping[str, Any]) -> OrderStep:
    values: dict[str, Any] = _tuples(table)
    values.setdefault("phrases", (table["reason"],) if "reason" in table else ())
    return OrderStep(**values)


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _provider(table: Mapping[str, Any]) -> ProviderRules:
    name = table["name"]
    rules = tuple(_rule({**rule, "name": f"{name}-{rule['name']}"}, rule["reason"]) for rule in table["rule"])
    return ProviderRules(name, tuple(table["hosts"]), rules)


FILES = ("phrases.toml", "wide.toml", "order.toml", "statuses.toml", "mtas.toml", "plain.toml")
WIDE = "wide-"
"""Prefix of the tables of wide.toml in order.toml."""


def shipped_texts() -> dict[str, str]:
    """The rule files that ship with Sidestep, by name."""
    data = files("sidestep.streams.screen.feedback") / "data"
    names = sorted(file.name for file in data.iterdir() if file.name in FILES or file.name.startswith("provider-"))
    return {name: (data / name).read_text("utf-8") for name in names}


def compiled(texts: Mapping[str, str]) -> Classifier:
    """A classifier from the texts of all rule files. Raises TOMLDecodeError, KeyError or TypeError for another text."""
    return Classifier(texts)


@cache
def shipped() -> Classifier:
    """The classifier with the rules that ship with Sidestep."""
    return compiled(shipped_texts())
