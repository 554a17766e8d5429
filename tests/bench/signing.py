"""What signatures cost Screen for each event, in µs of CPU: `python -m tests.bench.signing`.

Reading an intent of 250 octets without signers, with a record that is signed, and the parts of that.
"""

import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sidestep.schemas import EmailIntent
from sidestep.schemas.codec import decode
from sidestep.schemas.reading import read_intent
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.runtime.record import Record
from sidestep.streams.screen.proved import read_proved_intent
from sidestep.streams.screen.repeated import repeats_member
from sidestep.streams.screen.signers import Signers
from sidestep.streams.screen.speakers import SignerKey
from sidestep.topics.catalog import INTENTS
from sidestep.topics.signing import (
    ED25519,
    HEADER,
    HMAC_SHA_256,
    HmacSeal,
    KeyText,
    header_text,
    signed_prefix,
    signed_rest,
)
from tests.kafka_records import delivered

NOW = 1_800_000_000.0
VALUE = (
    b'{"id":"order-4711-17","service":"shop","to":"ada.lovelace@example.org","stream":"transactional",'
    b'"source":"checkout","created_at":1764201000.5,"metadata":{"template":"order-confirmation",'
    b'"link":"https://shop.example.org/orders/4711"}}'
)
SECRET = bytes(range(7, 39))


def microseconds(call: Callable[[], object], times: int, rounds: int) -> float:
    """CPU of one call: the best of some rounds, since others use the machine as well."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(times):
            call()
        best = min(best, time.process_time() - began)
    return best / times * 1e6


def measure(times: int = 20_000, rounds: int = 7) -> dict[str, float]:
    """By what was measured."""
    at = b"%d" % (NOW * 1000)
    rest, prefix = signed_rest(at, (), VALUE), signed_prefix(INTENTS.name, b"k")
    signers = {algorithm: _signers(algorithm) for algorithm in (HMAC_SHA_256, ED25519)}
    hmac = HmacSeal(SECRET, prefix)
    record = _record(HMAC_SHA_256, at, prefix, rest)
    ed25519 = _record(ED25519, at, prefix, rest)
    check = signers[HMAC_SHA_256].of_topic(INTENTS.name)
    slow = signers[ED25519].of_topic(INTENTS.name)
    intent = decode(EmailIntent, VALUE)
    mac = hmac.seal(rest)
    calls: dict[str, Callable[[], object]] = {
        "reading an intent": lambda: read_intent(record.value(), NOW),
        "reading a signed one": lambda: read_proved_intent(record, check, NOW),
        "of that: HMAC alone": lambda: hmac.holds(rest, mac),
        "of that: verification": lambda: check.look(record, NOW),
        "of that: repeated members": lambda: repeats_member(VALUE, intent),
    }
    asking = microseconds(lambda: None, times, rounds)  # what the measuring itself costs for each call
    costs = {name: microseconds(call, times, rounds) - asking for name, call in calls.items()}
    return costs | {"verification, Ed25519": microseconds(lambda: slow.look(ed25519, NOW), 200, 3)}


def _signers(algorithm: str) -> Signers:
    key = SECRET
    if algorithm == ED25519:
        key = Ed25519PrivateKey.from_private_bytes(SECRET).public_key().public_bytes_raw()
    return Signers([SignerKey("k", algorithm, key, frozenset({"shop"}))])


def _record(algorithm: str, at: bytes, prefix: bytes, rest: bytes) -> Record:
    mac = KeyText(algorithm, SECRET).sealer(prefix).seal(rest)
    headers = [(HEADER, header_text(b"k", at, mac))]
    return delivered(0, VALUE, tp=Partition(INTENTS.name, 0), headers=headers)


if __name__ == "__main__":
    for name, cost in measure().items():
        print(f"{name:28} {cost:6.2f} µs")
