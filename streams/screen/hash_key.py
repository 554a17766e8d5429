"""The secret that keys recipients' hashes: from the settings, else made once and kept in the data folder."""

import logging
import os
import secrets
from pathlib import Path

from sidestep.streams.errors import SettingsError
from sidestep.streams.settings import Settings

log = logging.getLogger(__name__)

SIZE = 32


def hash_key(settings: Settings) -> bytes:
    """32 octets, made if need be. Raises SettingsError where the kept file is damaged."""
    path = settings.data / "hash-key"
    if not settings.hash_key and not path.exists():
        _make(path)
    key = known_hash_key(settings)
    assert key is not None
    return key


def known_hash_key(settings: Settings) -> bytes | None:
    """32 octets, or None where nobody has made them. Raises SettingsError where the kept file is damaged."""
    if settings.hash_key:
        return bytes.fromhex(settings.hash_key)
    path = settings.data / "hash-key"
    if not path.exists():
        return None
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != SIZE:
        raise SettingsError(
            f"{path} does not hold 64 hex digits. Put the original key back: another one would lose all "
            "recipients' history."
        )
    return key


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
