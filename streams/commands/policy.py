"""sidestep policy: is a policy file usable, what does it say, and what in it is probably not meant."""

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from sidestep.streams.commands.options import broker_option
from sidestep.streams.commands.policy_in_force import apply_command, history_command, in_force
from sidestep.streams.commands.policy_warnings import rates_of, warnings
from sidestep.streams.decide.case_run import CaseOutcome, rules_judged_otherwise
from sidestep.streams.decide.policy import Believing, Policy, Ramp, Release, RiskModel, RulePolicy, SlowDown
from sidestep.streams.decide.policy_check import faults_of
from sidestep.streams.decide.policy_diff import differences
from sidestep.streams.decide.policy_file import SHIPPED, decoded, read_octets
from sidestep.streams.decide.policy_sections import reaction_text
from sidestep.streams.decide.policy_text import parse, parse_logged, problems
from sidestep.streams.decide.policy_upgrade import upgrade as upgrade_text
from sidestep.streams.decide.risk import SIGNALS
from sidestep.streams.decide.rules.reasons import shipped_reasons
from sidestep.streams.errors import PolicyError
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.policy_history import AppliedPolicy
from sidestep.streams.terminal import printable, printable_lines


@click.group()
def policy() -> None:
    """Check and explain the policy file.

    Screen workers follow the file that they were given (--policy, SIDESTEP_POLICY): a change is in force within
    seconds, in every partition, without a restart; so is what you `apply`. A file that does not pass `check` is
    refused, and the policy before it goes on. A worker that starts with an older file than what is in force does not
    put it back.
    """


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Say every fault of FILE and leave with 1, or show what it says. Asks no broker.

    A case of its own ([[cases]]) that comes out otherwise than it says is a fault. Then it tells the rules whose case
    comes out otherwise than by the policy that ships.
    """
    from sidestep.streams.screen.lists.mx_providers import providers
    from sidestep.streams.screen.lists.typo import suggest

    found = _usable(file, faults_of)
    for sentence in warnings(found, suggest, providers()):
        click.echo(printable(f"{file}: warning: {sentence}"), err=True)
    click.echo(printable(f"OK: {file}: policy {found.name!r}, version {found.version}") + "\n")
    click.echo(printable_lines(describe(found)))
    for sentence in otherwise(found):
        click.echo(printable(sentence))


@policy.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--toml", is_flag=True, help="The text itself, to start one of your own from.")
@click.option("--in-force", "of_cluster", is_flag=True, help="The policy that the cluster at --broker judges by.")
@broker_option
def show(file: Path | None, toml: bool, of_cluster: bool, broker: str | None) -> None:
    """Show the rules, limits and weights of FILE, or of the policy that ships with Sidestep."""
    if of_cluster:
        if file is not None:
            raise click.UsageError("--in-force shows what the cluster judges by: give no FILE")
        _show_in_force(in_force(broker), toml)
        return
    if toml:
        click.echo(_read(file or SHIPPED), nl=False)
        return
    found = _usable(file or SHIPPED)
    click.echo(f"policy {found.name!r}, version {found.version}\n")
    click.echo(printable_lines(describe(found)))


def _show_in_force(applied: AppliedPolicy, toml: bool) -> None:
    if toml:
        click.echo(applied.text, nl=False)
        return
    found = parse_logged(applied.text)
    about = f"policy {found.name!r}, version {applied.version}, in force since {rfc3339(applied.at)} by {applied.by}"
    click.echo(printable(about) + "\n")
    click.echo(printable_lines(describe(found)))


@policy.command()
@click.argument("files", metavar="[OLD] NEW", type=click.Path(path_type=Path), nargs=-1, required=True)
def diff(files: tuple[Path, ...]) -> None:
    """Show what NEW says otherwise than OLD: rules, limits, weights. Without OLD: than the policy that ships.

    Exit code 1 if they differ, as of diff. Comments and the order of entries make no difference.
    """
    if len(files) > 2:
        raise click.UsageError("expected one policy, or an old one and a new one")
    old, new = (SHIPPED, *files)[-2:]
    found = differences(_usable(old), _usable(new))
    click.echo("\n".join(map(printable, found)) if found else "both judge alike")
    if found:
        raise SystemExit(1)


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--write", is_flag=True, help="Into FILE itself; what it was is kept as FILE.before.")
def upgrade(file: Path, write: bool) -> None:
    """Put into FILE what a policy of an earlier version lacks, as the policy that ships has it, comments and all, and
    take out what there is no more.

    Says on stderr what was added and taken out, and prints the new text, unless it is to --write it. Nothing else of
    FILE is changed.
    """
    text = _read(file)
    try:
        upgraded = upgrade_text(text, _read(SHIPPED))
    except PolicyError as error:
        raise click.ClickException(f"{file}: {error}") from None
    for sentence in upgraded.added:
        click.echo(printable(f"added: {sentence}"), err=True)
    for sentence in upgraded.gone:
        click.echo(printable(f"taken out: {sentence}"), err=True)
    changed = bool(upgraded.added or upgraded.gone)
    if not changed:
        click.echo("nothing is missing", err=True)
    faults = problems(upgraded.text)
    for fault in faults:
        click.echo(printable(f"{file}: {fault}"), err=True)
    if faults:
        click.echo(f"{file} is left as it was: mend this first", err=True)
        raise SystemExit(1)
    if not write:
        click.echo(upgraded.text, nl=False)
    elif changed:
        file.with_name(f"{file.name}.before").write_text(text, encoding="utf-8")
        file.write_text(upgraded.text, encoding="utf-8")


def _applicable(file: Path) -> tuple[str, Policy]:
    text, found = _read(file), _usable(file, faults_of)
    return text, found


policy.add_command(apply_command(_applicable))
policy.add_command(history_command)


def _usable(file: Path, faults_in: Callable[[str], list[str]] = problems) -> Policy:
    text = _read(file)
    faults = faults_in(text)
    for fault in faults:
        click.echo(printable(f"{file}: {fault}"), err=True)
    if faults:
        raise SystemExit(1)
    return parse(text)


def _read(file: Path) -> str:
    try:
        return decoded(read_octets(file))
    except OSError as error:
        raise PolicyError(
            f"{file} can't be read: {error.strerror}. To start from the policy that ships: sidestep policy show --toml"
        ) from error
    except ValueError as error:
        raise PolicyError(f"{file} {error}: it can be no policy") from None


def describe(policy: Policy) -> str:
    """Rules with their modes, limits and risk weights, as a table of lines."""
    lines = [f"{'rule':<24}{'mode':<8}"]
    lines += [f"{name:<24}{rule.mode:<8}{_parameters(rule)}".rstrip() for name, rule in policy.rules.items()]
    lines += ["", "streams", f"  {'not stopped by opt-outs':<30}{', '.join(sorted(policy.streams.exempt)) or 'none'}"]
    lines += [f"  {'known':<30}{', '.join(policy.streams.known) or 'any'}"]
    for title, limits in (("domain", policy.domain_limits), ("service at domain", policy.service_limits)):
        lines += ["", f"limits by {title}"]
        lines += [f"  {name:<30}{rate.text}" for name, rate in rates_of(limits)]
    for title, named in (
        ("MX provider", policy.provider_limits.named),
        ("service at MX provider", policy.service_provider_limits.named),
    ):
        if named:
            lines += ["", f"limits by {title}", *(f"  {name:<30}{rate.text}" for name, rate in named.items())]
    lines += ["", "limits of tests", *(f"  {name:<30}{rate.text}" for name, rate in rates_of(policy.test_limits))]
    lines += ["", *_warm_up(policy.ramp), "", *_slow_down(policy.slow_down)]
    lines += ["", *_believing(policy.believing)]
    lines += ["", "what Watch does"]
    lines += [f"  {pattern:<30}{reaction_text(reaction)}" for pattern, reaction in policy.reactions.items()]
    lines += ["", "risk"]
    lines += [f"  {name:<30}{policy.risk[name]:+.2f}" for name in SIGNALS]
    lines += [
        f"  {'dormant after':<30}{policy.dormant_days} days",
        f"  {'consent is fresh for':<30}{policy.consent_days} days",
        f"  {'unanswered from':<30}{policy.unanswered} messages",
        f"  {'list bombing from':<30}{policy.bombed + 1} messages an hour",
        "",
        _model(policy.risk_model),
    ]
    lines += ["", *_release(policy.release)]
    if own := list(_own_reasons(policy)):
        lines += ["", "sentences of its own", *own]
    return "\n".join(lines)


def _warm_up(ramp: Ramp) -> list[str]:
    caps = [f"{cap:,}" for cap in ramp.caps]
    days = ", ".join(caps if len(caps) < 8 else [*caps[:5], "…", caps[-1]])
    return [
        "warm-up",
        f"  {'for':<30}{', '.join(sorted(ramp.services)) or 'nobody'}",
        f"  {'messages a day':<30}{days}",
    ]


def _slow_down(rules: SlowDown) -> list[str]:
    return [
        "slow-down",
        f"  {'too fast':<30}{rules.too_fast_share / 10:g} % for {rules.for_seconds} s",
        f"  {'blocked':<30}{rules.blocked_share / 10:g} % for {rules.for_seconds} s",
        f"  {'then':<30}twice as fast every {rules.double_seconds} s; never below {rules.slowest.text}",
    ]


def _believing(believed: Believing) -> list[str]:
    """What stands in [feedback], by who needs it."""
    return [
        "feedback is believed with",
        f"  {'nothing else said':<30}{believed.needs}",
        *(f"  {name:<30}{need}" for name, need in sorted(believed.of.items())),
        f"  {'a bounce within':<30}{believed.bounce_days} days of the message",
        f"  {'what people do within':<30}{believed.person_days} days of the message",
    ]


def _release(offered: Release) -> list[str]:
    """What stands in [release], which need not be there."""
    if not offered.services:
        return ["what is deferred its service offers again: [release] names nobody"]
    return [
        "what is deferred Release offers again",
        f"  {'of':<30}{', '.join(sorted(offered.services))}",
        *([f"  {'but not of':<30}{', '.join(sorted(offered.exempt))}"] if offered.exempt else []),
        f"  {'together':<30}{offered.rate.text}",
    ]


def _own_reasons(policy: Policy) -> Iterator[str]:
    for rule, shipped in shipped_reasons().items():
        for form, text in policy.reasons[rule].items():
            if text != shipped.forms[form]:
                yield f"  {rule:<30}{text}"


def otherwise(policy: Policy) -> Iterator[str]:
    """Rules whose case (rules/reasons.toml) comes out otherwise than by the policy that ships, a line each."""
    found = list(rules_judged_otherwise(policy, parse(_read(SHIPPED))))
    if found:
        yield "\nthe cases of these rules come out otherwise than as shipped"
    for rule, ours, theirs in found:
        yield f"  {rule:<30}{_came_out(ours)} (as shipped: {_came_out(theirs)})"


def _came_out(outcome: CaseOutcome) -> str:
    return f"{outcome.action}, {' '.join(outcome.rules) or 'no rule'}"


def _model(model: RiskModel) -> str:
    if model.mode == "off":
        return "no model moves the risk"
    return (
        f"a model moves the odds of the risk to {model.most_up:g} times or to 1/{model.most_down:g} at most, from "
        f"{model.from_outcomes} outcomes on"
    )


def _parameters(rule: RulePolicy) -> str:
    parts = [f"{rule.days} days"] if rule.days else []
    if rule.mode == "graded":
        parts.append(f"flag from {rule.flag_from:g}, confirm from {rule.confirm_from:g}, drop from {rule.drop_from:g}")
    if rule.retry_after:
        parts.append(f"again after {rule.retry_after} s, doubling up to {rule.retry_after_max} s")
    if rule.exempt_too:
        parts.append("exempt streams, too")
    if rule.consent_lifts:
        parts.append("a later consent lifts it")
    if rule.spread:
        parts.append(f"what waits is spread over {rule.spread} s")
    if rule.lists:
        parts.append(f"on {rule.lists} lists" + (f", or on {' or '.join(rule.trusted)}" if rule.trusted else ""))
    return "; ".join(parts)
