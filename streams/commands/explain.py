"""sidestep explain: the whole story of one verdict, of an address or of a domain."""

import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click
from msgspec import to_builtins

from sidestep.streams.commands.copy_progress import copy_progress
from sidestep.streams.commands.desk import desk_options
from sidestep.streams.commands.options import past_given, refused_as
from sidestep.streams.commands.past import HELP
from sidestep.streams.explain.find import Wanted
from sidestep.streams.explain.story import UnjudgedStory, VerdictStory, as_json, known_of, unjudged_json
from sidestep.streams.explain.tell import told, told_life, told_shortly, told_unjudged
from sidestep.streams.settings import Settings, load
from sidestep.streams.terminal import json_line, printable

if TYPE_CHECKING:  # they bring Kafka, which --help does without
    from sidestep.streams.explain.life import LifeStory
    from sidestep.streams.screen.keys import Keys


@click.command()
@click.argument("service", metavar="SERVICE", required=False)
@click.argument("intent_id", metavar="INTENT_ID", required=False)
@click.option("--recipient", metavar="ADDRESS", help="The story of an address instead; needs the hash key.")
@click.option("--domain", metavar="NAME", help="The story of a domain instead.")
@click.option("--since", metavar="T", default="7d", help=f"Of an address or a domain: events since then, {HELP}.")
@click.option("--attempt", type=click.IntRange(1), help="The verdict on this attempt. Else the last one.")
@click.option("--near", metavar="T", help=f"About when it was decided, for who has no hash key: {HELP}.")
@click.option("--short", is_flag=True, help="In a few lines.")
@click.option("--json", "as_object", is_flag=True, help="One JSON object.")
@desk_options
def explain(
    service: str | None,
    intent_id: str | None,
    recipient: str | None,
    domain: str | None,
    since: str,
    attempt: int | None,
    near: str | None,
    short: bool,
    as_object: bool,
    broker: str | None,
    data_dir: str | None,
) -> None:
    """Tell the whole story of the verdict on a message, of an address or of a domain.

    Of a verdict: what was asked, what was found out and how old that was, what
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

    settings = load(broker=broker, data_dir=data_dir)
    now_ms = int(time.time() * 1000)
    near_ms, since_ms = past_given("--near", near, now_ms), past_given("--since", since, now_ms)
    secret = known_hash_key(settings)
    keys = Keys(secret, former_hash_key(settings)) if secret is not None else None
    fit_batches()
    if [recipient, domain, service].count(None) != 2 or (service is None) != (intent_id is None):
        raise click.UsageError("say whose story: SERVICE INTENT_ID, or --recipient ADDRESS, or --domain NAME")
    if service is None or intent_id is None:
        _tell_life(settings, recipient or domain or "", recipient is not None, keys, (since_ms or 0) / 1000, as_object)
        return
    asked = VerdictQuestion(Wanted(service, intent_id), attempt, None if near_ms is None else near_ms / 1000)
    story = run(settings.connection, asked, keys, settings.snapshots_url, copy_progress)
    if as_object:
        shown: Iterable[str] = [object_line(story)]
    else:
        shown = described(story, short)
    show(shown)
    if not (isinstance(story, VerdictStory) and story.proved):
        raise SystemExit(1)


def _tell_life(
    settings: Settings, text: str, of_mailbox: bool, keys: "Keys | None", since: float, as_object: bool
) -> None:
    """Of each partition that knows the subject: one, but in old logs. Exit code 1 if nothing is known."""
    from sidestep.streams.explain.events import LifeSubject
    from sidestep.streams.explain.key_in_force import require_key_in_force
    from sidestep.streams.explain.life import life_of
    from sidestep.streams.explain.run import snapshots_in
    from sidestep.streams.screen.log_layout import AS_WRITTEN, by_mailbox
    from sidestep.streams.screen.suppressions import partitions_of, read_subject
    from sidestep.topics.catalog import EVIDENCE
    from sidestep.topics.cluster import admin_client, require

    connection = settings.connection
    with refused_as():
        target = read_subject(text, keys)
    if of_mailbox != bool(target.recipient_key):
        raise click.BadParameter("--recipient takes an address, --domain a domain")
    topics = require(admin_client(connection), connection, [EVIDENCE.name])
    subject = LifeSubject(target.domain, tuple(key for key in (target.recipient_key, target.former_key) if key))
    snapshots, count = snapshots_in(connection, settings.snapshots_url), len(topics[EVIDENCE.name].partitions)
    # which of the two the log has stands in email-control, which auditors may not read
    either = (partitions_of(target, layout, count) for layout in (by_mailbox(), AS_WRITTEN))
    partitions = sorted({place for places in either for place in places})
    lives = [life_of(connection, subject, partition, since, copy_progress, snapshots) for partition in partitions]
    known = [life for life in lives if life.events or (life.recipient if of_mailbox else life.domain)]
    if not known and of_mailbox and keys is not None:
        require_key_in_force(connection, keys)
    if not as_object:
        show([click.style(printable(text), bold=True)])
    for life in known or lives[:1]:
        show([life_line(life)] if as_object else lived(life, of_mailbox))
    if not known:
        raise SystemExit(1)


def lived(life: "LifeStory", of_mailbox: bool = True) -> Iterator[str]:
    """The story of an address or a domain, for people."""
    return told_life(life.recipient, life.domain, life.events, life.earlier, of_mailbox)


def life_line(life: "LifeStory") -> str:
    """The same for programs."""
    rows = {name: row and known_of(row) for name, row in (("recipient", life.recipient), ("domain", life.domain))}
    return json_line({"partition": life.partition, **rows, "events": to_builtins(life.events), "earlier": life.earlier})


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
