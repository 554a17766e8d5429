"""sidestep anomalies, and incidents in sidestep tail: what is open, the worst first, in sentences."""

import json
import time
from typing import Any

from click.testing import CliRunner
from confluent_kafka import Producer

from sidestep.schemas import Anomaly
from sidestep.schemas.codec import encode
from sidestep.streams.cli import main
from sidestep.streams.commands.anomalies import standing
from sidestep.streams.commands.incident_lines import anomaly_line, clock, table
from sidestep.streams.runtime.partitioner import partition_of
from sidestep.streams.screen.holds import Hold
from sidestep.topics.catalog import ANOMALIES, CONTROL
from sidestep.topics.connection import Connection

OPENED = 1_800_000_000


def anomaly(**fields: Any) -> Anomaly:
    """An incident of shop, as it was opened."""
    given: dict[str, Any] = {
        "id": "1",
        "subject": "service",
        "name": "shop",
        "pattern": "unknown-burst",
        "text": "41 % of what shop wants to send goes to addresses that do not exist: stop it.",
        "severity": "warning",
        "score": 0.7,
        "features": {"unknown_share": 0.41},
        "window_start": OPENED,
        "window_end": OPENED + 60,
        "at": OPENED + 71,
        "opened_at": OPENED,
        "source": "import-2017",
    }
    return Anomaly(**given | fields)


CLOSED = anomaly(id="2", name="bank", source="", state="closed", closed_at=OPENED + 7_200, pattern="volume-spike")
WORST = anomaly(id="3", name="", source="", severity="critical", pattern="list-bombing", opened_at=OPENED + 60)
HELD = anomaly(state="updated", held_until=OPENED + 86_400)


def test_the_last_record_of_each_incident_counts_and_the_worst_comes_first() -> None:
    """Whatever the order of the partitions; what can't be read is passed over."""
    values = [encode(one) for one in (anomaly(), anomaly(id="2", name="bank"), WORST, HELD, CLOSED)]
    assert ["3", "1", "2"] == [one.id for one in standing([b"{", None, *values])]
    assert HELD == standing(values)[1]


def test_people_read_whose_incident_it_is_how_it_stands_and_what_to_do() -> None:
    """The line of tail, and the table; what steers a terminal is taken out."""
    assert anomaly_line(HELD) == (
        "\x1b[33m\x1b[1mwarning \x1b[0m updated: shop, source import-2017: unknown-burst: 41 % of what shop wants to "
        "send goes to addresses that do not exist: stop it.  [on hold until 2027-01-16 08:00Z]"
    )
    assert "closed after 2 h: bank: volume-spike" in anomaly_line(CLOSED)
    forged = anomaly(name="", pattern="forged-records", source="shop-1")
    assert "all services, in the name of shop-1: forged-records" in anomaly_line(forged)
    assert "\x1b[2J" not in anomaly_line(anomaly(source="\x1b[2J"))
    lines = list(table([WORST, HELD, CLOSED], OPENED + 7_260))
    assert "severity  pattern        whose                     since              state" == lines[0]
    assert lines[1].endswith("list-bombing   all services              2027-01-15 08:01Z  open for 2 h")
    assert lines[3].endswith(
        "shop, source import-2017  2027-01-15 08:00Z  open for 2 h, on hold until 2027-01-16 08:00Z"
    )
    now, end = OPENED + 7_260, OPENED + 90_000
    for holds, said in (
        ({}, "its hold was released"),
        ({("shop", "other"): end, ("bank", ""): end}, "its hold was released"),
        ({("shop", "import-2017"): end}, "on hold until 2027-01-16 09:00Z"),
        ({("shop", ""): end, ("shop", "import-2017"): OPENED + 8_000}, "on hold until 2027-01-16 09:00Z"),
    ):
        assert list(table([HELD], now, holds))[1].endswith(f"open for 2 h, {said}")
    assert lines[5].endswith("closed 2027-01-15 10:00Z")
    assert ["no incident is open"] == list(table([], OPENED))
    sampled = list(table([anomaly(name="shop (claimed)", samples=["mail 1", "mail-2"]), WORST], OPENED))
    assert "          one of its messages: sidestep explain shop 'mail 1'" == sampled[3]
    assert 6 == len(sampled)
    google = anomaly(subject="domain", name="google", samples=["mail-1"])
    assert 3 == len(list(table([google], OPENED)))


def test_the_command_shows_what_is_open_and_all_on_request(clean_topics: Connection) -> None:
    """On a real topic; as a table, and as JSON for programs."""
    producer = Producer(clean_topics.librdkafka())
    for one in (anomaly(), WORST, anomaly(id="2", name="bank"), CLOSED):
        place = partition_of(one.name, ANOMALIES.partitions)
        producer.produce(ANOMALIES.name, encode(one), one.name, place)
    assert producer.flush(10) == 0

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["anomalies", "--broker", str(clean_topics), *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "list-bombing" in said() and "volume-spike" not in said()
    assert "volume-spike" in said("--all")
    assert ["3", "1"] == [json.loads(line)["id"] for line in said("--json").splitlines()]
    held = anomaly(state="updated", held_until=int(time.time()) + 86_400)
    producer.produce(ANOMALIES.name, encode(held), held.name, partition_of(held.name, ANOMALIES.partitions))
    producer.produce(CONTROL.name, encode(Hold("shop", held.held_until * 1000, "x", 1, 4, "import-2017")), "hold/shop")
    assert producer.flush(10) == 0
    assert f"on hold until {clock(held.held_until)}" in said()
    producer.produce(CONTROL.name, None, "hold/shop")
    assert producer.flush(10) == 0
    assert "its hold was released" in said()
