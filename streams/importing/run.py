"""Checks a list: once through it for what it is made of, once more for the answers, which go row by row into a file."""

from collections.abc import Callable, Iterator
from contextlib import aclosing, closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import parse as parse_policy
from sidestep.streams.errors import ImportFailed
from sidestep.streams.importing.answers_file import answers_file
from sidestep.streams.importing.columns import Columns, columns
from sidestep.streams.importing.counts import ImportCounts, shipped_counts, source_name
from sidestep.streams.importing.judge import ListRow, RowJudge, strangers
from sidestep.streams.importing.list_file import ListFile, Progress
from sidestep.streams.importing.report import ImportReport
from sidestep.streams.importing.row_answer import HEADER, WriteRow, row_answer
from sidestep.streams.importing.seen_mailboxes import SeenMailboxes
from sidestep.streams.importing.told_histories import Past
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.findings import Subject, subject
from sidestep.streams.screen.lists.classes import load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook, DomainFacts
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.asked import sources_asked
from sidestep.streams.settings import Settings
from sidestep.streams.terminal import printable
from sidestep.streams.web.validate.answer import Answerer, CurrentVersions

SAMPLE = 200
"""Rows by which columns are found."""
NEAR_MISSES_MAX = 20_000
"""Domains that are asked about before anything is judged; the first ones of the list."""

Facts = Callable[[str], DomainFacts]


class ListToCheck(NamedTuple):
    """What the command was asked for. `address` and `source` name columns; None: they are found."""

    file: ListFile
    out: Path
    address: str | None
    source: str | None
    stream: str
    offline: bool
    past: Past | None = None
    """Histories to go by; None: nobody's."""


class Surveyed(NamedTuple):
    """What a list is made of."""

    columns: Columns
    rows: int
    near_misses: list[Subject]


async def check_list(wanted: ListToCheck, settings: Settings, progress: Progress) -> ImportReport:
    """Writes the answers, and sums them up. Raises ImportFailed, SettingsError, PolicyError and SourcesError; then
    there is no file of answers."""
    lists, policy = load_lists(), parse_policy(read_policy(settings))
    facts = DomainBook(lists, suggest, partitions=1).facts
    found = _survey(wanted, facts, progress)
    counts = shipped_counts()
    async with sources_asked(settings, wanted.offline) as asked:
        versions = CurrentVersions(policy.version, lists.versions, asked.versions)
        answerer = Answerer(policy, lists, versions)
        told_of = strangers if wanted.past is None else wanted.past.told_of
        judge = RowJudge(asked, Examiner(lists), answerer, settings.dns_concurrency, wanted.stream, told_of)
        await judge.note(found.near_misses)
        with answers_file(wanted.out, wanted.file, found.rows) as write, progress("checking", found.rows) as show:
            await _answer(wanted.file, found.columns, judge, facts, counts, write, show)
        return ImportReport(
            wanted.file.name,
            found.columns,
            counts,
            versions.in_force(),
            wanted.offline,
            wanted.stream,
            None if wanted.past is None else wanted.past.seen,
        )


def _survey(wanted: ListToCheck, facts: Facts, progress: Progress) -> Surveyed:
    file = wanted.file
    rows = file.rows()
    sample = [row for row in islice(rows, SAMPLE) if row]
    rows.close()
    if not sample:
        raise ImportFailed(f"{printable(file.name)} is empty")
    width = max(map(len, sample))
    at = columns(sample, width, wanted.address, wanted.source).address
    near_misses: dict[str, Subject] = {}
    count = 0
    with progress("reading", file.size) as show:
        for row in file.rows(show):
            count, width = count + 1, max(width, len(row))
            about = subject(row[at], facts) if at < len(row) else None
            if about is not None and about.near_miss is not None and len(near_misses) < NEAR_MISSES_MAX:
                near_misses.setdefault(about.domain, about)
    # a row may have more cells than the header: the answers stand beyond the longest
    found = columns(sample, width, wanted.address, wanted.source)
    return Surveyed(found, count - found.headed, list(near_misses.values()))


async def _answer(
    file: ListFile,
    where: Columns,
    judge: RowJudge,
    facts: Facts,
    counts: ImportCounts,
    write: WriteRow,
    show: Callable[[int, int], None],
) -> None:
    write([*where.names, *HEADER])
    with closing(SeenMailboxes()) as seen:
        async with aclosing(judge.judge(_listed(file, where, facts))) as judged:
            async for row, result in judged:
                identity = row.about.address.identity
                answer = row_answer(result, seen.first(identity, row.number) if identity else None)
                source = None if where.source is None else source_name(_cell(row.cells, where.source))
                counts.add(answer, source, not row.about.text.strip())
                padding = [""] * (len(where.names) - len(row.cells))
                write([*row.cells, *padding, *answer.cells()])
                if row.number % 256 == 0:
                    show(row.number, row.number)


def _listed(file: ListFile, where: Columns, facts: Facts) -> Iterator[ListRow]:
    for number, cells in enumerate(islice(file.rows(), int(where.headed), None), 1):
        yield ListRow(number, cells, subject(_cell(cells, where.address), facts))


def _cell(cells: list[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""
