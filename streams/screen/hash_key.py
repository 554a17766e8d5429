"""The secret that all keys are derived from, and the one of before: from the settings or files, else made once and kept
in the data folder."""

import logging
import os
import secrets
from pathlib import Path

from sidestep.streams.errors import SettingsError
from sidestep.streams.hash_key_text import SIZE, parse_hash_key
from sidestep.streams.settings import Settings
from sidestep.topics.secret_files import check_private, read_secret

FORMER = "hash-key.former"
"""In the data folder, beside hash-key."""

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
        return _given(Path(settings.hash_key_file), "SIDESTEP_HASH_KEY_FILE")
    path = settings.data / "hash-key"
    return _kept(path) if path.exists() else None


def former_file(settings: Settings) -> Path | None:
    """Where the secret of before is, while there are two: as named, or beside the one that was made."""
    if settings.hash_key_former_file:
        return Path(settings.hash_key_former_file)
    path = settings.data / FORMER
    return path if not settings.hash_key and not settings.hash_key_file and path.exists() else None


def former_hash_key(settings: Settings) -> bytes | None:
    """The secret of before; None: there is none. Raises as `hash_key` does."""
    path = former_file(settings)
    if path is None:
        return None
    key = _given(path, "SIDESTEP_HASH_KEY_FORMER_FILE")
    if key != known_hash_key(settings):
        return key
    if not settings.hash_key_former_file:
        return None  # somebody was about to make a new one
    raise SettingsError(f"SIDESTEP_HASH_KEY_FORMER_FILE {path}: that is the present one")


def rotate(folder: Path) -> Path:
    """Make a new secret in a data folder and keep the present one as the former. Where that is now. Raises
    SettingsError."""
    path, former = folder / "hash-key", folder / FORMER
    if not path.exists():
        raise SettingsError(f"{folder} has no hash-key: a worker that screens makes one")
    present = _kept(path)
    if former.exists() and _kept(former) != present:
        raise SettingsError(
            f"{former} is there already: people's rows still move from that one. Remove it once `sidestep doctor` says "
            "that it may go; whose row has not moved by then is a stranger"
        )
    if not former.exists():
        os.link(path, former)
    new = _written(path)
    new.rename(path)
    return former


def _given(path: Path, setting: str) -> bytes:
    try:
        return parse_hash_key(read_secret(path))
    except ValueError as error:
        raise SettingsError(f"{setting} {path}: {error}") from None


def _kept(path: Path) -> bytes:
    check_private(path)
    try:
        return parse_hash_key(path.read_text())
    except ValueError as error:
        raise SettingsError(
            f"{path} does not hold the key that was made ({error}). Put the original key back: another one would lose "
            "all recipients' history."
        ) from None


def _written(path: Path) -> Path:
    """A new secret beside that path, which is not touched."""
    # not the process id: two containers that share the folder may have the same
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    temporary.touch(mode=0o600)
    temporary.write_text(secrets.token_hex(SIZE) + "\n")
    return temporary


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _written(path)
    try:
        os.link(temporary, path)  # whoever comes first makes it
        log.warning("made a new hash key; every other Screen worker needs the same one", extra={"file": str(path)})
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
