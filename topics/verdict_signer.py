"""Signing verdicts: Decide's key, read from a file that nobody else can read."""

from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sidestep.topics.errors import CredentialsError
from sidestep.topics.secret_files import read_secret
from sidestep.topics.signing import ED25519, is_key_id, parse_key
from sidestep.topics.verdict_proof import proofs_of


class VerdictSigner:
    """A key of Ed25519 and its id. For any number of threads. Raises CredentialsError where the file can't be used.

    There is no HMAC here: a mailer that can check it could also forge it.
    """

    def __init__(self, key_id: str, key_file: Path | str):
        if not is_key_id(key_id):
            raise CredentialsError(f"{key_id!r} can't name a key: letters, digits, . _ and - can, 64 at most")
        self.key_id = key_id
        try:
            algorithm, seed = parse_key(read_secret(Path(key_file)))
            if algorithm != ED25519:
                raise ValueError("another algorithm")
        except ValueError:
            raise CredentialsError(
                f"{key_file}: expected ed25519: and 64 hex digits; make one with: sidestep verdict-keys new"
            ) from None
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> str:
        """The half that checks, in base64: what readers put into their file."""
        return b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, octets: bytes) -> bytes:
        """The signature of octets, which begin with a purpose that no others begin with."""
        return self._key.sign(octets)

    def proofs(self, topic: str, partition: int, values: Sequence[bytes]) -> list[bytes]:
        """The proof of each of these verdicts, which go into one partition in this order. The same give the same."""
        return proofs_of(self._key.sign, self.key_id.encode(), topic, partition, values)

    def __repr__(self) -> str:
        return f"VerdictSigner({self.key_id!r})"
