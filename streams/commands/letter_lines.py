"""Dead letters as lines: for people, and for programs. Pure."""

from collections.abc import Iterator

from sidestep.streams.redrive.letter import DeadLetter, LetterGroup, RedriveCount
from sidestep.streams.runtime.collective_letter import offsets_text
from sidestep.streams.screen.holds import rfc3339
from sidestep.streams.terminal import json_line, lined_up, printable
from sidestep.topics.replay_codec import said_octets

SHOWN = 2_000
"""Characters of a value for people; --json has all of it."""


def table(groups: list[LetterGroup]) -> Iterator[str]:
    """For people, a line each."""
    if not groups:
        yield "no dead letters"
        return
    rows = [("reason", "topic", "letters", "sent back", "first", "last")]
    rows += [
        (
            printable(group.reason),
            printable(group.topic),
            f"{group.letters:,}",
            f"{group.redriven:,}",
            rfc3339(group.first),
            rfc3339(group.last),
        )
        for group in groups
    ]
    yield from lined_up(rows, (2, 3))


def group_json(group: LetterGroup) -> str:
    """For programs."""
    return json_line(
        {
            "reason": group.reason,
            "topic": group.topic,
            "letters": group.letters,
            "redriven": group.redriven,
            "first": group.first / 1000,
            "last": group.last / 1000,
        }
    )


def as_line(letter: DeadLetter, redriven: int) -> str:
    """One of many: where it stands, when, why and from where, and that so many of its records were sent back."""
    back = " (sent back)" if redriven == letter.records else f" ({redriven:,} sent back)" if redriven else ""
    last = f"-{letter.ranges[-1][1]}" if letter.records > 1 else ""
    position = f"{letter.partition}/{letter.offset}"
    said = f"{letter.reason}  {letter.origin}{last}{back}  {letter.text}"
    return f"{position:<10} {rfc3339(letter.at)}  {printable(said)}"


def as_json_line(letter: DeadLetter, redriven: int) -> str:
    """The same, for programs."""
    return json_line(_fields(letter, redriven))


def whole_json(letter: DeadLetter, redriven: int) -> str:
    """All of it, as one JSON object; octets as in files of sidestep replay."""
    headers = None if letter.headers is None else [[name, said_octets(value)] for name, value in letter.headers]
    record = {"key": said_octets(letter.key), "value": said_octets(letter.value), "headers": headers}
    return json_line(_fields(letter, redriven) | record)


def described(letter: DeadLetter, redriven: int) -> Iterator[str]:
    """All of it for people, a line each."""
    for name, value in _fields(letter, redriven).items():
        if value not in (False, 0):
            yield f"{name:<10}  {printable(rfc3339(letter.at) if name == 'at' else str(value))}"
    if letter.ranges:
        yield from _where(letter)
        return
    if letter.headers is None:
        yield "headers     were not kept"
    for name, octets in letter.headers or ():
        yield f"header      {printable(name)}: {_for_people(octets)}"
    yield f"key         {_for_people(letter.key)}"
    yield f"value       {_for_people(letter.value)}"


def _where(letter: DeadLetter) -> Iterator[str]:
    topic, partition, first = letter.origin
    yield (
        f"These records stand in {printable(topic)}, for as long as it keeps them: redrive sends each of them back. To "
        "look at what lies there:"
    )
    stretch = f"--partition {partition} --from-offset {first} --until-offset {letter.ranges[-1][1] + 1}"
    yield f"    sidestep replay {printable(topic)} {stretch} --to records.jsonl"


def summary(count: RedriveCount, dry_run: bool) -> Iterator[str]:
    """What became of them."""
    yield f"{count.sent:,} dead letters {'would be' if dry_run else ''} sent back".replace("  ", " ")
    if count.before:
        yield f"{count.before:,} had been sent back before, or stand there twice"
    if count.bare:
        yield (
            f"{count.bare:,} of those sent go without headers of their own, which were not kept: where they have to be "
            "signed they are refused again"
        )
    for why, times in count.left_out.most_common():
        yield f"{times:,} left out: {printable(why)}"


def _fields(letter: DeadLetter, redriven: int) -> dict[str, object]:
    many = {"records": letter.records, "offsets": offsets_text(letter.ranges).decode()} if letter.ranges else {}
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "at": letter.at / 1000,
        "reason": letter.reason,
        "text": letter.text,
        "origin": str(letter.origin),
        **many,
        "cut": letter.cut,
        "sent back": redriven == letter.records,
        "times": letter.redriven,
    }


def _for_people(octets: bytes | None) -> str:
    if octets is None:
        return "none"
    text = octets.decode("utf-8", "backslashreplace")
    more = f" … and {len(text) - SHOWN:,} characters more: --json" if len(text) > SHOWN else ""
    return printable(text[:SHOWN]) + more
