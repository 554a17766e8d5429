"""sidestep forget: removes a person, says what still holds him until when, and proves that it is so."""

import sys
from typing import TYPE_CHECKING

import click

from sidestep.streams.commands.copy_progress import copy_progress, summed
from sidestep.streams.commands.desk import Desk, desk_options, login, read_subjects
from sidestep.streams.commands.options import refused_as
from sidestep.streams.screen.erasures import NOTE_KEY, erasure_record, moved_notes, notes_about
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.screen.marks import read_mailbox
from sidestep.streams.screen.suppressions import Target
from sidestep.streams.terminal import printable

if TYPE_CHECKING:  # they bring Kafka, which --help does without
    from sidestep.streams.personal.kept_until import KeptTopic
    from sidestep.streams.personal.proof import ErasureProof
    from sidestep.topics.connection import Connection

LOOK = "sidestep forget --check"
FILES = "files: what `sidestep replay` and `sidestep export` have written, and backups, until somebody deletes them"
IDS = "ids: hashes of services' ids, of what messages say and of mailboxes they went to; they end within 15 days"


@click.command()
@click.argument("mailbox", metavar="ADDRESS")
@click.option("--check", is_flag=True, help="Forget nothing: read all topics and say what is left, and until when.")
@click.option("--drop-suppression", is_flag=True, help="What stops mail to the address goes, too.")
@click.option("--by", metavar="NAME", help="Who says so; stands in the log. Else your login name.")
@click.option("--reason", default="", metavar="TEXT", help="Stands in the log; at most 200 characters.")
@click.option("--json", "json_line", is_flag=True, help="Of --check: one JSON object.")
@desk_options
def forget(
    mailbox: str,
    check: bool,
    drop_suppression: bool,
    by: str | None,
    reason: str,
    json_line: bool,
    broker: str | None,
    data_dir: str | None,
) -> None:
    """Forget a person: all that is known of ADDRESS (or hash:HEX@DOMAIN) goes, from this record of the log on.

    What stops mail to the address stays as a keyed hash with its reason: a suppression, a known trap, a complaint or an
    opt-out. Audits still prove what remains. The address in the topics ends with their retention: it is said when.
    With --check the exit code is 0 when no row is left but what stops mail, and nothing is past its time; else 1.
    """
    desk = Desk(broker, data_dir, LOOK)
    (target,) = read_subjects([mailbox], lambda text: read_mailbox(text, desk.keys))
    if check:
        _check(desk, mailbox, target, json_line)
        return
    _forget(desk, target, drop_suppression, by or login(), reason)
    for line in _left(desk):
        click.echo(printable(line))
    click.echo("once Decide has come to it: sidestep forget --check ADDRESS")


def _forget(desk: Desk, target: Target, drop: bool, by: str, reason: str) -> None:
    from sidestep.streams.screen.operator_writer import Said

    with refused_as():
        record = erasure_record(target, by, reason, drop, desk.now_ms)
    about = notes_about(target, desk.notes)
    gone, moved = (about, []) if drop else moved_notes(target, desk.notes, desk.secret)
    desk.write([Said(NOTE_KEY, record, desk.partitions, (NOTE_KEY, None), gone, moved)])
    stays = "nothing is left that stops mail to it" if drop else "what stops mail to it stays"
    click.echo(f"forgotten from this record of the log on; {stays}")


def _left(desk: Desk) -> list[str]:
    """What still holds the address or its hash, and by when it is gone."""
    from sidestep.streams.personal.in_snapshots import as_sentence, kept_snapshots
    from sidestep.streams.personal.proof import ends
    from sidestep.streams.personal.traces import kept_topics
    from sidestep.topics.catalog import EVIDENCE
    from sidestep.topics.stretch import topic_of

    topics = kept_topics(desk.connection)
    width = max(len(topic.name) for topic in topics)
    lines = [f"{'topic':<{width}}  may hold  gone at the latest"]
    lines += [
        f"{topic.name:<{width}}  {'address' if topic.addresses else 'hash':<8}  {ends(topic, desk.now_ms)}"
        for topic in topics
    ]
    cluster = topic_of(desk.connection, EVIDENCE.name)
    snapshots = kept_snapshots(desk.settings, cluster.cluster, cluster.partitions)
    when = rfc3339(int(snapshots.last * 1000)) if snapshots.last < 10**11 else ""
    return [*lines, as_sentence(snapshots, when), FILES, IDS]


def _check(desk: Desk, text: str, target: Target, json_line: bool) -> None:
    from sidestep.streams.personal.proof import as_json, described

    proof = look_for(desk.connection, text, target, desk.now_ms)
    for line in [as_json(proof)] if json_line else described(proof):
        click.echo(line)
    if not proof.forgotten:
        sys.exit(1)


def look_for(connection: "Connection", text: str, target: Target, now_ms: int) -> "ErasureProof":
    """What every topic has of the person. Raises SidestepError."""
    from sidestep.streams.personal.person import Person
    from sidestep.streams.personal.proof import ErasureProof
    from sidestep.streams.personal.traces import kept_topics, readings, traces

    person = Person.of(text, target)
    topics: list[KeptTopic] = kept_topics(connection)
    wanted = readings(connection, topics)
    with copy_progress("reading", sum(each.records for each in wanted)) as show:
        told = summed(show)
        return ErasureProof([traces(each, person, told) for each in wanted], now_ms)
