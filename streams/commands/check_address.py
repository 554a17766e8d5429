"""sidestep check-address: everything that is known of addresses, one JSON string a line, in the order given."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import IO, Any

import click

from sidestep.streams.commands.lines import BOM, NotAString, arriving, json_string
from sidestep.streams.decide.rules.address import UNKNOWN
from sidestep.streams.errors import SettingsError
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.check import Checked, check
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.findings import Subject, subject
from sidestep.streams.screen.lists.classes import Lists, load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.answers import NOT_ASKED, OFFLINE, Answers
from sidestep.streams.screen.sources.build import open_sources
from sidestep.streams.settings import Settings, load, name_servers
from sidestep.streams.terminal import json_line, printable

WINDOW = 4_096
"""Lines between the one read last and the one written last: one slow name must not hold up the look-ups behind it."""

COLOURS = {"yes": "green", "no": "red", "unknown": "yellow"}

Find = Callable[[ParsedAddress], Awaitable[Answers]]
Pending = Callable[[], Awaitable["Checked | BadLine"]]
Write = Callable[["Checked | BadLine"], None]
Queue = asyncio.Queue[Pending | None]


@click.command("check-address")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.File("rb"))
@click.option("--dns", metavar="HOST:PORT", help="Name server to ask, several with commas.  [default: the system's]")
@click.option("--offline", is_flag=True, help="Ask nobody: mx is unknown.")
@click.option("--sources", metavar="FILE", help="Block lists, feeds, … to ask too. [env: SIDESTEP_SOURCES]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def check_address(
    files: tuple[IO[bytes], ...], dns: str | None, offline: bool, sources: str | None, as_json: bool
) -> None:
    """Say what is known of addresses: syntax, mail service, classes, a likely slip.

    Each line of FILE (- or nothing is standard input) is a JSON string. The answers come in the same order, each as
    soon as it can. A line that is not a JSON string is answered with an error, and the exit code is 1 then; blank lines
    are left out.
    """
    if dns is not None and not dns.strip(", "):
        raise click.UsageError("--dns names no server; leave it out to ask those of the system")
    if offline and dns:
        raise click.UsageError("--offline asks nobody: leave out --dns")
    streams = files or (click.get_binary_stream("stdin"),)
    show = _json if as_json else _text
    settings = load(name_servers=dns, sources=sources)
    if not asyncio.run(_check_all(streams, settings, offline, lambda answer: click.echo(show(answer)))):
        raise SystemExit(1)


class BadLine:
    """The answer to a line that holds no address: its number, counted over all files, and what is wrong with it."""

    def __init__(self, line: int, text: str):
        self.line = line
        self.text = text


class LineChecker:
    """Starts a look-up for each line as it comes, and has the answers ready in their order."""

    def __init__(self, find: Find, lists: Lists, concurrency: int, unasked: Answers = NOT_ASKED):
        self._find = find
        self._lists = lists
        self._unasked = unasked
        self._facts = DomainBook(lists, suggest, partitions=1).facts
        self._examiner = Examiner(lists)
        # here and not in the resolver's queue, where waiting counts towards the deadline
        self._slots = asyncio.Semaphore(concurrency)
        self._near: set[asyncio.Task[Answers]] = set()

    def start(self, number: int, line: bytes) -> Pending:
        """The answer to a line, under way; to be called in the order of the lines."""
        try:
            about = subject(json_string(line), self._facts)
        except NotAString as error:
            return partial(_known, BadLine(number, str(error)))
        if not about.domain:
            return partial(_known, self._check(about, self._unasked))
        task = asyncio.create_task(self._look_up(about))
        if about.near_miss is not None:
            self._near.add(task)
            task.add_done_callback(self._near.discard)
        return partial(self._finish, about, task)

    async def _look_up(self, about: Subject) -> Answers:
        async with self._slots:
            answers = await self._find(about.address)
        self._examiner.note(about, answers)
        return answers

    async def _finish(self, about: Subject, task: asyncio.Task[Answers]) -> Checked:
        answers = await task
        if about.near_miss is not None and self._near:
            # near misses that came together are judged together, whichever was answered first
            await asyncio.wait(self._near)
        return self._check(about, answers)

    def _check(self, about: Subject, answers: Answers) -> Checked:
        (found,) = self._examiner.examine([(about, answers)])
        return check(about, answers, found, self._lists)


async def _check_all(streams: tuple[IO[bytes], ...], settings: Settings, offline: bool, write: Write) -> bool:
    """False if a line was no JSON string. Raises SettingsError, SourcesError, OSError."""
    lists = load_lists()
    if offline:
        return await _pump(streams, LineChecker(_offline, lists, settings.dns_concurrency, OFFLINE), write)
    servers = name_servers(settings)
    sources = open_sources(settings, servers and [_address_of(host, port) for host, port in servers])
    try:
        await sources.prepare()
        return await _pump(streams, LineChecker(sources.inquiry.ask, lists, settings.dns_concurrency), write)
    finally:
        await sources.close()


async def _pump(streams: tuple[IO[bytes], ...], checker: LineChecker, write: Write) -> bool:
    queue: Queue = asyncio.Queue(WINDOW)
    starter = asyncio.create_task(_start_all(streams, checker, queue))
    good = True
    try:
        while (pending := await queue.get()) is not None:
            answer = await pending()
            good = good and not isinstance(answer, BadLine)
            write(answer)
        await starter
    finally:
        starter.cancel()
    return good


async def _start_all(streams: tuple[IO[bytes], ...], checker: LineChecker, queue: Queue) -> None:
    try:
        async for number, line in _numbered(streams):
            await queue.put(checker.start(number, line))
    finally:
        await queue.put(None)


async def _numbered(streams: tuple[IO[bytes], ...]) -> AsyncIterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers from 1."""
    number = 0
    async for lines in arriving(streams):
        for line in lines:
            number += 1
            text = line.removeprefix(BOM) if number == 1 else line
            if text.strip():
                yield number, text


async def _known(answer: Checked | BadLine) -> Checked | BadLine:
    return answer


async def _offline(_: ParsedAddress) -> Answers:
    return OFFLINE


def _address_of(host: str, port: int) -> tuple[str, int]:
    """`localhost` is fine for a person at a shell; a resolver needs the address."""
    if not 0 < port < 65_536:
        raise SettingsError(f"name server {host!r}: {port} is no port")
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0]), port
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"name server {host!r}: {error}; give its IP address") from None


def _json(answer: Checked | BadLine) -> str:
    # ASCII alone: addresses come from strangers, terminals and pipes differ, and lone surrogates have no UTF-8
    return json_line(_fields(answer))


def _fields(answer: Checked | BadLine) -> dict[str, Any]:
    return {"line": answer.line, "error": answer.text} if isinstance(answer, BadLine) else answer.as_dict()


def _text(answer: Checked | BadLine) -> str:
    if isinstance(answer, BadLine):
        return click.style("error  ", fg="red") + f"line {answer.line}: {printable(answer.text)}"
    who = printable(answer.address)
    if answer.reason:
        return click.style("invalid", fg="red") + f" {who}  {printable(answer.reason)}"
    mx = click.style(f"{answer.mx:<7}", fg=COLOURS[answer.mx])
    notes = [UNKNOWN.get(answer.mx_reason, answer.mx_reason), answer.mx_provider, *answer.classes]
    notes += [f"listed by {x.list}: {x.reason}" for x in answer.listed if x.reason]
    if answer.mailbox is not None:
        notes.append(f"mailbox {answer.mailbox.outcome} ({answer.mailbox.reason})")
    if answer.suggestion:
        notes.append(f"perhaps {answer.suggestion}")
    return f"{mx} {who}  " + printable(", ".join(filter(None, notes)))
