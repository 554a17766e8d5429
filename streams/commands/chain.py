"""sidestep chain: heads of the chains that Decide makes; laid by, signed, and held against the topics later."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec import to_builtins

from sidestep.streams.audit.chain_statement import ChainHeads, believed, stated
from sidestep.streams.audit.check_chain import CheckedHead
from sidestep.streams.commands.copy_progress import copy_progress
from sidestep.streams.commands.options import FILE, broker_option
from sidestep.streams.errors import ChainRefused
from sidestep.streams.settings import load
from sidestep.streams.terminal import json_line, printable

STATEMENT_MAX = 16 * 1024 * 1024


@click.group()
def chain() -> None:
    """What was read and written, as one number a partition: sign it, keep it, and prove later that nothing was
    changed."""


@chain.command("heads")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a partition.")
@broker_option
def heads(as_json: bool, broker: str | None) -> None:
    """Show how far the chain of each partition has come, and its head."""
    from sidestep.streams.audit.read_heads import read_heads

    said = read_heads(load(broker=broker).connection, _now())
    for line in map(json_line, to_builtins(said.heads)) if as_json else described_heads(said):
        click.echo(line)


@chain.command("export")
@click.argument("file", type=FILE)
@click.option("--key", "key_file", type=FILE, required=True, help="Ed25519, as `sidestep verdict-keys new` makes it.")
@click.option("--key-id", required=True, metavar="KEY-ID", help="What those who check call it.")
@broker_option
def export(file: Path, key_file: Path, key_id: str, broker: str | None) -> None:
    """Write the heads of now into FILE, signed. Keep it where nobody has it who may write to Kafka."""
    from sidestep.streams.audit.read_heads import read_heads
    from sidestep.topics.verdict_signer import VerdictSigner

    signer = VerdictSigner(key_id, key_file)
    said = read_heads(load(broker=broker).connection, _now())
    if not said.heads:
        raise ChainRefused("no partition has a chain yet: it begins with the next verdict")
    try:
        with file.open("xb") as opened:
            opened.write(stated(said, key_id, signer.sign))
    except OSError as error:
        raise ChainRefused(f"{file} can't be made ({error.strerror}); name another one") from None
    click.echo(printable(f"{file}: {len(said.heads)} heads of the cluster {said.cluster}, signed with {key_id}"))


@chain.command("check")
@click.argument("file", type=FILE)
@click.option("--verdict-keys", "keys_file", type=FILE, required=True, help="Public halves of keys that are believed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a partition.")
@broker_option
def check(file: Path, keys_file: Path, as_json: bool, broker: str | None) -> None:
    """Prove that today's topics still contain, unchanged, what the heads in FILE stand for.

    Exit code 0 where they do, or retention has taken it; 1 where something is not as it was.
    """
    from sidestep.streams.audit.read_heads import check_heads
    from sidestep.topics.verdict_keys import read_verdict_keys

    keys = read_verdict_keys(keys_file)
    try:
        with file.open("rb") as opened:
            said = believed(opened.read(STATEMENT_MAX), keys)
    except OSError as error:
        raise ChainRefused(f"{file} can't be read ({error.strerror})") from None
    except ChainRefused as error:
        raise ChainRefused(f"{file}: {error}") from None
    with copy_progress("checking", len(said.heads)) as show:
        found = list(check_heads(load(broker=broker).connection, said, show))
    for line in checked_json(found) if as_json else described_checks(said, found):
        click.echo(line)
    if any(each.outcome == "broken" for each in found):
        raise SystemExit(1)


def described_heads(said: ChainHeads) -> Iterator[str]:
    """A table."""
    yield f"{'partition':<11}{'up to record':>14}  head"
    for each in said.heads:
        yield printable(f"{each.partition:<11}{each.offset:>14,}  {each.head}")


def described_checks(said: ChainHeads, found: list[CheckedHead]) -> Iterator[str]:
    """A table, and whether all hold."""
    yield printable(f"heads of {said.at}, of the cluster {said.cluster}")
    yield f"{'partition':<11}{'up to record':>14}  "
    for each in found:
        where = f"at {each.place}: " if each.place else ""
        line = printable(f"{each.partition:<11}{each.offset:>14,}  {each.outcome:<9} {where}{each.text}")
        yield click.style(line, fg="red") if each.outcome == "broken" else line
    yield f"holds={sum(each.outcome == 'holds' for each in found)}/{len(found)}"


def checked_json(found: list[CheckedHead]) -> Iterator[str]:
    """For programs."""
    for each in found:
        yield json_line(each._asdict())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
