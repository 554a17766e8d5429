"""What Screen makes of what Release publishes: it proves what was proved, and a claim is one for ever."""

from hashlib import sha256
from pathlib import Path

import pytest

from sidestep.schemas import EmailIntent
from sidestep.schemas.codec import ContractError
from sidestep.streams.runtime.batches import Partition
from sidestep.streams.screen.proved import read_proved_intent
from sidestep.streams.screen.signers import Signers
from sidestep.streams.screen.speakers import SignerKey
from sidestep.topics.catalog import INTENTS
from sidestep.topics.signer import Signer
from sidestep.topics.signing import HMAC_SHA_256
from tests.kafka_records import delivered
from tests.release.test_fold import AT, verdict
from tests.release.test_releaser import DUE_MS, Scene

SECRET = sha256(b"of release").digest()
SHOP = SignerKey("shop-1", HMAC_SHA_256, sha256(b"of the shop").digest(), frozenset({"shop"}))
RELEASE = SignerKey("release-1", HMAC_SHA_256, SECRET, frozenset({"shop"}), topics=frozenset({INTENTS.name}))


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """With Release's key, at the time of the tests."""
    file = tmp_path / "release.key"
    file.write_text(f"hmac-sha-256:{SECRET.hex()}\n")
    file.chmod(0o600)
    return Signer(RELEASE.key_id, file, lambda: AT + 3_600)


def read(scene: Scene, signers: Signers) -> tuple[EmailIntent, str]:
    """What Screen reads of the one record that the releaser has published."""
    scene.releaser.release(DUE_MS)
    (single,) = scene.ledger.singles
    headers = [(name, text) for name, text in single.get("headers", ()) if isinstance(text, bytes)]
    record = delivered(0, single["value"], tp=Partition(INTENTS.name, 0), headers=headers)
    return read_proved_intent(record, signers.of_topic(INTENTS.name), AT + 3_600)


def scene_of(proved: str, signer: Signer, service: str = "shop") -> Scene:
    deferred = verdict(proved=proved, service=service)
    return Scene(deferred, sign=lambda value: signer.sign(INTENTS.name, value))


def test_what_the_service_had_signed_is_proved_again(signer: Signer) -> None:
    """Where all have to sign; as its next attempt, under the same id."""
    intent, proved = read(scene_of("shop-1", signer), Signers([SHOP, RELEASE]))
    assert ("w-1", 2, "release-1") == (intent.id, intent.attempt, proved)


def test_a_claim_is_a_claim_again(signer: Signer) -> None:
    """Though Release could sign for the service: it is unsigned, as it was."""
    signers = Signers([SHOP, RELEASE], default="optional")
    intent, proved = read(scene_of("", signer), signers)
    assert (2, "") == (intent.attempt, proved)
    assert signers.of_topic(INTENTS.name).can_prove(intent.service)


def test_its_key_is_for_those_whom_the_file_names(signer: Signer) -> None:
    """Nobody else's intents are believed because Release signs them."""
    with pytest.raises(ContractError, match="may not speak for the service"):
        read(scene_of("crm-1", signer, "crm"), Signers([SHOP, RELEASE]))
