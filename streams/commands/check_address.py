"""sidestep check-address: everything that is known of addresses, and what would become of mail to them, in the order
given."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from sidestep.streams.commands.lines import BOM, NotAnAddress, address_in, arriving
from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import parse as parse_policy
from sidestep.streams.decide.rules.address import UNKNOWN
from sidestep.streams.screen.address.parse import ParsedAddress
from sidestep.streams.screen.examiner import Examiner
from sidestep.streams.screen.findings import Subject, subject
from sidestep.streams.screen.lists.classes import Lists, load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.answers import NOT_ASKED, Answers
from sidestep.streams.screen.sources.asked import sources_asked
from sidestep.streams.settings import Settings, load
from sidestep.streams.terminal import json_line, printable
from sidestep.streams.web.validate.answer import Answerer, CurrentVersions, Result

WINDOW = 4_096
"""Lines between the one read last and the one written last: one slow name must not hold up the look-ups behind it."""

WORDS = {"approved": ("send", "green"), "rejected": ("drop", "red"), "unknown": ("unknown", "yellow")}
"""What becomes of a message, as verdicts have it. An intent to an address of which too little is known is deferred."""

Find = Callable[[ParsedAddress], Awaitable[Answers]]
Pending = Callable[[], Awaitable["Result | BadLine"]]
Write = Callable[["Result | BadLine"], None]
Queue = asyncio.Queue[Pending | None]


@click.command("check-address")
@click.argument("given", metavar="[ADDRESS|FILE]...", nargs=-1)
@click.option(
    "--dns",
    "--name-servers",
    "dns",
    metavar="HOST[:PORT],…",
    help="Instead of the system's. [env: SIDESTEP_NAME_SERVERS]",
)
@click.option("--offline", is_flag=True, help="Ask nobody: mx is unknown.")
@click.option("--sources", metavar="FILE", help="Block lists, feeds, … to ask too. [env: SIDESTEP_SOURCES]")
@click.option("--policy", metavar="FILE", help="The policy that answers follow from. [env: SIDESTEP_POLICY]")
@click.option("--stream", default="", metavar="NAME", help="Of the message: transactional, marketing, …")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def check_address(
    given: tuple[str, ...],
    dns: str | None,
    offline: bool,
    sources: str | None,
    policy: str | None,
    stream: str,
    as_json: bool,
) -> None:
    """Say what is known of addresses, and whether a message to each would be sent or dropped, and why.

    As /v1/validate does, without anybody's history. Each line of FILE (- or nothing is standard input) is an address,
    or one as a JSON string. The answers come in the same order, each as soon as it can. A line that holds no address is
    answered with an error, and the exit code is 1 then; blank lines are left out.
    """
    if dns is not None and not dns.strip(", "):
        raise click.UsageError("--dns names no server; leave it out to ask those of the system")
    if offline and dns:
        raise click.UsageError("--offline asks nobody: leave out --dns")
    show = _json if as_json else _text
    settings = load(name_servers=dns, sources=sources, policy=policy)
    with ExitStack() as opened:
        streams = tuple(opened.enter_context(_stream(text)) for text in given or ("-",))
        if not asyncio.run(_check_all(streams, settings, offline, stream, lambda answer: click.echo(show(answer)))):
            raise SystemExit(1)


@contextmanager
def _stream(given: str) -> Iterator[IO[bytes]]:
    """Lines with addresses: standard input, a file, or the one that stands on the command line itself."""
    if given == "-":
        yield click.get_binary_stream("stdin")
    elif "@" in given and not Path(given).exists():
        yield io.BytesIO(json_line(given).encode())
    else:
        try:
            with Path(given).open("rb") as file:
                yield file
        except OSError as error:
            raise click.BadParameter(
                f"{printable(given)!r} is neither an address nor a file that can be read: {error.strerror}",
                param_hint="[ADDRESS|FILE]...",
            ) from None


class BadLine:
    """The answer to a line that holds no address: its number, counted over all files, and what is wrong with it."""

    def __init__(self, line: int, text: str):
        self.line = line
        self.text = text


class LineChecker:
    """Starts a look-up for each line as it comes, and has the answers ready in their order."""

    def __init__(
        self,
        find: Find,
        lists: Lists,
        answerer: Answerer,
        concurrency: int,
        unasked: Answers = NOT_ASKED,
        stream: str = "",
    ):
        self._find = find
        self._answerer = answerer
        self._stream = stream
        self._unasked = unasked
        self._facts = DomainBook(lists, suggest, partitions=1).facts
        self._examiner = Examiner(lists)
        # here and not in the resolver's queue, where waiting counts towards the deadline
        self._slots = asyncio.Semaphore(concurrency)
        self._near: set[asyncio.Task[Answers]] = set()

    def start(self, number: int, line: bytes) -> Pending:
        """The answer to a line, under way; to be called in the order of the lines."""
        try:
            about = subject(address_in(line), self._facts)
        except NotAnAddress as error:
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

    async def _finish(self, about: Subject, task: asyncio.Task[Answers]) -> Result:
        answers = await task
        if about.near_miss is not None and self._near:
            # near misses that came together are judged together, whichever was answered first
            await asyncio.wait(self._near)
        return self._check(about, answers)

    def _check(self, about: Subject, answers: Answers) -> Result:
        (found,) = self._examiner.examine([(about, answers)])
        return self._answerer.result(about, answers, found, self._stream, int(time.time()))


async def _check_all(
    streams: tuple[IO[bytes], ...], settings: Settings, offline: bool, stream: str, write: Write
) -> bool:
    """False if a line held no address. Raises SettingsError, PolicyError, SourcesError, OSError."""
    lists, policy = load_lists(), parse_policy(read_policy(settings))

    async with sources_asked(settings, offline) as asked:
        answerer = Answerer(policy, lists, CurrentVersions(policy.version, lists.versions, asked.versions))
        checker = LineChecker(asked.ask, lists, answerer, settings.dns_concurrency, asked.unasked, stream)
        return await _pump(streams, checker, write)


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


async def _known(answer: Result | BadLine) -> Result | BadLine:
    return answer


def _json(answer: Result | BadLine) -> str:
    # ASCII alone: addresses come from strangers, terminals and pipes differ, and lone surrogates have no UTF-8
    return json_line(_fields(answer))


def _fields(answer: Result | BadLine) -> dict[str, Any]:
    return {"line": answer.line, "error": answer.text} if isinstance(answer, BadLine) else answer.as_dict()


def _text(answer: Result | BadLine) -> str:
    if isinstance(answer, BadLine):
        return click.style("error  ", fg="red") + f" line {answer.line}: {printable(answer.text)}"
    word, colour = WORDS[answer.outcome]
    why = "; ".join(f"{rule.id}: {rule.text}" for rule in answer.rules)
    parts = [", ".join(_notes(answer)), f"[{why}]" if why else ""]
    return click.style(f"{word:<7}", fg=colour, bold=True) + printable(
        " " + "  ".join([answer.address, *filter(None, parts)])
    )


def _notes(answer: Result) -> Iterator[str]:
    if answer.reason:
        yield answer.reason
        return
    yield f"mail: {answer.mx} ({UNKNOWN.get(answer.mx_reason, answer.mx_reason)})"
    if answer.mx_provider:
        yield answer.mx_provider
    yield from answer.classes
    yield from (f"listed by {each.list}: {each.reason}" for each in answer.listed if each.reason)
    if answer.mailbox is not None:
        yield f"mailbox {answer.mailbox.outcome} ({answer.mailbox.reason})"
    if answer.suggestion:
        yield f"perhaps {answer.suggestion}"
