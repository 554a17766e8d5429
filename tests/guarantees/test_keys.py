"""What a worker keeps can't be tried without the secret; and the secret is changed under two real workers."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rocksdict import AccessType, Options, Rdict

from sidestep.schemas import Bounce, EmailIntent
from sidestep.streams.screen.evidence import intent_keys
from sidestep.streams.screen.keys import Keys
from sidestep.streams.screen.unkeyed import unkeyed_event, unkeyed_intent
from sidestep.topics.catalog import CONTROL, IDS_CHANGELOG, LEDGER_CHANGELOG
from sidestep.topics.publish import Publisher
from tests.guarantees.harness.records import Key, read
from tests.guarantees.harness.system import System
from tests.guarantees.harness.traffic import GOOD
from tests.guarantees.harness.workers import HASH_KEY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
SECONDS = 30.0
OLD = Keys(bytes.fromhex(HASH_KEY))
INTENTS = [EmailIntent(id=f"order-{n}", to=f"jane{n}@{GOOD[n % len(GOOD)]}", service="shop") for n in range(20)]
BOUNCES = [Bounce(recipient=each.to, id=f"b-{each.id}", service="shop") for each in INTENTS]
EXPECTED: set[Key] = {(each.service, each.id, 1, each.to) for each in INTENTS}


def kept(system: System, folders: list[Path]) -> bytes:
    """Everything that stays: the compacted topics that only workers read, files, and the ledger's rows as they are."""
    parts: list[bytes] = []
    for topic in (LEDGER_CHANGELOG, IDS_CHANGELOG, CONTROL):
        for record in read(system.connection, topic.name):
            parts += [record.key() or b"", record.value() or b""]
    for folder in folders:
        parts += [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        parts += rows(folder)
    return b"\0".join(parts)


def rows(folder: Path) -> Iterator[bytes]:
    """Keys and rows of a ledger; its files are compressed."""
    for path in {file.parent for file in (folder / "ledger").rglob("CURRENT")}:
        database = Rdict(str(path), Options(raw_mode=True), access_type=AccessType.read_only())
        items: Any = database.items()  # its stub speaks of all that it can store otherwise
        for key, row in items:
            yield from (key[1:], row)
        database.close()


def found(stored: bytes, digest: bytes) -> bool:
    """As it is, as text, or the beginning that a row of an id has of a content."""
    return any(form in stored for form in (digest[:8], digest.hex().encode(), b64encode(digest)[:20]))


def tried(stored: bytes) -> list[str]:
    """Whom a reader finds who knows all addresses and all ids, and no secret: in the clear, and by every way to hash
    them that needs none."""
    said = []
    for intent, bounce in zip(INTENTS, BOUNCES, strict=True):
        digests = [*unkeyed_intent(intent), unkeyed_event(bounce)]
        for person in (b"", b"recipient", b"id", b"content", b"event", b"token", b"pseudonym"):
            for text in (intent.to, intent.id, f"shop\x1f{intent.id}", f"\x1f{intent.to}"):
                digests.append(hashlib.blake2b(text.encode(), digest_size=16, person=person).digest())
        if intent.to.encode() in stored or any(found(stored, digest) for digest in digests):
            said.append(intent.to)
    return said


def test_no_stored_row_can_be_tried_and_the_secret_can_be_changed(system: System) -> None:
    """Neither under the first secret nor under the second; a worker with the first alone ends; an intent that comes
    again has no second verdict."""
    data, new = system.folder / "judge", hashlib.sha256(b"a new one").hexdigest()
    former = system.folder / "former"
    former.write_text(HASH_KEY)
    former.chmod(0o600)
    decide = system.start("decide", data).await_ready()
    screen = system.start("screen").await_ready()
    _publish(system)
    system.verdicts.await_all(EXPECTED, SECONDS)
    both = system.start("screen", hash_key=new, hash_key_former_file=former)
    assert 3 == screen.ended(SECONDS)
    assert "HashKeyMismatch" in screen.reason
    screen.start_again()
    assert 3 == screen.ended(SECONDS)
    both.await_ready()
    _publish(system)
    both.await_nothing_waits()
    decide.await_nothing_waits()
    assert [] == system.verdicts.repeated()
    assert (0, 0) == (both.leave(), decide.leave())

    stored = kept(system, [data, screen.data, both.data])
    assert [] == tried(stored)
    present = Keys(bytes.fromhex(new))
    for intent in INTENTS:
        assert found(stored, intent_keys(intent, present)[1])
        assert found(stored, intent_keys(intent, OLD)[0]), "the search finds what is there"
    ledger = set(rows(data))
    assert ledger & {present.recipient(each.to) for each in INTENTS}, "of those who were written to there are rows"
    assert not ledger & {OLD.recipient(each.to) for each in INTENTS}, "whoever was met has moved"


def _publish(system: System) -> None:
    with Publisher(system.connection) as publisher:
        for intent, bounce in zip(INTENTS, BOUNCES, strict=True):
            publisher.intent(intent)
            publisher.bounce(bounce)
