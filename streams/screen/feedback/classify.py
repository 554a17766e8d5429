"""The classifier of bounces: why a message came back, by rules that are data, in the order of order.toml. Pure."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.phrase_index import PhraseGrams, PhraseIndex, grams_of, words_of
from sidestep.streams.screen.feedback.phrases import TEXT_MAX, Phrase, folded, parse_phrase, stands_in
from sidestep.streams.screen.feedback.plain_words import plain_words


class Ruling(NamedTuple):
    """The reason of a bounce, and what decided: a rule of the files, or `status 5.1.1`, `reply 525` and such."""

    reason: str
    rule: str
    on: Diagnostic | None = None
    """What it was made on; None where nobody asks."""


NO_PHRASES = PhraseGrams(())
NO_SIGNS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BounceRule:
    """A rule: words that mean a reason, and the conditions under which they do. Empty conditions hold always."""

    name: str
    reason: str
    any: tuple[Phrase, ...]
    example: str = ""
    command: str = ""
    status: tuple[str, ...] = ()
    reply: tuple[str, ...] = ()
    notice: tuple[Phrase, ...] = ()
    at: tuple[str, ...] = ()
    none: tuple[Phrase, ...] = ()
    """Phrases whose presence says that the text is about something else."""
    near: PhraseGrams = NO_PHRASES
    """`any`, to be looked for in a text."""
    plain: PhraseIndex | None = None
    """The same phrases, to be looked for in the plain words of the text, too."""
    bare: bool = False
    """The rule holds only where the status code says nothing: none, or one with a zero in it."""

    def holds(self, facts: "Facts") -> bool:
        """Whether all conditions and one of the phrases hold."""
        return (
            (not self.status or any(matches_code(code, facts.status) for code in self.status))
            and (not self.reply or facts.reply in self.reply)
            and (not self.at or facts.command in self.at)
            and (not self.bare or not facts.status or ".0" in facts.status)
            and (not self.notice or any(stands_in(phrase, facts.notice) for phrase in self.notice))
            and (not self.any or self._said(facts))
            and not any(stands_in(phrase, text) for phrase in self.none for text in self._texts(facts))
        )

    def _said(self, facts: "Facts") -> bool:
        if self.plain is None:
            return self.near.stands_in(facts.grams, facts.text)
        return self.plain.stands_in(facts.words, facts.grams, facts.texts)

    def _texts(self, facts: "Facts") -> tuple[str, ...]:
        return (facts.text,) if self.plain is None else facts.texts


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


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """A provider whose hosts (suffixes) speak a dialect of their own, and the rules of that dialect."""

    name: str
    hosts: tuple[str, ...]
    rules: tuple[BounceRule, ...]

    def serves(self, host: str) -> bool:
        """Whether the host is one of the provider's."""
        return any(host.endswith(suffix) for suffix in self.hosts)


class Facts:
    """The facts of a diagnostic, in lower case, as rules compare them."""

    def __init__(self, diagnostic: Diagnostic, standing: str):
        self.text = folded(diagnostic.text)
        plain = plain_words(self.text, diagnostic.recipient.rpartition("@")[0].lower())
        self.texts = (self.text,) if plain == self.text else (self.text, plain)
        self.words = words_of(*self.texts)
        self.grams = grams_of(*(self.texts[:1] if self.text.isascii() else self.texts))
        self.notice = folded(diagnostic.notice, TEXT_MAX * 2)
        self.status, self.reply, self.command = diagnostic.status, diagnostic.reply, diagnostic.command
        self.kind, self.action = diagnostic.kind, diagnostic.action
        self.hosts = (diagnostic.domain, diagnostic.host, diagnostic.reporter)
        self.standing = standing
        self._said: dict[str, str] = {}

    def says(self, reason: str, rules: Iterable[BounceRule]) -> str:
        """The name of the first of these rules that holds; "" if none does."""
        if reason not in self._said:
            self._said[reason] = next((rule.name for rule in rules if rule.holds(self)), "")
        return self._said[reason]


class Classifier:
    """The rules of all files, compiled."""

    def __init__(self, texts: Mapping[str, str]):
        self.phrases = _tables(texts["phrases.toml"]) | _tables(texts["wide.toml"], WIDE)
        self._signs = {name: _signs_of(rules) for name, rules in self.phrases.items()}
        self.steps = tuple(_step(step) for step in tomllib.loads(texts["order.toml"])["step"])
        self.statuses: Mapping[str, str] = tomllib.loads(texts["statuses.toml"])
        providers = (text for name, text in texts.items() if name not in FILES)
        self.providers = tuple(_provider(tomllib.loads(text)) for text in providers)
        self.groups = _groups(texts["mtas.toml"]) | _plain(texts["plain.toml"])

    def classify(self, diagnostic: Diagnostic) -> Ruling:
        """The ruling on a diagnostic: `undefined` where it says nothing, `onhold` where no rule knows what it means."""
        return next(self.rulings(diagnostic))

    def rulings(self, diagnostic: Diagnostic) -> Iterator[Ruling]:
        """All rulings for which something speaks, in the order in which they are weighed: the first decides. The last
        is what is left where nothing speaks for any."""
        facts = Facts(diagnostic, self.stands_for(diagnostic.status))
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
        for step in self.steps:
            if not _applies(step, facts):
                continue
            if step.rules:
                yield from self._by_rules(step.rules, facts)
                continue
            decided = self._decided(step, facts)
            if decided and not any(self._said(reason, facts) for reason in step.unless):
                yield Ruling(step.reason, decided)

    def _said(self, reason: str, facts: Facts) -> str:
        """The name of the first rule of a table that holds; of most tables nothing can stand in a text."""
        signs = self._signs.get(reason, NO_SIGNS)
        if signs and signs.isdisjoint(facts.grams):
            return ""
        return facts.says(reason, self.phrases.get(reason, ()))

    def _by_rules(self, group: str, facts: Facts) -> Iterator[Ruling]:
        rules = self._of_providers(facts) if group == "providers" else self.groups[group]
        return (Ruling(rule.reason, rule.name) for rule in rules if rule.holds(facts))

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


def _signs_of(rules: Iterable[BounceRule]) -> frozenset[str]:
    """Runs of characters of which one stands in every text for which one of these rules holds; empty: none is known."""
    each = [rule.near.signs if rule.any and rule.plain is None else NO_SIGNS for rule in rules]
    return NO_SIGNS.union(*each) if all(each) else NO_SIGNS


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


def matches_code(pattern: str, status: str) -> bool:
    """Whether a status code fits a pattern: `5.7.1` itself, `x.7.1` in any class, `5.7.606-649` a range of details."""
    first, _, last = pattern.rpartition(".")[2].partition("-")
    head, _, detail = status.rpartition(".")
    wanted = pattern.rpartition(".")[0]
    if head != wanted and not (wanted.startswith("x") and head[1:] == wanted[1:]):
        return False
    return detail == first if not last else detail.isdigit() and int(first) <= int(detail) <= int(last)


def _tables(text: str, prefix: str = "") -> dict[str, tuple[BounceRule, ...]]:
    """Rules by the name of their table: a reason, with the file's prefix in front."""
    return {
        f"{prefix}{name}": tuple(_rule(rule, name) for rule in rules) for name, rules in tomllib.loads(text).items()
    }


def _groups(text: str) -> dict[str, tuple[BounceRule, ...]]:
    """Groups of rules that bring their own reasons, by the name that order.toml calls them by."""
    return {group: tuple(_rule(rule, rule["reason"]) for rule in rules) for group, rules in tomllib.loads(text).items()}


def _plain(text: str) -> dict[str, tuple[BounceRule, ...]]:
    return {
        group: tuple(replace(rule, plain=PhraseIndex(rule.any)) for rule in rules)
        for group, rules in _groups(text).items()
    }


def _rule(table: Mapping[str, Any], reason: str) -> BounceRule:
    values: dict[str, Any] = _tuples(table)
    for key in ("any", "none", "notice"):
        values[key] = tuple(parse_phrase(text) for text in table.get(key, ()))
    return BounceRule(**{**values, "reason": reason, "near": PhraseGrams(values["any"])})


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
