"""What Sidestep is compared with: the same decision as a Faust agent with Faust tables, as its own guide writes them.

    python -m tests.bench.faust_agent BROKER FOLDER APPROVED REJECTED NAME

One event at a time, a table for each kind of row (RocksDB), one send for each verdict, default settings, no web server.
"""

import sys
from typing import Any

import faust

from sidestep.schemas import FeedbackEvidence, IntentEvidence, LogPosition, Verdict
from sidestep.schemas.codec import decode_evidence, encode
from sidestep.streams.decide.controls import Controls
from sidestep.streams.decide.fold import fold
from sidestep.streams.decide.state import State
from sidestep.streams.decide.tables import BOUNCE_HISTORY, DOMAIN_RATES, IDS, SERVICES
from sidestep.streams.runtime.credentials import faust_settings
from sidestep.topics.catalog import EVIDENCE
from sidestep.topics.connection import Connection

Evidence = IntentEvidence | FeedbackEvidence
Keys = dict[Any, list[bytes]]

KEPT = (DOMAIN_RATES, SERVICES, BOUNCE_HISTORY, IDS)
OCTETS: dict[str, Any] = {"key_type": bytes, "value_type": bytes}
RAW: dict[str, Any] = {**OCTETS, "key_serializer": "raw", "value_serializer": "raw"}
"""Octets go through Faust's codecs as they are: its default would make JSON of each row, which costs more."""


def make_app(connection: Connection, folder: str, approved: str, rejected: str, name: str) -> faust.App:
    """The whole application."""
    app = faust.App(name, **faust_settings(connection), store="rocksdb://", datadir=folder, web_enabled=False)
    evidence = app.topic(EVIDENCE.name, **RAW)
    outputs = {"approved": app.topic(approved, **RAW), "rejected": app.topic(rejected, **RAW)}
    tables = {kind: app.Table(kind.name, partitions=EVIDENCE.partitions, **OCTETS) for kind in KEPT}
    controls: dict[int, Controls] = {}

    @app.agent(evidence)
    async def decide(stream: Any) -> None:
        async for event in stream.events():
            partition = event.message.partition
            in_force = controls.get(partition)
            if in_force is None:
                in_force = controls[partition] = Controls({}, {}, 0)
            verdict = judge(event.value, LogPosition(EVIDENCE.name, partition, event.message.offset), in_force, tables)
            if verdict is not None:
                await outputs[verdict.decision].send(key=verdict.id.encode(), value=encode(verdict))

    return app


def judge(value: bytes, position: LogPosition, controls: Controls, tables: dict[Any, Any]) -> Verdict | None:
    """Sidestep's own fold over one record; its rows come from `tables` (any mapping of octets) and go back there."""
    record = decode_evidence(value)
    state = State(controls)
    if isinstance(record, IntentEvidence | FeedbackEvidence):
        _load(state, record, tables)
    verdict = fold(state, record, position)
    written = state.writes()
    for kind in KEPT:
        table = tables[kind]
        for key, row in written[kind].items():
            table[key] = kind.encode(row)
    return verdict


def _load(state: State, record: Evidence, tables: dict[Any, Any]) -> None:
    name = record.domain.encode()
    state.domains = _read(DOMAIN_RATES, tables, name)
    state.services = _read(SERVICES, tables, record.service.encode() + b"@" + name)
    state.recipients = _read(BOUNCE_HISTORY, tables, record.recipient_key)
    if isinstance(record, FeedbackEvidence):
        state.ids = _read(IDS, tables, record.event_key)
        return
    state.ids = _read(IDS, tables, record.id_key)
    if state.ids or record.reused:
        state.ids |= _read(IDS, tables, record.content_key)


def _read(kind: Any, tables: dict[Any, Any], key: bytes) -> dict[bytes, Any]:
    value = tables[kind].get(key)
    return {} if value is None else {key: kind.decode(value)}


if __name__ == "__main__":
    faust.Worker(make_app(Connection(sys.argv[1]), *sys.argv[2:6]), loglevel="warning").execute_from_commandline()
