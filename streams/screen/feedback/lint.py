"""The linter of the bounce rules: faults as plain sentences. Pure."""

from collections import Counter
from collections.abc import Iterator

from sidestep.streams.screen.feedback.classify import Classifier, ProviderRules
from sidestep.streams.screen.feedback.diagnostic import Diagnostic
from sidestep.streams.screen.feedback.reasons import Reasons
from sidestep.streams.screen.feedback.rules import BounceRule
from sidestep.streams.screen.feedback.smtp import find_command, find_reply, find_status, more_telling

SHORTEST = 3
"""Characters of a phrase: shorter ones stand in half of all texts."""
GENERAL = ("RCPT", "DATA", "MAIL", "CONN", "EHLO", "AUTH", "")
PHRASE_ONLY = ("denied", "blocklist")
"""Tables of phrases that are no reason by themselves."""


def problems(rules: Classifier, reasons: Reasons) -> list[str]:
    """The faults of the rules, one sentence each; [] if all is well."""
    return [
        *_names(rules),
        *_vocabulary(rules, reasons),
        *_order(rules),
        *(fault for rule in rules.every_rule() for fault in _shape(rule)),
        *_examples(rules),
    ]


def _names(rules: Classifier) -> Iterator[str]:
    for name, times in Counter(rule.name for rule in rules.every_rule()).items():
        if times > 1:
            yield f"{name}: {times} rules have this name"


def _vocabulary(rules: Classifier, reasons: Reasons) -> Iterator[str]:
    used = {rule.reason: rule.name for rule in rules.every_rule() if rule.reason not in PHRASE_ONLY}
    used |= {step.reason: "order.toml" for step in rules.steps if step.reason}
    used |= {reason: f"status {code}" for code, reason in rules.statuses.items()}
    for reason, where in used.items():
        if reason not in reasons.names():
            yield f"{where}: {reason!r} is no reason; the vocabulary is in reasons.toml"


def _order(rules: Classifier) -> Iterator[str]:
    asked = {reason for step in rules.steps for reason in (*step.phrases, *step.unless)}
    for reason in sorted(asked - rules.phrases.keys()):
        yield f"order.toml asks for phrases of {reason!r}, and phrases.toml has none"
    for reason in sorted(rules.phrases.keys() - asked):
        yield f"phrases.toml: nothing in order.toml asks for {reason!r}"
    groups = {step.rules for step in rules.steps if step.rules}
    for group in sorted(groups ^ {*rules.groups, "providers"}):
        yield f"order.toml and the files of groups disagree about the group {group!r}"


def _shape(rule: BounceRule) -> Iterator[str]:
    if not rule.example:
        yield f"{rule.name}: has no example"
    if not (rule.any or rule.status or rule.notice or rule.reply):
        yield f"{rule.name}: has no condition and would always hold"
    if rule.command not in GENERAL or any(command not in GENERAL for command in rule.at):
        yield f"{rule.name}: no such command; one of {', '.join(filter(None, GENERAL))}"
    for phrase in (*rule.any, *rule.none, *rule.notice):
        said = "*".join(phrase)
        if said != said.lower():
            yield f"{rule.name}: {said!r} never matches; texts are compared in lower case"
        if len(said) < SHORTEST:
            yield f"{rule.name}: {said!r} is too short and stands in too many texts"
        if "  " in said:
            yield f"{rule.name}: {said!r} never matches; blanks are folded into one"


def _examples(rules: Classifier) -> Iterator[str]:
    for listed in (*rules.phrases.values(), *rules.groups.values()):
        for rule in listed:
            yield from _proved(rules, rule, rule.reason, "")
    for provider in rules.providers:
        for rule in provider.rules:
            yield from _proved(rules, rule, rule.reason, _host(provider))


def _host(provider: ProviderRules) -> str:
    return f"mx{provider.hosts[0]}" if provider.hosts[0].startswith(".") else provider.hosts[0]


def _proved(rules: Classifier, rule: BounceRule, reason: str, host: str) -> Iterator[str]:
    ruling = rules.classify(example_of(rule, host))
    if ruling.rule != rule.name:
        yield f"{rule.name}: its example is decided by {ruling.rule!r} ({ruling.reason})"
    elif ruling.reason != reason and reason not in PHRASE_ONLY:
        # a word for an unknown user means a filter at some commands: the rule is right, the reason another
        yield f"{rule.name}: its example comes out as {ruling.reason}, not as {reason}"


def example_of(rule: BounceRule, host: str = "") -> Diagnostic:
    """A rule's example as a diagnostic that meets the rule's other conditions."""
    text = rule.example
    reply = find_reply(text)
    notice = " ".join("".join(phrase).lstrip("^") for phrase in rule.notice[:1])
    return Diagnostic(
        recipient="neko@example.invalid",
        text=text,
        reply=reply,
        status=more_telling("", find_status(text), reply),
        command=rule.command or find_command(text) or ("" if rule.reason in ("hostunknown", "expired") else "RCPT"),
        host=host,
        notice=f"{notice} {text}",
    )
