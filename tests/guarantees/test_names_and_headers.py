"""Headers, keys and names that were made to do harm: each record has its verdict or is a dead letter, nobody stops, and
nothing is written where strangers say."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rocksdict import Cache

from sidestep.streams.cli import main
from sidestep.streams.runtime.store import Store
from sidestep.topics.catalog import ANOMALIES, BOUNCES, CATALOG, DEAD_LETTERS, ENGAGEMENT, INTENTS, TALLIES
from sidestep.topics.connection import Connection
from tests.fixture_types import MakeTopic
from tests.guarantees.harness.model import assert_no_addresses
from tests.guarantees.harness.odd import OddRecord, produce_odd
from tests.guarantees.harness.records import read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import Traffic
from tests.guarantees.harness.workers import WorkerProcess, wait_for
from tests.leaks import MARK, in_rows

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

FORGED = "2026-01-01T00:00:00.000Z ERROR   sidestep  all is lost"
ESCAPES = "\x1b[2J\x9b31m\u202e\r"
LINE = re.compile(r"    |\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) ")
"""How a line of a log begins, in the form for people."""
TAIL_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ email-[a-z-]+/\d+/\d+ ")
"""How a line of `sidestep tail` begins."""
NAMES = ("../../../../tmp/evil", "/etc/evil", "..\\evil", "evil" * 25, "a/../evil", "%2e%2e%2fevil", "~evil", "$(evil)")
"""Of services; at most 100 characters, or they are dead letters."""
UNREADABLE = 4
"""Number, in odd_headers, of those that can't be read."""


def odd_headers(target: str) -> list[dict[str, Any]]:
    """Headers and keys that Faust, Kafka's clients or Screen might act on. `target`: a topic that no worker knows."""
    reply = [(b"Faust-Ag-ReplyTo", target.encode()), (b"Faust-Ag-CorrelationId", b"1")]
    return [
        {"headers": reply},
        {"headers": reply * 3},
        {"headers": [(b"Faust-Ag-ReplyTo", b"\xff"), (b"Faust-Ag-CorrelationId", None)]},
        {"headers": [(b"Faust-Ag-ReplyTo", None)]},
        {"headers": [(b"\xff\xfe", b"\xff"), (b"", None), (b"\xc3\x28", b"x")]},
        {"headers": [(b"x" * 30_000, b"y" * 30_000)]},
        {"headers": [(b"h", b"%d" % number) for number in range(5000)]},
        {"headers": [(b"content-type", b"application/json"), (b"Content-Type", b"message/rfc822\x1b[2J")] * 5},
        {"headers": [(b"content-type", f"text/plain\n{FORGED}".encode())]},
        {"headers": [(b"traceparent", b"00-" + b"f" * 5000), (b"__connect.errors.topic", target.encode())]},
        {"key": b"k" * 500_000},
        {"key": b"\xff\x00\x1b[2J"},
        {"key": b""},
    ]


def harmful() -> list[bytes]:
    """Intents that can't be read, or whose ids and names can't be: their reasons reach logs and the dead letters."""
    sound = {"id": "x", "to": f"{MARK}@d0.example", "service": "shop"}
    forged = [
        {"id": f"x\n{FORGED}"}, {"service": f"shop\n{FORGED}"}, {"id": ESCAPES}, {"service": "a\0b"}, {"id": "\u2028x"},
        {"service": "../" * 50}, {"created_at": f"{MARK}.of.a.person@d0.example"}, {"created_at": f"\n{FORGED}"},
        {"to": f"{MARK}\n{FORGED}@d0.example"[:900] + "\0"},
    ]  # fmt: skip
    values = [json.dumps(sound | fields).encode() for fields in forged]
    return [*values, f'{{"kind": "{MARK}"'.encode(), f'["{MARK}@d0.example"]'.encode()]


def feedback() -> list[tuple[str, bytes]]:
    """Bounces whose texts hold the address and worse; the last ones are dead letters."""
    to, reply = f"{MARK}7@d1.example", f"550 5.1.1 <{MARK}7@d1.example> unknown{ESCAPES}\n{FORGED}"
    said = [
        {"recipient": to, "kind": "trap-hit", "reply": reply, "id": "t1"},
        {"recipient": to, "reason": reply[:100], "id": "t2"},
        {"recipient": to, "reply": reply, "status": "5.1.1", "id": "../../evil"},
    ]
    dead = [{"recipient": to, "kind": f"{MARK}"}, {"recipient": f"{MARK} {ESCAPES}", "reason": "x"}]
    return [(BOUNCES.name, json.dumps(each).encode()) for each in (*said, *dead)] + [
        (ENGAGEMENT.name, json.dumps({"recipient": to, "kind": f"{MARK}@d1.example"}).encode())
    ]


def test_nothing_in_a_record_names_a_topic_a_file_or_a_line(system: System, make_topic: MakeTopic) -> None:
    """Whatever its headers, key and names: the record and its neighbours have their verdicts or are dead letters, the
    topic that it names stays empty, no file is made outside of the workers' folders, logs have no line of its making,
    and no ledger and no topic that is kept for long holds the address."""
    target, traffic, odd_traffic = make_topic(), Traffic(seed=50), Traffic(seed=51)
    # signatures are asked for here, so that headers are looked at more than once
    settings: dict[str, Any] = {"dead_letter_share": 1, "signers": signers(system.folder)}
    workers = [system.start(role, **settings).await_ready() for role in ("screen", "decide", "watch")]
    outside = files_outside(system)
    named = [json.dumps({"id": f"../evil/{n}", "to": f"{MARK}{n}@d2.example", "service": name, "source": name,
                         "campaign": f"{ESCAPES}{name}"}).encode() for n, name in enumerate(NAMES)]  # fmt: skip
    oddities = odd_headers(target)
    intents = [value for _, _, value in odd_traffic.plain(len(oddities), "odd")]
    sound = [record(value) | odd for value, odd in zip(intents, oddities, strict=True)]
    publish(system.connection, INTENTS.name, [*sound, *map(record, named), *map(record, harmful())])
    for topic, value in feedback():
        publish(system.connection, topic, [record(value) | odd for odd in ({}, *odd_headers(target)[:5])])
    system.feed.send(traffic.some(300, "after"))
    system.feed.flush()
    wanted = traffic.expected | {key for key in odd_traffic.expected if key[1] != f"odd-{UNREADABLE + 1}"}
    wanted |= {(name, f"../evil/{n}", 1, f"{MARK}{n}@d2.example") for n, name in enumerate(NAMES)}
    system.verdicts.await_all(wanted, 40, lambda: [worker.ready() for worker in workers])
    letters = len(harmful()) + 3 * 6 + 4  # of the headers that can't be read, since a signature may be among them
    wait_for(lambda: len(read(system.connection, DEAD_LETTERS.name)) >= letters, 20, "dead letters", every=0.2)
    assert letters == len(read(system.connection, DEAD_LETTERS.name))
    assert [] == read(system.connection, target)
    assert_readable(system.connection)
    assert outside == files_outside(system)
    assert [0, 0, 0] == [worker.leave() for worker in workers]
    assert_no_addresses(system.connection, *(topic.name for topic in CATALOG if not topic.addresses))
    assert_no_addresses_on_disk(workers)
    for worker in workers:
        strange = [line for line in worker.said.splitlines() if not LINE.match(line)]
        assert [] == strange and "all is lost" not in worker.said and worker.said.replace("\n", "").isprintable()


def signers(folder: Path) -> Path:
    """A signers file by which nobody has to sign."""
    path = folder / "signers.toml"
    key = f'public_key = "{"A" * 43}="'
    path.write_text(f'default = "optional"\n[keys.k]\nservices = ["nobody"]\n{key}\n', "utf-8")
    path.chmod(0o600)
    return path


def record(value: bytes) -> OddRecord:
    """A record without anything odd."""
    return {"key": None, "value": value, "timestamp": 1}


def publish(connection: Connection, topic: str, records: list[OddRecord]) -> None:
    """Each a batch of its own, for some are nearly as large as a batch may be."""
    for each in records:
        asyncio.run(produce_odd(connection, topic, 0, [each]))


def files_outside(system: System) -> set[Path]:
    """What lies beside the folders of the workers, in the test's folder and in the one above it."""
    own = {system.folder / f"{role}-{number}" for number, role in enumerate(("screen", "decide", "watch"))}
    return {path for folder in (system.folder, system.folder.parent) for path in folder.iterdir()} - own | {
        path for folder in own for path in folder.rglob("*") if "evil" in str(path.relative_to(folder))
    }


def assert_readable(connection: Connection) -> None:
    """`sidestep tail` shows all of it, and no line of a stranger's."""
    topics = [INTENTS.name, BOUNCES.name, DEAD_LETTERS.name, TALLIES.name, ANOMALIES.name]
    options = [option for topic in topics for option in ("--topic", topic)]
    arguments = ["tail", "--broker", str(connection), "--from-beginning", "--timeout", "1", *options]
    shown = CliRunner().invoke(main, arguments)
    assert 0 == shown.exit_code, shown.exception
    lines = shown.output.split("\n")
    assert all(map(str.isprintable, lines))
    assert [] == [line for line in lines[:-1] if not TAIL_LINE.match(line)], "each is the line of one record"
    assert len(lines) > 300 and "" == lines[-1]
    assert len(lines) > sum(len(read(connection, topic)) for topic in topics)


def assert_no_addresses_on_disk(workers: list[WorkerProcess]) -> None:
    """No row of the stopped workers' ledgers holds an address of the traffic."""
    databases = [path for worker in workers for path in worker.data.glob("ledger/*/*/*") if path.is_dir()]
    assert len(databases) >= 2
    for path in databases:
        store = Store(path, Cache(8 * 1024 * 1024), 10**9 if path.name == "window" else None)
        assert in_rows(str(path), store.items(b"")) == []
        store.close()
