"""Files of a simulation: the events as the topics would have them, and the truth in a folder of its own."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from io import BufferedWriter
from pathlib import Path
from typing import Any

import msgspec

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.codec import encode
from sidestep.streams.simulate.incidents import Spell
from sidestep.streams.simulate.mailboxes import Mailbox, MailboxStage, Truth
from sidestep.streams.simulate.plan import SimulationPlan
from sidestep.streams.simulate.protect import Advice, Offer
from sidestep.streams.simulate.run import Recorder

EVENTS = ("email-intents", "email-bounces", "email-engagement")
TRUTH = "truth"


class FileRecorder(Recorder):
    """Writes what happens, line by line, in the order of time. Use as a context."""

    def __init__(self, folder: Path):
        (folder / TRUTH).mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()
        self._intents, self._bounces, self._engagement = (self._open(folder / f"{name}.ndjson") for name in EVENTS)
        self._truth = self._open(folder / TRUTH / "intents.ndjson")
        self.written = dict.fromkeys(EVENTS, 0)

    def __enter__(self) -> "FileRecorder":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def offered(self, offer: Offer, ruling: Advice, hits: Truth) -> None:
        """The intent; and in the other folder what it would hit, and what was said of it."""
        intent = offer.intent
        self._intents.write(encode(msgspec.structs.replace(intent, created_at=round(offer.at, 3))) + b"\n")
        told = {"service": intent.service, "id": intent.id, "attempt": intent.attempt, "hits": hits}
        self._truth.write(_line(told | {"action": ruling.action}))
        self.written["email-intents"] += 1

    def heard(self, at: float, report: Bounce | Engagement) -> None:
        """A report, into the topic for its kind."""
        bounce = isinstance(report, Bounce)
        (self._bounces if bounce else self._engagement).write(encode(report) + b"\n")
        self.written["email-bounces" if bounce else "email-engagement"] += 1

    def _open(self, path: Path) -> BufferedWriter:
        return self._stack.enter_context(path.open("wb"))


def write_world(plan: SimulationPlan, folder: Path) -> None:
    """What name servers say, for whoever plays the events; and the truth about mailboxes and incidents."""
    domains = {mailbox.domain.name: mailbox.domain for mailbox in plan.mailboxes}
    answers: Iterable[dict[str, Any]] = (
        {"domain": name, "since": epoch.since} | msgspec.to_builtins(epoch.finding)
        for name, domain in sorted(domains.items())
        for epoch in domain.epochs
    )
    _write(folder / "dns.ndjson", answers)
    _write(folder / TRUTH / "mailboxes.ndjson", map(_told, plan.mailboxes))
    _write(folder / TRUTH / "incidents.ndjson", (msgspec.to_builtins(incident) for incident in plan.incidents))


def write_listed(listed: list[Spell], folder: Path) -> None:
    """When a block list had the company, for what was sent."""
    _write(folder / TRUTH / "listed.ndjson", ({"since": it.since, "until": it.until} for it in listed))


def _told(mailbox: Mailbox) -> dict[str, Any]:
    domain = mailbox.domain
    return {
        "address": mailbox.address,
        "nature": mailbox.nature,
        "trap": mailbox.trap if any(stage is MailboxStage.TRAP for _, stage in mailbox.life) or domain.trap else "",
        "life": [(since, stage.name.lower()) for since, stage in mailbox.life],
        "domain": [(epoch.since, epoch.takes.name.lower()) for epoch in domain.epochs],
        "domain_trap": domain.trap,
        "opens": round(mailbox.opens, 3),
    }


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(_lines(rows))


def _lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    yield from map(_line, rows)


def _line(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode(row) + b"\n"
