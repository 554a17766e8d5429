"""What came back, in a database of one's own: each bounce, complaint, opening by the message that it is about.

    python examples/webhook_consumer.py --database came-back.sqlite
    sqlite3 came-back.sqlite "SELECT kind, count(*) FROM came_back WHERE service = 'shop' GROUP BY kind"

Reads what a webhook receiver (webhook_receiver.py, or better `sidestep receive`) and mailers have put into Kafka, in
every form that Screen reads, with Screen's own code. Kafka hands a record out again after a crash, and providers send
events twice: an event has one row however often it comes, and it is on disk before Kafka is told that it was handled.
So it may be killed at any moment.

No address is kept, only the message's service and id: what names no message is counted on the screen and passed over.
It believes what it reads; what Sidestep believes is stricter (docs/policy.md, who is believed). Where Kafka asks for
rights, its principal needs READ on email-bounces, email-engagement and its group, which `sidestep acls` gives to none
of the principals that stand there: grant them to one of its own.
"""

import argparse
import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence

from sidestep.schemas import Bounce, Engagement
from sidestep.schemas.codec import ContractError, encode
from sidestep.streams.screen.intake import read_feedback
from sidestep.topics import Access, Received, Subscription, Unreadable
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT

GROUP = "webhook-consumer"
BATCH = 500
"""Records in one transaction of the database."""

Row = tuple[str, str, str, str, str, bool | None, float]


class CameBack:
    """The database. What `add` was given is on disk when it returns, all of it or nothing."""

    def __init__(self, path: str):
        self._rows = sqlite3.connect(path, isolation_level=None)  # transactions are begun below, not by Python
        self._rows.execute("PRAGMA synchronous=FULL")
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS came_back (service TEXT, id TEXT, kind TEXT, event TEXT, reason TEXT, "
            "hard INTEGER, at REAL, PRIMARY KEY (service, id, kind, event))"
        )

    def add(self, rows: Sequence[Row]) -> int:
        """How many of them are new."""
        before = self._rows.total_changes
        self._rows.execute("BEGIN IMMEDIATE")
        self._rows.executemany("INSERT OR IGNORE INTO came_back VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._rows.execute("COMMIT")
        return self._rows.total_changes - before


def rows(record: Received) -> Iterator[Row]:
    """One for each event in a record that names its message. Raises ContractError where nothing can be read."""
    octets = record.value.octets if isinstance(record.value, Unreadable) else encode(record.value)
    form = (record.headers.get("content-type") or b"").decode("ascii", "replace")
    kind = Engagement if record.topic == ENGAGEMENT.name else Bounce
    for told in read_feedback(octets, kind, form, time.time()):
        if told.service and told.intent_id:
            event = told.id or hashlib.sha256(octets or b"").hexdigest()
            reason, hard = (told.reason, told.hard) if isinstance(told, Bounce) else ("", None)
            at = told.occurred_at if isinstance(told.occurred_at, float) else record.timestamp / 1000
            yield told.service, told.intent_id, told.kind, event, reason, hard, at


def main() -> None:
    """Until it is ended; kill -9 does."""
    options = argparse.ArgumentParser(description="Keep what came back, by message.")
    options.add_argument(
        "--broker", help="instead of SIDESTEP_BROKER; how Kafka lets us in is said by SIDESTEP_SECURITY and its like"
    )
    options.add_argument("--database", default="came-back.sqlite")
    options.add_argument("--group", default=GROUP)
    given = options.parse_args()
    came_back = CameBack(given.database)
    kafka = Access.from_environment().at(given.broker).connect()
    with Subscription(kafka, [BOUNCES.name, ENGAGEMENT.name], group=given.group) as records:
        while True:
            # asking for more says that those before are handled: they are on disk by then
            keep(records.batch(BATCH, 1.0), came_back)


def keep(records: Sequence[Received], came_back: CameBack) -> None:
    """Puts what some records say into the database, and tells how much that was."""
    found: list[Row] = []
    unnamed = 0
    for record in records:
        try:
            named = list(rows(record))
        except ContractError as error:  # Screen makes a dead letter of it
            print(f"{record.topic}/{record.partition}/{record.offset}: {error.code}", flush=True)
            continue
        found += named
        unnamed += not named
    if records:
        print(f"{came_back.add(found)} new of {len(found)}, {unnamed} records name no message of ours", flush=True)


if __name__ == "__main__":
    main()
