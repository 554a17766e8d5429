"""The `sidestep` command. Sub-commands are imported when they are asked for: Faust alone takes a second."""

import importlib
import os
from typing import Any

import click

from sidestep.streams.terminal import printable, printable_lines
from sidestep.topics.errors import SidestepError

PACKAGE = "sidestep.streams.commands"
COMMANDS = {
    "doctor": (f"{PACKAGE}.doctor:doctor", "Say what is wrong with this set-up, and how to mend it."),
    "schema": (f"{PACKAGE}.schema:schema", "Print the JSON Schema of what a topic holds."),
    "topics": (f"{PACKAGE}.topics:topics", "Create, check and list the topics."),
    "acls": (f"{PACKAGE}.acls:acls", "Show, apply and check what each principal may do in Kafka."),
    "publish": (f"{PACKAGE}.publish:publish", "Publish intents or feedback, one JSON object a line."),
    "signers": (f"{PACKAGE}.signers:signers", "Keys of services that sign: make one, check the file."),
    "verdict-keys": (f"{PACKAGE}.verdict_keys:verdict_keys", "Keys that sign verdicts: make one, check readers' file."),
    "tail": (f"{PACKAGE}.tail:tail", "Show the last verdicts, then those that come."),
    "replay": (f"{PACKAGE}.replay:replay", "Copy records of a topic to another topic or a file, and back."),
    "dead-letters": (f"{PACKAGE}.dead_letters:dead_letters", "Show what could not be read, and send it back."),
    "deferred": (f"{PACKAGE}.deferred:deferred", "Show what is deferred and has not been offered again."),
    "keys": (f"{PACKAGE}.keys:keys", "Change the secret of the ledger's keys for a new one."),
    "worker": (f"{PACKAGE}.worker:worker", "Run a worker."),
    "ready": (f"{PACKAGE}.ready:ready", "Say whether a worker is ready: for health checks."),
    "up": (f"{PACKAGE}.up:up", "Start a broker and all workers on this machine."),
    "demo": (f"{PACKAGE}.demo:demo", "See it work, from nothing, in a minute."),
    "simulate": (f"{PACKAGE}.simulate:simulate", "Invent a company's email of two years, with its traps."),
    "serve": (f"{PACKAGE}.serve:serve", "Answer POST /v1/validate: check addresses while a person types them."),
    "receive": (f"{PACKAGE}.receive:receive", "Take webhooks, checked, and bounces by mail into Kafka."),
    "check-address": (
        f"{PACKAGE}.check_address:check_address",
        "Say what is known of addresses, and whether mail is sent.",
    ),
    "import": (f"{PACKAGE}.import_list:import_list", "Check a CSV file of addresses before a campaign."),
    "parse-feedback": (f"{PACKAGE}.feedback:parse_feedback", "Read bounces, complaints and webhook bodies."),
    "feedback": (f"{PACKAGE}.feedback:feedback", "Check the rules for bounces."),
    "policy": (f"{PACKAGE}.policy:policy", "Check and explain the policy file."),
    "hold": (f"{PACKAGE}.hold:hold", "Put services on hold, list and release them."),
    "audit": (f"{PACKAGE}.audit:audit", "Prove every verdict again, from the log that it follows from."),
    "explain": (f"{PACKAGE}.explain:explain", "Tell the whole story of one verdict."),
    "backtest": (f"{PACKAGE}.backtest:backtest", "Try another policy on the log, or beside the workers."),
    "snapshot": (f"{PACKAGE}.snapshot:snapshot", "Have workers take snapshots of their ledgers, list and check them."),
    "chain": (f"{PACKAGE}.chain:chain", "Sign what was read and written, and prove later that it is unchanged."),
    "anomalies": (f"{PACKAGE}.anomalies:anomalies", "Show the incidents that are open."),
    "suppress": (f"{PACKAGE}.suppress:suppress", "Stop all mail to addresses and domains by hand."),
    "trap": (f"{PACKAGE}.trap:trap", "Report known spam traps, list and remove them."),
    "marks": (f"{PACKAGE}.marks:marks", "Show what is known of a mailbox, take marks back."),
    "forget": (f"{PACKAGE}.forget:forget", "Remove a person, say what is left until when, prove it."),
    "export": (f"{PACKAGE}.export:export", "Give a person what is known of them."),
    "model": (f"{PACKAGE}.model:model", "Show what has been learnt about the risk."),
    "lists": (f"{PACKAGE}.lists:lists", "Block lists and feeds: status, refresh, check."),
}


PRIVATE = 0o077
"""The umask of every command and of whatever it starts: addresses, ledgers, keys and logs are for their owner alone."""


class LazyGroup(click.Group):
    """A group whose members are imported on use. A SidestepError becomes one line on stderr and exit code 2; so does
    a command of workers where only the clients are installed."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command, with a umask that keeps others out of what it writes."""
        before = os.umask(PRIVATE)
        try:
            return super().main(*args, **kwargs)
        finally:
            os.umask(before)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            name = (error.name or "").partition(".")[0]
            if name in ("", "sidestep"):
                raise
            click.echo(f'sidestep: {printable(name)} is not installed: pip install "sidestep[worker]"', err=True)
            ctx.exit(2)
        except SidestepError as error:
            click.echo(printable_lines(f"sidestep: {error}"), err=True)
            ctx.exit(2)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="sidestep", message="%(prog)s %(version)s")
def main() -> None:
    """One verdict for every email your services want to send."""
