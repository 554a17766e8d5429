"""`sidestep parse-feedback` and `sidestep feedback check`: outcomes of a report or webhook body; the rules' linter."""

import time
import tomllib
from pathlib import Path
from typing import IO, Any

import click

from sidestep.schemas import Bounce
from sidestep.schemas.codec import ContractError
from sidestep.streams.commands.outcome_lines import outcome_line, outcomes_in
from sidestep.streams.commands.weighed import explained_lines, explanation
from sidestep.streams.commands.whole import as_published, form_of
from sidestep.streams.screen.feedback.classify import FILES, Classifier, compiled, shipped_texts
from sidestep.streams.screen.feedback.lint import problems
from sidestep.streams.screen.feedback.outcome import Outcome
from sidestep.streams.screen.feedback.reasons import load_reasons
from sidestep.streams.screen.intake import read_feedback
from sidestep.streams.terminal import json_line, printable

SHOWN = ("kind", "recipient", "status", "reply", "reason", "hard", "scope")
ALSO = ("final_recipient", "code", "event", "id", "intent_id", "service", "rule", "source")


@click.command()
@click.argument("messages", metavar="FILE...", type=click.File("rb"), nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object an outcome.")
@click.option("--explain", is_flag=True, help="Also what spoke for a reason, in the order in which it was weighed.")
@click.option(
    "--content-type",
    default="",
    help="How the files are to be read; otherwise their names (*.eml, *.json, *.mbox) tell, and their shape.",
)
def parse_feedback(messages: tuple[IO[bytes], ...], as_json: bool, explain: bool, content_type: str) -> None:
    """Read each FILE (- is standard input): a delivery report, a complaint, a bounce in any words, or a webhook body.

    Asks no broker and changes nothing. kind is bounce, complaint, trap, delivered, engagement or none. The exit code is
    1 where Screen could make nothing of a file, which would be a dead letter then; standard error says why. --explain:
    below each outcome what was looked at, and each rule that holds, with the line of its file, in the order in which
    they are weighed; > is before the one that decided.
    """
    unread = False
    for message in messages:
        name, octets = getattr(message, "name", "-"), message.read()
        for record, read_as in [(octets, content_type)] if content_type else as_published(octets, form_of(message)):
            for outcome in outcomes_in(record, read_as):
                for line in _json_lines(name, outcome, explain) if as_json else _text_lines(name, outcome, explain):
                    click.echo(line)
            try:
                read_feedback(record, Bounce, read_as, time.time())
            except ContractError as error:
                unread = True
                click.echo(printable(f"{name}: {error}"), err=True)
    if unread:
        raise SystemExit(1)


def _json_lines(name: str, outcome: Outcome, explain: bool) -> list[str]:
    fields = {"file": name} | {field: getattr(outcome, field) for field in (*SHOWN, *ALSO)}
    return [json_line(fields | (explanation(outcome) if explain else {}))]


def _text_lines(name: str, outcome: Outcome, explain: bool) -> list[str]:
    return [f"{printable(name)}: {outcome_line(outcome)}", *(explained_lines(outcome) if explain else [])]


@click.group()
def feedback() -> None:
    """Check the rules by which bounces are understood."""


@feedback.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
def check(file: Path | None) -> None:
    """Say every fault of the rules and leave with 1.

    FILE, named like one that ships (phrases.toml, order.toml, statuses.toml, mtas.toml, plain.toml,
    provider-NAME.toml), is checked in its place.
    """
    texts = shipped_texts()
    if file is not None:
        texts |= _read(file)
    rules = _compiled(texts, file)
    faults = problems(rules, load_reasons())
    for fault in faults:
        click.echo(printable(fault), err=True)
    if faults:
        raise SystemExit(1)
    click.echo(
        f"OK: {sum(1 for _ in rules.every_rule())} rules, {len(rules.statuses)} status codes, {len(rules.steps)} steps"
    )


def _read(file: Path) -> dict[str, str]:
    if file.name not in FILES and not file.name.startswith("provider-"):
        raise click.UsageError(f"{file.name}: a rule file is called {', '.join(FILES)} or provider-NAME.toml")
    try:
        return {file.name: file.read_text(encoding="utf-8")}
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"{file} is not UTF-8 text (octet {error.start}). TOML has to be; convert it."
        ) from error


def _compiled(texts: dict[str, Any], file: Path | None) -> Classifier:
    try:
        return compiled(texts)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        click.echo(printable(f"{file or 'the rules'}: {type(error).__name__}: {error}"), err=True)
        raise SystemExit(1) from error
