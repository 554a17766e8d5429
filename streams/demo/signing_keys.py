"""The keys of the guarded demo: one for each service and for the mailer, whose signatures Screen demands, and Decide's,
whose proofs the mailer demands."""

import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from sidestep.streams.demo.parties import MAILER
from sidestep.streams.local.development_ca import write_private
from sidestep.topics.acls import service_principal
from sidestep.topics.catalog import BOUNCES, ENGAGEMENT, INTENTS
from sidestep.topics.signer import Signer
from sidestep.topics.signing import ED25519, HMAC_SHA_256, KEY_OCTETS
from sidestep.topics.verdict_keys import VerdictKeys
from sidestep.topics.verdict_signer import VerdictSigner

DECIDE = "decide-demo"
"""The id of the key that signs verdicts. Those of the others are their principals' names."""


class SigningKeys:
    """Keys in `folder`, for their owner alone."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._signers, self._verdict_keys = folder / "signers.toml", folder / "verdict-keys.toml"

    def make(self, services: Iterable[str]) -> None:
        """All of them, and the two files that say whose they are."""
        entries = [self._entry(service_principal(name), name, INTENTS.name) for name in services]
        entries.append(self._entry(MAILER, "*", BOUNCES.name, ENGAGEMENT.name))
        write_private(self._signers, "\n".join(entries).encode())
        write_private(self.file(DECIDE), _secret(ED25519))
        public = VerdictSigner(DECIDE, self.file(DECIDE)).public_key
        write_private(self._verdict_keys, f'[keys]\n{DECIDE} = "{public}"\n'.encode())

    def _entry(self, key_id: str, service: str, *topics: str) -> str:
        secret = self.file(key_id)
        write_private(secret, _secret(HMAC_SHA_256))
        return f'[keys.{key_id}]\nservices = ["{service}"]\ntopics = {list(topics)}\nsecret_file = "{secret.name}"'

    def file(self, key_id: str) -> Path:
        """Where the secret half of a key lies."""
        return self._folder / f"{key_id}.key"

    @property
    def settings(self) -> dict[str, object]:
        """What workers are told of them."""
        return {"signers": self._signers, "verdict_key": DECIDE, "verdict_key_file": self.file(DECIDE)}

    def signer(self, principal: str, now: Callable[[], float] = time.time) -> Signer:
        """What a principal signs with. `now`: Unix time that its signatures say."""
        return Signer(principal, self.file(principal), now)

    def verdict_keys(self) -> VerdictKeys:
        """What a reader of verdicts demands."""
        return VerdictKeys(self._verdict_keys)


def _secret(algorithm: str) -> bytes:
    return f"{algorithm}:{secrets.token_bytes(KEY_OCTETS).hex()}\n".encode()
