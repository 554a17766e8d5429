"""A key that signs verdicts, its other half, and whether that takes a verdict, for tests of several kinds."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sidestep.schemas.codec import ContractError
from sidestep.topics.merkle import leaf_hash, root_of
from sidestep.topics.signing import parse_key
from sidestep.topics.verdict_proof import parse_proof, signed_root
from sidestep.topics.verdict_signer import VerdictSigner

SEED = "ed25519:7d2f8a41c3e95b06f1d4a8273c60be95d81e4f7a2b93c05f6e1a8d47b2c9f03e"
APPROVED = "email-approved"
KEY_ID = b"decide-2026"
_KEY = Ed25519PrivateKey.from_private_bytes(parse_key(SEED).key)
SIGN, PUBLIC = _KEY.sign, _KEY.public_key()


def holds(topic: str, partition: int, value: bytes, header: bytes) -> bool:
    """Whether the key has signed this verdict for this place: the few lines that any language needs."""
    try:
        proof = parse_proof(header)
        root = root_of(leaf_hash(value), proof.place, proof.size, proof.path)
        PUBLIC.verify(proof.signature, signed_root(topic, partition, proof.key_id, proof.size, root))
    except (ContractError, ValueError, InvalidSignature):
        return False
    return True


def signer(folder: Path, key_id: str = "decide-2026", seed: str = SEED) -> VerdictSigner:
    """A signer whose file is in `folder`."""
    file = folder / f"{key_id}.key"
    file.write_text(seed, "utf-8")
    file.chmod(0o600)
    return VerdictSigner(key_id, file)


def keys_file(path: Path, *signers: VerdictSigner) -> Path:
    """The readers' file with these."""
    lines = [f'{each.key_id} = "{each.public_key}"' for each in signers]
    path.write_text("\n".join(("[keys]", *lines, "")), "utf-8")
    path.chmod(0o644)
    return path
