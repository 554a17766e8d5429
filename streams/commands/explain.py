"""sidestep explain: the whole story of one verdict, of an address or of a domain."""

import os
import time
from collections.abc import Iterable, Iterator

import click

from sidestep.streams.commands.copy_progress import copy_progress
from sidestep.streams.commands.desk import desk_options
from sidestep.streams.commands.options import past_given
from sidestep.streams.commands.past import HELP
from sidestep.streams.explain.find import Wanted
from sidestep.streams.explain.story import UnjudgedStory, VerdictStory, as_json, unjudged_json
from sidestep.streams.explain.tell import told, told_shortly, told_unjudged
from sidestep.streams.terminal import json_line


@click.command()
@click.argument("service", metavar="SERVICE", required=False)
@click.argument("intent_id", metavar="INTENT_ID", required=False)
@click.option("--attempt", type=click.IntRange(1), help="The verdict on this attempt. Else the last one.")
@click.option("--near", metavar="T", help=f"About when it was decided, for who has no hash key: {HELP}.")
@click.option("--short", is_flag=True, help="In a few lines.")
@click.option("--json", "as_object", is_flag=True, help="One JSON object.")
@desk_options
def explain(
    service: str | None,
    intent_id: str | None,
    attempt: int | None,
    near: str | None,
    short: bool,
    as_object: bool,
    broker: str | None,
    data_dir: str | None,
) -> None:
    """Tell the whole story of the verdict on a message: what was asked, what was found out and how old that was, what
    was known of the recipient just before, every rule with what it compared, limits, risk, versions, and where all of
    it stands in Kafka.

    The log is folded again up to the message, so what is told is what happened; where the verdict in Kafka is another
    one, that is said. With the hash key of the Screen workers the ledger's row of the id leads to the verdict; without
    it, give --near, or all verdicts are read. Nothing is written. Exit code 0 when there is such a verdict and it is
    proved, 1 otherwise.
    """
    from sidestep.streams.explain.run import VerdictQuestion
    from sidestep.streams.explain.run import explain as run
    from sidestep.streams.runtime.collector import fit_batches
    from sidestep.streams.screen.hash_key import former_hash_key, known_hash_key
    from sidestep.streams.screen.keys import Keys
    from sidestep.streams.settings import load

    if service is None or intent_id is None:
        raise click.UsageError("say whose verdict: SERVICE INTENT_ID")
    settings = load(broker=broker, data_dir=data_dir)
    near_ms = past_given("--near", near, int(time.time() * 1000))
    secret = known_hash_key(settings)
    keys = Keys(secret, former_hash_key(settings)) if secret is not None else None
    fit_batches()
    asked = VerdictQuestion(Wanted(service, intent_id), attempt, None if near_ms is None else near_ms / 1000)
    story = run(settings.connection, asked, keys, settings.snapshots_url, copy_progress)
    if as_object:
        shown: Iterable[str] = [object_line(story)]
    else:
        shown = described(story, short)
    show(shown)
    if not (isinstance(story, VerdictStory) and story.proved):
        raise SystemExit(1)


def described(story: VerdictStory | UnjudgedStory, short: bool = False) -> Iterator[str]:
    """The story for people."""
    if isinstance(story, UnjudgedStory):
        return told_unjudged(story)
    return told_shortly(story) if short else told(story)


def object_line(story: VerdictStory | UnjudgedStory) -> str:
    """The story for programs."""
    return json_line(unjudged_json(story) if isinstance(story, UnjudgedStory) else as_json(story))


def show(lines: Iterable[str]) -> None:
    """Prints them, in colour where that is wanted (no-color.org)."""
    for line in lines:
        click.echo(line, color=False if os.environ.get("NO_COLOR") else None)
