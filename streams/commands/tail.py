"""sidestep tail: the last verdicts, and those that come; or the records of any other topic."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from sidestep.schemas.verdicts import Verdict
from sidestep.streams.commands.chosen import Chosen, same_mailbox
from sidestep.streams.commands.foreign_feedback import read_out
from sidestep.streams.commands.options import broker_option, past_given
from sidestep.streams.commands.past import HELP
from sidestep.streams.commands.render import as_json_line, as_text_line
from sidestep.streams.settings import load
from sidestep.topics.beginnings import Last, Since, Start
from sidestep.topics.catalog import APPROVED, BY_NAME, CATALOG, REJECTED
from sidestep.topics.received import Received
from sidestep.topics.subscribe import Subscription

OFFSETS_PER_RECORD = 20
"""Of a partition, to look back for each record that is to be shown: ends of transactions lie between them."""

Show = Callable[[Received], str]


@click.command()
@click.option(
    "--topic",
    "names",
    multiple=True,
    type=click.Choice([topic.name for topic in CATALOG]),
    default=(APPROVED.name, REJECTED.name),
    show_default=True,
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with topic, partition and offset.")
@click.option("--last", type=click.IntRange(0), help="Begin with so many records that are there.  [default: 10]")
@click.option("--since", metavar="TIME", help=f"Begin with what is there since then: {HELP}.")
@click.option("--from-beginning", is_flag=True, help="Everything that is retained, then what comes.")
@click.option("--id", "ids", multiple=True, metavar="ID", help="Only these; of all that is retained, unless --since.")
@click.option("--service", "services", multiple=True, metavar="NAME", help="Only of these services.")
@click.option(
    "--to",
    "addresses",
    multiple=True,
    metavar="ADDRESS",
    help="Only to this mailbox, however its address is written; of all that is retained, unless --since.",
)
@click.option("--count", type=click.IntRange(1), help="Stop after so many records.")
@click.option("--timeout", type=click.FloatRange(0), help="Stop after so many seconds without a record.")
@click.option(
    "--verdict-keys",
    "keys_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Show as verdicts only what these keys prove, and of the rest why not.",
)
@broker_option
def tail(
    names: tuple[str, ...],
    as_json: bool,
    last: int | None,
    since: str | None,
    from_beginning: bool,
    ids: tuple[str, ...],
    services: tuple[str, ...],
    addresses: tuple[str, ...],
    count: int | None,
    timeout: float | None,
    keys_file: Path | None,
    broker: str | None,
) -> None:
    """Show the last few verdicts, then those that come; or the records of any other topic.

    The exit code is 1 if --timeout came before --count. Of one id, `sidestep explain` tells the whole story.
    """
    from sidestep.topics.verdict_keys import VerdictKeys

    if keys_file is not None and (others := [name for name in names if BY_NAME[name].schema is not Verdict]):
        raise click.UsageError(f"--verdict-keys is for verdicts, and {others[0]} has none")
    if sum((last is not None, since is not None, from_beginning)) > 1:
        raise click.UsageError("--last, --since and --from-beginning each say where to begin: give one of them")
    chosen = Chosen(frozenset(ids), frozenset(services), tuple(map(same_mailbox, addresses)))
    since_ms = past_given("--since", since, int(time.time() * 1000))
    searched = last is None and not from_beginning and bool(ids or addresses)
    few = 0 if from_beginning or since is not None else 10 if last is None else last
    start = _start(from_beginning, since_ms if since_ms is not None or not searched else 0, few)
    verify = VerdictKeys(keys_file) if keys_file is not None else None
    with Subscription(load(broker=broker).connection, names, start=start, verify=verify) as records:
        tailing = _Tail(records, chosen, as_json_line if as_json else as_text_line, count or sys.maxsize)
        if searched:
            tailing.show_last(sys.maxsize)
        elif few:
            tailing.show_last(few)
        tailing.follow(timeout)
    if count is not None and tailing.shown < count:
        raise SystemExit(1)


def _start(from_beginning: bool, since_ms: int | None, few: int) -> Start:
    if from_beginning:
        return "earliest"
    if since_ms is not None:
        return Since(since_ms)
    return Last(few * OFFSETS_PER_RECORD) if few else "latest"


class _Tail:
    def __init__(self, records: Subscription, chosen: Chosen, show: Show, most: int):
        self._records = records
        self._chosen = chosen
        self._show = show
        self._most = most
        self.shown = 0

    def show_last(self, few: int) -> None:
        """The youngest of what is there, the oldest first: partitions come one after the other."""
        there: list[Received] = []
        while not self._records.caught_up:
            there += self._chosen_of(self._records.batch(500, 0.2))
        there.sort(key=lambda record: (record.timestamp, record.topic, record.partition, record.offset))
        self._put(there[-few:])

    def follow(self, timeout: float | None) -> None:
        """Until there were enough, or none for `timeout` seconds; None: until Ctrl-C."""
        idle_since = time.monotonic()
        while self.shown < self._most:
            left = 1.0 if timeout is None else idle_since + timeout - time.monotonic()
            found = self._records.batch(min(500, self._most - self.shown), max(min(left, 1.0), 0))
            if found:
                self._put(self._chosen_of(found))
                idle_since = time.monotonic()
            elif timeout is not None and time.monotonic() >= idle_since + timeout:
                break

    def _chosen_of(self, records: Sequence[Received]) -> list[Received]:
        now = time.time()
        return self._chosen.among(read_out(record, now) for record in records)

    def _put(self, records: Sequence[Received]) -> None:
        for record in records[: self._most - self.shown]:
            click.echo(self._show(record))
            self.shown += 1
