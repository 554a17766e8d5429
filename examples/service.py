"""A service: wants to send, asks Sidestep, and learns what became of each message.

    python examples/service.py ada@example.org kim@gmial.com

One intent for each address, then their verdicts as they come. What is deferred is offered again with the next attempt
when its time has come, as long as `--wait` allows. The exit code is 1 if a verdict is missing at the end.

A mailer reads the verdicts, not the service: see mailer.py. A service that only publishes needs half of this file.
"""

import argparse
import sys
import time
import uuid
from collections.abc import Iterator

from sidestep.schemas import EmailIntent, Verdict
from sidestep.topics import Access, Publisher, Verdicts

SERVICE = "sign-up"


def main() -> int:
    """0: each address has its final verdict."""
    options = argparse.ArgumentParser(description="Ask Sidestep whether these addresses may be mailed.")
    options.add_argument("addresses", nargs="+", metavar="ADDRESS")
    options.add_argument(
        "--broker", help="instead of SIDESTEP_BROKER; how Kafka lets us in is said by SIDESTEP_SECURITY and its like"
    )
    options.add_argument("--wait", type=float, default=30.0, metavar="SECONDS")
    given = options.parse_args()
    # the reader comes first: without a group it begins with what is published from now on
    kafka = Access.from_environment().at(given.broker).connect()
    with Verdicts(kafka) as verdicts, Publisher(kafka) as publisher:
        intents = {intent.id: intent for intent in map(welcome, given.addresses)}
        for intent in intents.values():
            publisher.intent(intent)
        publisher.flush()  # from here on Kafka has them: the verdicts will come, even if this process dies
        for verdict in answers(verdicts, publisher, intents, time.time() + given.wait):
            print(told(verdict), flush=True)
    return 1 if intents else 0


def welcome(address: str) -> EmailIntent:
    """One message to one recipient. Its id is made where the message is: published again, it is the same intent."""
    return EmailIntent(
        id=f"welcome-{uuid.uuid4()}",
        to=address,
        service=SERVICE,
        stream="transactional",
        metadata={"template": "welcome"},  # comes back in the verdict, for the mailer
    )


def answers(
    verdicts: Verdicts, publisher: Publisher, intents: dict[str, EmailIntent], until: float
) -> Iterator[Verdict]:
    """Verdicts of these intents; an intent that has its final one is taken out of `intents`."""
    again: dict[str, float] = {}
    """When to offer what was deferred, by id."""
    while intents and time.time() < until:
        for intent_id in [intent_id for intent_id, at in again.items() if at <= time.time()]:
            del again[intent_id]
            publisher.intent(intents[intent_id])
        verdict = verdicts.poll(0.2)
        # a topic has everybody's verdicts; an id is unique within its service
        if verdict is None or verdict.service != SERVICE or verdict.id not in intents:
            continue
        yield verdict
        if verdict.action == "defer":
            intents[verdict.id].attempt = verdict.attempt + 1
            again[verdict.id] = verdict.retry_at or 0.0
        else:
            del intents[verdict.id]


def told(verdict: Verdict) -> str:
    """One line for a person."""
    meant = f" Was {verdict.suggestion} meant?" if verdict.suggestion else ""
    return " ".join([f"{verdict.action:5} {verdict.to}:", *(rule.text for rule in verdict.rules)]) + meant


if __name__ == "__main__":
    sys.exit(main())
