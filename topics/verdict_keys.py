"""Keys whose verdicts a reader takes: public halves by their ids, from a file that is followed.

    [keys]
    decide-2026 = "leZeRkdrN2O7MRJ1J4PodggMHyXDazJ8FuYZ4eljhkQ="

There is no secret in it; but whoever writes it says whose verdicts count, so that nobody else may.
"""

import logging
import time
import tomllib
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from sidestep.schemas.typed import as_type
from sidestep.topics.errors import CredentialsError
from sidestep.topics.file_stamp import Settled, stamp_of
from sidestep.topics.signing import is_key_id

LOOK_SECONDS = 1.0
"""Between two looks at the file."""
FILE_MAX = 1024 * 1024
HOW_TO_CHECK = "`sidestep verdict-keys check FILE` tells what is wrong"

PublicKeys = Mapping[bytes, Ed25519PublicKey]
"""By key id."""

log = logging.getLogger(__name__)


class VerdictKeysDocument(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    keys: dict[str, str]


def read_verdict_keys(path: Path) -> PublicKeys:
    """The keys of a file, at least one. Raises CredentialsError."""
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            octets = file.read(FILE_MAX + 1)
    except OSError as error:
        raise CredentialsError(f"the verdict keys file {path} can't be read ({error.strerror})") from None
    try:
        if mode & 0o022:
            raise ValueError(f"others can write it: chmod go-w {path}")
        if len(octets) > FILE_MAX:
            raise ValueError("it is larger than 1 MiB")
        document = as_type(tomllib.loads(octets.decode("utf-8")), VerdictKeysDocument)
        if not document.keys:
            raise ValueError("it has no key: nobody's verdicts would count")
        return {key_id.encode(): _public(key_id, text) for key_id, text in document.keys.items()}
    except ValueError as error:  # msgspec's, tomllib's and UnicodeDecodeError are among these
        raise CredentialsError(f"the verdict keys file {path}: {error}") from None


def _public(key_id: str, text: str) -> Ed25519PublicKey:
    if not is_key_id(key_id):
        raise ValueError(f"{key_id!r} can't name a key: letters, digits, . _ and - can, 64 at most")
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(text, validate=True))
    except (Error, ValueError):
        raise ValueError(f"key {key_id} is not the public half of an Ed25519 key in base64") from None


class VerdictKeys:
    """The keys of a file, for `Verdicts(…, verify=VerdictKeys(FILE))`. `required`: what has no proof is not taken;
    False: it is, and only what has one is checked, while a set-up is switched over.

    Where the file is empty, missing, spoilt or open for others to write, nobody's verdicts count: reading raises
    CredentialsError, and goes on where it was once the file is right again. What has changed is in force once it has
    read the same at two looks, a second apart.
    """

    def __init__(self, file: Path | str, required: bool = True):
        """Read it. Raises CredentialsError."""
        self.required = required
        self._path = Path(file)
        self._settled = Settled(stamp_of(self._path))
        self._keys = read_verdict_keys(self._path)
        self._trouble = ""
        self._looked = time.monotonic()

    def now(self) -> PublicKeys:
        """The keys of now; another mapping whenever the file was read again. Raises CredentialsError."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look()
        if self._trouble:
            raise CredentialsError(self._trouble)
        return self._keys

    def _look(self) -> None:
        if not self._settled.anew(stamp_of(self._path)):
            return
        try:
            self._keys, self._trouble = read_verdict_keys(self._path), ""
            log.info("the verdict keys file was read again: %d keys", len(self._keys))
        except CredentialsError as error:
            self._trouble = f"{error}; no verdict is taken until it is right: {HOW_TO_CHECK}"
            log.error("%s", self._trouble)
