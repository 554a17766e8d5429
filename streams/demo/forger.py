"""A forger in the guarded demo: he has the password and the key of one service, and speaks for others. What became of
each of his attempts is found in email-dead-letters, or Kafka has refused it."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from sidestep.schemas import Bounce, EmailIntent
from sidestep.schemas.codec import encode
from sidestep.streams.demo.parties import OPERATOR, STRANGER, Connect
from sidestep.streams.demo.signing_keys import SigningKeys
from sidestep.topics.acls import service_principal
from sidestep.topics.catalog import APPROVED, BOUNCES, DEAD_LETTERS, EVIDENCE, INTENTS
from sidestep.topics.errors import PublishFailed
from sidestep.topics.publish import Publisher
from sidestep.topics.signer import Signer
from sidestep.topics.subscribe import Subscription

VICTIM = "billing"
"""In whose name he speaks."""
LONG_AGO = 9 * 86_400
"""Seconds: a signature is good for a week."""
PATIENCE = 10.0
"""Seconds for which the dead letters of his attempts are waited for."""
_TAKEN_OVER = "Decide's transactional id, to fence it"
GOT_THROUGH, DEAD_LETTER = "it was taken", "a dead letter"


class Forgery(NamedTuple):
    """A record that he writes. `mark` is in its value and in no other one's."""

    text: str
    topic: str
    mark: str
    value: bytes
    signer: Signer | None = None
    signed: bytes = b""
    """What the signature is of, where that is not the value."""


class Exposed(NamedTuple):
    """What became of an attempt."""

    text: str
    by: str

    @property
    def stopped(self) -> bool:
        """Nothing of it was taken."""
        return self.by != GOT_THROUGH


class Forger:
    """`begin` lets him try, in a thread of his own; `outcomes` waits for the end of that."""

    def __init__(self, connect: Connect, keys: SigningKeys):
        self._connect = connect
        self._keys = keys
        self._account = service_principal(STRANGER)
        self._refused: dict[str, str] = {}
        self._attempts: list[Forgery] = []
        self._thread = threading.Thread(target=self._try_all, name="forger", daemon=True)

    def begin(self) -> None:
        """Now."""
        self._attempts = list(_attempts(self._keys, self._account))
        self._thread.start()

    def outcomes(self) -> list[Exposed]:
        """What became of each. The workers may have stopped."""
        self._thread.join()
        letters = self._letters({attempt.mark for attempt in self._attempts} - self._refused.keys())
        found = self._refused | {mark: f"{DEAD_LETTER} ({reason})" for mark, reason in letters.items()}
        marks = [*((attempt.text, attempt.mark) for attempt in self._attempts), (_TAKEN_OVER, _TAKEN_OVER)]
        return [Exposed(text, found.get(mark, GOT_THROUGH)) for text, mark in marks]

    def _try_all(self) -> None:
        for attempt in self._attempts:
            try:
                with Publisher(self._connect(self._account)) as publisher:
                    publisher.publish_bytes(attempt.topic, attempt.value, attempt.mark, _headers(attempt))
            except PublishFailed:
                self._refused[attempt.mark] = f"Kafka lets {self._account} write nothing there"
        if self._may_not_take_over():
            self._refused[_TAKEN_OVER] = f"Kafka lets {self._account} use no such id"

    def _may_not_take_over(self) -> bool:
        unheard = logging.getLogger(f"{__name__}.unheard")  # librdkafka cries out at every level: it is meant to fail
        unheard.propagate = False
        settings = {"transactional.id": "sidestep-decide-0", "logger": unheard}
        try:
            Producer(self._connect(self._account).librdkafka(**settings)).init_transactions(PATIENCE)
        except KafkaException as error:
            return bool(error.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        return False

    def _letters(self, marks: set[str]) -> dict[str, str]:
        """The reasons of the dead letters that hold these marks."""
        found: dict[str, str] = {}
        deadline = time.monotonic() + PATIENCE
        with Subscription(self._connect(OPERATOR), [DEAD_LETTERS.name], start="earliest") as letters:
            while marks - found.keys() and time.monotonic() < deadline:
                for letter in letters.batch(1000, 0.5):
                    mark = (letter.key or b"").decode("utf-8", "replace")
                    if mark in marks:
                        found[mark] = (letter.headers.get("reason") or b"").decode("utf-8", "replace")
        return found


def _attempts(keys: SigningKeys, account: str) -> Iterator[Forgery]:
    own = keys.signer(account)
    old = keys.signer(account, lambda: time.time() - LONG_AGO)
    unknown = Signer("master-key", keys.file(account))
    yield Forgery(f"an intent of {VICTIM}'s, unsigned", INTENTS.name, *_intent("unsigned"))
    yield Forgery(f"one with his own signature, as {STRANGER}", INTENTS.name, *_intent("own"), own)
    yield Forgery("one by a key of which nobody has heard", INTENTS.name, *_intent("unknown"), unknown)
    genuine = _intent("genuine", STRANGER)[1]
    yield Forgery(
        "a signed intent, with another recipient put in", INTENTS.name, *_intent("altered", STRANGER), own, genuine
    )
    yield Forgery("one that was signed nine days ago, once more", INTENTS.name, *_intent("old", STRANGER), old)
    bounce = encode(Bounce(recipient=f"forged-bounce@{VICTIM}.example", service=VICTIM, hard=True, scope="recipient"))
    yield Forgery(f"a bounce of {VICTIM}'s, to silence somebody", BOUNCES.name, "forged-bounce", bounce, own)
    verdict = json.dumps({"id": "forged-verdict", "decision": "approved", "action": "send"}).encode()
    yield Forgery("a verdict, past everybody", APPROVED.name, "forged-verdict", verdict)
    hold = json.dumps({"kind": "hold", "service": VICTIM, "until": 4102444800000, "reason": "", "at": 0}).encode()
    yield Forgery(f"a hold of {VICTIM} in the log", EVIDENCE.name, "forged-hold", hold)


def _intent(mark: str, service: str = VICTIM) -> tuple[str, bytes]:
    mark = f"forged-{mark}"
    return mark, encode(EmailIntent(id=mark, to=f"{mark}@{VICTIM}.example", service=service))


def _headers(attempt: Forgery) -> dict[str, str | bytes | None]:
    return dict(attempt.signer.sign(attempt.topic, attempt.signed or attempt.value)) if attempt.signer else {}
