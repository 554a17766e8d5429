"""A log of some 1,600 records for each engine, with all that its fold makes of it as digests: tests/audit/golden.

    python -m tests.audit.golden_log           # writes the files of the present engine
    python -m tests.audit.golden_log --anew    # … though it says something else now: no release has shipped it
    python -m tests.audit.golden_log --fold 5  # what engine 5 says about its log, as JSON

It begins with the golden log of tests/decide, which meets every rule, and goes on with three days of traffic that comes
out of a seed: repetitions, attempts, ids used again, what is signed and what is only claimed, two secrets, feedback of
all kinds, control records of all kinds, octets that nobody can read.
"""

import argparse
import gzip
import hashlib
import json
import locale
import random
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

from sidestep.schemas import (
    ErasureRecord,
    Evidence,
    FormerKeys,
    HoldRecord,
    IntentEvidence,
    Listing,
    ListsRecord,
    MailboxFinding,
    MarksRecord,
    ModelRecord,
    ModelSnapshot,
    MxFinding,
    Pace,
    PaceRecord,
    SourceHoldRecord,
    SuppressRecord,
    TickRecord,
    TrapRecord,
)
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.schemas.evidence import FeedbackEvent
from sidestep.streams.audit import Replayer
from sidestep.streams.audit.folds import FOLDS
from sidestep.streams.decide.engine import ENGINE
from sidestep.streams.screen.keys import Keys
from tests.decide.world import DAY, KEYS, feedback, intent, policy, policy_text, sought

FOLDER = Path(__file__).parent / "golden"
EVERY_RULE = Path(__file__).parents[1] / "decide" / "golden" / "every-rule.log.json"
SEED = 63
TRAFFIC = 1500
SERVICES = ("shop", "news", "crm")
DOMAINS = ("one.example", "two.example", "three.example", "busy.example")
CLASSES = ((), (), (), ("role",), ("disposable",), ("near-miss",), ("machine-made",), ("free",), ("typo",), ("parked",))
UNREADABLE = (b"{", b'{"kind":"of a later version","at":1}', b"\xff\xfe", b'{"kind":"tick","at":1e400}')
BATCH = 200


class GoldenLog:
    """The files of one engine."""

    def __init__(self, engine: str, folder: Path = FOLDER):
        self.engine = engine
        self._log = folder / f"engine-{engine}.log.jsonl.gz"
        self._said = folder / f"engine-{engine}.said.json"

    @property
    def paths(self) -> tuple[Path, Path]:
        """Log and digests."""
        return self._log, self._said

    def values(self) -> list[bytes]:
        """The log's records."""
        return gzip.decompress(self._log.read_bytes()).splitlines()

    def said(self) -> dict[str, Any]:
        """The digests that are kept."""
        return dict(json.loads(self._said.read_bytes()))

    def fold(self, batch: int = BATCH) -> dict[str, Any]:
        """Those that the engine's fold gives now."""
        replayer = Replayer(0, engine=self.engine)
        verdicts, tallies = list[bytes](), list[bytes]()
        for step in replayer.replay(enumerate(self.values()), batch):
            verdicts += [encode(verdict) for verdict in step.verdicts]
            tallies += [encode(tally) for tally in step.tallies]
        rows = {"rows": replayer.tables.keyed, "ids": replayer.tables.windowed}
        stored = {name: [octets for pair in store.items(b"") for octets in pair] for name, store in rows.items()}
        return {
            "records": len(self.values()),
            "verdicts": digest(verdicts),
            "tallies": digest(sorted(tallies)),  # within a second they have no order
            **{name: digest(octets) for name, octets in stored.items()},
        }

    def write(self, values: Iterable[bytes]) -> None:
        """Make both anew."""
        self._log.write_bytes(gzip.compress(b"\n".join(values) + b"\n", 9, mtime=0))
        self._said.write_text(json.dumps(self.fold(), indent=2) + "\n", "utf-8")


def digest(values: Iterable[bytes]) -> str:
    """How many, and the BLAKE2b of all of them, each with its length."""
    hasher, count = hashlib.blake2b(digest_size=16), 0
    for value in values:
        hasher.update(len(value).to_bytes(4, "big") + value)
        count += 1
    return f"{count} {hasher.hexdigest()}"


def story() -> Iterator[bytes]:
    """The log: octets of records, in offset order."""
    every_rule = [line.rstrip(b",") for line in EVERY_RULE.read_bytes().splitlines()[1:-1]]
    yield from every_rule
    yield from Days(decode_evidence(every_rule[-1]).at).records()


class Days:
    """Some days of traffic, out of a seed."""

    def __init__(self, now: int):
        self._random = random.Random(SEED)
        self._now = now
        self._said: list[IntentEvidence] = []
        self._former = Keys(bytes(range(32)))

    def records(self) -> Iterator[bytes]:
        """All of them."""
        limits = {"domain": "30/min,max_burst=6", "service": "20/min,max_burst=5", "provider": "10/min"}
        texts = [policy_text(**limits), policy_text({"role-address": "off"}, **limits), policy_text(provider="5/min")]
        yield encode(policy(texts[0], self._now, partitions=4))
        for number in range(TRAFFIC):
            self._now += self._random.choice((3, 40, 900, 5_000, 60_000, 900_000))
            if number % 500 == 250:
                yield encode(policy(texts[number // 500], self._now, partitions=4))
            if number % 25 == 7:
                yield encode(self._control(number // 25))
            if number % 300 == 99:
                yield self._random.choice(UNREADABLE)
            yield encode(self._one(number))

    def _one(self, number: int) -> Evidence:
        kind = self._random.random()
        if kind < 0.62 or len(self._said) < 20:
            record = self._intent(number)
        elif kind < 0.68:
            record = self._again(self._random.choice(self._said[-200:]), attempt=1)
        elif kind < 0.78:
            before = self._random.choice(self._said[-200:])
            record = self._again(before, attempt=before.attempt + self._random.choice((1, 1, 1, 2, 7)))
        elif kind < 0.80:
            before = self._random.choice(self._said[-200:])
            record = intent(before.id, f"other{number}@one.example", before.service, at=self._now, reused=True)
        else:
            return self._feedback(self._random.choice(self._said[-200:]), number)
        self._said.append(record)
        return record

    def _intent(self, number: int) -> IntentEvidence:
        to = f"jane{self._random.randrange(150)}@{self._random.choice(DOMAINS)}"
        more: dict[str, Any] = {
            "at": self._now,
            "classes": self._random.choice(CLASSES),
            "suggestion": "jane@gmail.com" if self._random.random() < 0.3 else "",
            "stream": self._random.choice(("", "newsletter", "transactional")),
            "campaign": self._random.choice(("", "spring", "autumn")),
            "source": self._random.choice(("", "form", "import-2017")),
            "mx": self._mx(),
            "test": self._random.random() < 0.03,
            "token": f"{number:030x}",
            **self._speaker(),
        }
        if self._random.random() < 0.05:
            more["listed"] = (Listing("dbl.example", "1", "one.example", "spam", suspect=self._random.random() < 0.5),)
        if self._random.random() < 0.03:
            more["mailbox"] = MailboxFinding(self._random.choice(("yes", "no", "unknown")), "accepted", self._now, 600)
        if self._random.random() < 0.05:
            more["metadata"] = {"n": number, "of": {"nested": [1, 2.5, None, "ü"]}}
        if self._random.random() < 0.04:
            more["former"] = (FormerKeys(recipient_key=self._former.recipient(to)),)
        return intent(f"i{number}", to, self._random.choice(SERVICES), **more)

    def _again(self, before: IntentEvidence, attempt: int) -> IntentEvidence:
        fields = {name: getattr(before, name) for name in IntentEvidence.__struct_fields__}
        return IntentEvidence(**{**fields, "at": self._now, "attempt": attempt})

    def _speaker(self) -> dict[str, Any]:
        return self._random.choice(({}, {"proved": "shop-1"}, {"claimed": True}))

    def _mx(self) -> MxFinding:
        kind = self._random.random()
        if kind < 0.1:
            return MxFinding("no", "null-mx", self._now, 300)
        if kind < 0.2:
            return MxFinding("unknown", "timeout", self._now, 15)
        exchange, provider = ("mx.google.com", "google") if kind < 0.5 else ("mx.own.example", "")
        return MxFinding("yes", "mx", self._now, 300, (exchange,), provider)

    def _feedback(self, before: IntentEvidence, number: int) -> Evidence:
        event = self._random.choice(get_args(FeedbackEvent))
        told: dict[str, Any] = {"service": before.service, "intent_id": before.id, "at": self._now}
        if event == "bounce":
            reason, hard, scope = self._random.choice(
                (("userunknown", True, "recipient"), ("suspend", False, "recipient"), ("speeding", False, "us"))
            )
            told |= {"reason": reason, "hard": hard, "scope": scope, "status": "4.7.0" if scope == "us" else ""}
        if self._random.random() < 0.2:
            told["tied"] = self._random.choice(("", "wrong-token"))
        told |= self._random.choice(({}, {"proved": "door-1", "door": "ses"}, {"claimed": True}))
        again = self._random.random() < 0.1
        id = "again" if again else f"f{number}"
        if number % 5 == 0:  # by the intent's id alone
            untied = {"tied": "", "token": before.token if number % 10 else ""}
            return sought(event, id=id, **told | untied)
        return feedback(event, before.to, id=id, **told)

    def _control(self, number: int) -> Evidence:
        """Each kind in its turn."""
        now, domain = self._now, self._random.choice(DOMAINS)
        jane = KEYS.recipient(f"jane{number % 150}@{domain}")
        snapshot = encode(ModelSnapshot(outcomes=1000 + number, shifts={"never-mailed": 0.1 * (number % 5)})).decode()
        kinds: list[Evidence] = [
            HoldRecord("crm", now + 1_800_000, "complaints", now, by="watch" if number % 2 else ""),
            ListsRecord(version=f"lists-{number}", lists={"free": f"{number:x}"}, at=now),
            ModelRecord(version=f"model-{number}", at=now, snapshot=snapshot),
            SuppressRecord(domain, "asked for it", "ops", now, jane, until=now + DAY if number % 2 else 0),
            SourceHoldRecord("shop", "form", now + 900_000, "slips", now, by="ops"),
            TrapRecord(
                domain, "abusix", now, jane, "spam", now, event_key=KEYS.event("trap", f"{number}"), tied="token"
            ),
            MarksRecord(domain, jane, "forged", "ops", now, ("complaint", "hard-bounce")),
            PaceRecord(now, {"google": Pace(400_000, 500, "has answered", 12, now + DAY, 900)}),
            TickRecord(now, {"shop-1/signature-wrong": number}),
            HoldRecord("crm", 0, "", now),
            SuppressRecord(domain, "a mistake", "ops", now, jane, lifted=True),
            PaceRecord(now),
            ErasureRecord(jane, "ops", now, "asked for it", drop_suppression=bool(number % 2)),
        ]
        return kinds[number % len(kinds)]


def main() -> None:
    """Write, or fold."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit.golden_log")
    parser.add_argument(
        "--anew", action="store_true", help="no release has shipped this engine: it may say another thing"
    )
    parser.add_argument("--fold", metavar="ENGINE", help="only print what this engine says about its log")
    given = parser.parse_args()
    if given.fold is not None:
        with suppress(locale.Error):  # there is none of this name here
            locale.setlocale(locale.LC_ALL, "")
        print(json.dumps(GoldenLog(given.fold).fold()))
        return
    log = GoldenLog(ENGINE)
    if log.paths[0].exists() and log.fold() != log.said() and not given.anew:
        sys.exit(f"engine {ENGINE} says something else about its log now: raise ENGINE in streams/decide/engine.py")
    FOLDER.mkdir(exist_ok=True)
    log.write(story())
    for path in FOLDER.glob("engine-*"):
        if path.name.split(".")[0].removeprefix("engine-") not in FOLDS:
            path.unlink()  # its fold is not kept
    print(*(f"{name}: {said}" for name, said in log.said().items()), sep="\n")


if __name__ == "__main__":
    main()
