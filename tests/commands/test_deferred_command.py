"""sidestep deferred: what waits to be offered again, as the verdicts tell."""

import json
import time
from typing import Any

from click.testing import CliRunner, Result
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from sidestep.schemas.codec import encode
from sidestep.schemas.verdicts import FiredRule, LogPosition, Verdict, Versions
from sidestep.streams.cli import main
from sidestep.streams.commands.waiting import DeferredIntents, as_line, grouped, state_of, table
from sidestep.topics.catalog import APPROVED, REJECTED
from sidestep.topics.connection import Connection

AT = 1_800_000_000.0


def verdict(action: str = "defer", rule: str = "limit", **fields: Any) -> Verdict:
    """On w-1 of shop: deferred for an hour, unless told otherwise."""
    given: dict[str, Any] = {
        "id": "w-1",
        "to": "ada@shop.example",
        "service": "shop",
        "action": action,
        "decision": "approved" if action == "send" else "rejected",
        "rules": [FiredRule(rule, f"{rule}: a sentence.")] if action != "send" else [],
        "retry_at": AT + 3_600 if action == "defer" else None,
        "decided_at": AT,
        "evidence": LogPosition("email-evidence", 0, 1),
        "versions": Versions("p"),
    }
    return Verdict(**given | fields)


def waiting(*verdicts: Verdict, services: tuple[str, ...] = ()) -> list[tuple[str, str, int]]:
    intents = DeferredIntents(services)
    for one in verdicts:
        intents.take(one)
    return [(one.service, one.id, one.attempt) for one in intents.in_order()]


def test_what_has_a_later_verdict_waits_no_more() -> None:
    """Sent, dropped, or deferred once more: then it waits as that attempt, until its own time."""
    first, again = verdict(), verdict(attempt=2, decided_at=AT + 3_601, retry_at=AT + 9_000)
    assert [("shop", "w-1", 1)] == waiting(first)
    assert [] == waiting(first, verdict("send", attempt=2, decided_at=AT + 3_601))
    assert [] == waiting(first, verdict("drop", attempt=2, decided_at=AT + 3_601))
    assert [("shop", "w-1", 2)] == waiting(first, again) == waiting(again, first)
    assert [("shop", "w-1", 2)] == waiting(first, verdict(attempt=2, decided_at=AT))  # within a millisecond


def test_a_refusal_of_something_else_under_its_id_changes_nothing() -> None:
    """Nor does a verdict before it, of a claim of the same name, or on a test; a test itself does not wait."""
    first = verdict(proved="shop-2026")
    for rule in ("attempt-out-of-turn", "already-decided", "id-reused", "unreadable"):
        assert [("shop", "w-1", 1)] == waiting(first, verdict("drop", rule, decided_at=AT + 1, proved="shop-2026"))
    assert [("shop", "w-1", 1)] == waiting(first, verdict("drop", "syntax", decided_at=AT - 1, proved="shop-2026"))
    assert [("shop", "w-1", 1)] == waiting(first, verdict("drop", "syntax", decided_at=AT + 1))
    assert [("shop", "w-1", 1)] == waiting(first, verdict("send", decided_at=AT + 1, proved="shop-2026", test=True))
    assert [] == waiting(verdict(test=True))


def test_services_are_chosen_and_the_first_to_be_offered_comes_first() -> None:
    """By retry_at."""
    late, soon = verdict(id="late", retry_at=AT + 9_000), verdict(id="soon", retry_at=AT + 10)
    crm = verdict(id="c", service="crm")
    assert [("shop", "soon", 1), ("crm", "c", 1), ("shop", "late", 1)] == waiting(late, crm, soon)
    assert [("crm", "c", 1)] == waiting(late, crm, soon, services=("crm",))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["defer", "send", "drop"])), max_size=30))
def test_whose_last_verdict_is_a_deferral_waits(history: list[tuple[str, str]]) -> None:
    """Whatever came before; though all of one topic are read before those of the other."""
    made = [verdict(action, id=name, decided_at=AT + at) for at, (name, action) in enumerate(history)]
    read = sorted(made, key=lambda one: one.action == "send")
    last = dict(history)
    assert {name for name, action in last.items() if action == "defer"} == {name for _, name, _ in waiting(*read)}


def test_people_see_how_it_stands() -> None:
    """Overdue five minutes after its time; expired whatever its time; no address."""
    expiring = verdict(id="x", expires_at=AT + 60)
    assert ["waiting", "waiting", "overdue"] == [state_of(verdict(), AT + after) for after in (0, 3_899, 3_900)]
    assert ["waiting", "expired"] == [state_of(expiring, AT + after) for after in (59, 60)]
    line = as_line(expiring, AT)
    assert "2027-01-15T09:00:00Z  waiting  shop/x attempt 1, expires 2027-01-15T08:01:00Z" in line
    assert "[limit: limit: a sentence.]" in line and "@" not in line
    head, held, limited = table(
        grouped([verdict(), expiring, verdict(rule="service-on-hold", service="crm")], AT + 7_200)
    )
    assert ["service", "why", "intents", "overdue", "expired"] == head.split()[:5]
    assert ["shop", "limit", "2", "1", "1"] == held.split()[:5]
    assert ["crm", "service-on-hold", "1", "1", "0"] == limited.split()[:5]
    assert ["nothing waits"] == list(table([]))


def run(connection: Connection, *arguments: str) -> Result:
    done = CliRunner().invoke(main, ["deferred", "list", "--broker", str(connection), *arguments])
    assert done.exit_code == 0, done.output
    return done


def test_the_command_reads_both_topics(clean_topics: Connection) -> None:
    """On a real Kafka: of three deferred ones, one was approved later; what is no verdict is passed over."""
    now = time.time()
    producer = Producer(clean_topics.librdkafka())
    deferred = [verdict(id=name, decided_at=now, retry_at=now + 60) for name in ("w-1", "w-2", "w-3")]
    for value in (b"{", *map(encode, deferred)):
        producer.produce(REJECTED.name, value, "k", 1)
    producer.produce(APPROVED.name, encode(verdict("send", id="w-2", attempt=2, decided_at=now + 61)), "k", 1)
    assert producer.flush(10) == 0

    said = run(clean_topics)
    assert ["shop", "limit", "2", "0", "0"] == said.stdout.splitlines()[1].split()[:5]
    assert "services offer them again themselves" in said.stderr
    each = [json.loads(line) for line in run(clean_topics, "--each", "--json").stdout.splitlines()]
    assert [("w-1", "waiting"), ("w-3", "waiting")] == [(one["id"], one["state"]) for one in each]
    assert "nothing waits\n" == run(clean_topics, "--service", "crm").stdout
