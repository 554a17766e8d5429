"""The secret that keys recipients' hashes: from the settings or a file, else made once and kept in the data folder."""

import logging
import os
import secrets
from pathlib import Path

from sidestep.streams.errors import SettingsError
from sidestep.streams.hash_key_text import SIZE, parse_hash_key
from sidestep.streams.settings import Settings
from sidestep.topics.secret_files import check_private, read_secret

log = logging.getLogger(__name__)


def hash_key(settings: Settings) -> bytes:
    """32 octets, made if need be. Raises SettingsError where the kept file is damaged, CredentialsError where others
    can read it."""
    path = settings.data / "hash-key"
    if not settings.hash_key and not settings.hash_key_file and not path.exists():
        _make(path)
    key = known_hash_key(settings)
    assert key is not None
    return key


def known_hash_key(settings: Settings) -> bytes | None:
    """32 octets, or None where nobody has made them. Raises as `hash_key` does."""
    if settings.hash_key:
        return bytes.fromhex(settings.hash_key)
    if settings.hash_key_file:
        return _given(Path(settings.hash_key_file))
    path = settings.data / "hash-key"
    return _kept(path) if path.exists() else None


def _given(path: Path) -> bytes:
    try:
        return parse_hash_key(read_secret(path))
    except ValueError as error:
        raise SettingsError(f"SIDESTEP_HASH_KEY_FILE {path}: {error}") from None


def _kept(path: Path) -> bytes:
    check_private(path)
    try:
        return parse_hash_key(path.read_text())
    except ValueError as error:
        raise SettingsError(
            f"{path} does not hold the key that was made ({error}). Put the original key back: another one would lose "
            "all recipients' history."
        ) from None


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # not the process id: two containers that share the folder may have the same
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    temporary.touch(mode=0o600)
    temporary.write_text(secrets.token_hex(SIZE) + "\n")
    try:
        os.link(temporary, path)  # whoever comes first makes it
        log.warning("made a new hash key; every other Screen worker needs the same one", extra={"file": str(path)})
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
