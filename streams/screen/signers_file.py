"""The signers file: read at the start, read again when it or a secret that it names has changed.

What is there now counts once it has read the same twice, as editors write files piece by piece. A file that is empty,
missing, open to others or spoilt means nobody: what has to be signed becomes a dead letter from then on.
"""

import asyncio
import logging
import tomllib
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from sidestep.schemas.typed import as_type
from sidestep.streams.errors import SettingsError
from sidestep.streams.screen.signers import Demand, Signers
from sidestep.streams.screen.speakers import SignerKey, TopicSpeaker
from sidestep.topics.errors import CredentialsError
from sidestep.topics.file_stamp import Settled, stamp_of
from sidestep.topics.own_topics import GENERAL, own_topic
from sidestep.topics.secret_files import check_private, read_secret
from sidestep.topics.signing import ED25519, HMAC_SHA_256, Ed25519Verifier, is_key_id, parse_key

LOOK_SECONDS = 2.0
FILE_MAX = 4 * 1024 * 1024
HOW_TO_CHECK = "`sidestep signers check FILE` tells what is wrong"
TOPICS = frozenset(GENERAL)

Names = Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(min_length=1)]

log = logging.getLogger(__name__)


class KeyEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """A table [keys.ID] of the file."""

    services: Names
    streams: list[str] = []
    topics: list[str] = []
    secret_file: str = ""
    public_key: str = ""
    until: datetime | None = None


class TopicEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """A table [topics."GENERAL.NAME"] of the file."""

    services: Names
    streams: list[str] = []


class ServiceEntry(Struct, forbid_unknown_fields=True, kw_only=True):
    """A table [services.NAME] of the file."""

    signature: Demand


class SignersDocument(Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    default: Demand = "required"
    services: dict[str, ServiceEntry] = {}
    keys: dict[str, KeyEntry] = {}
    topics: dict[str, TopicEntry] = {}


def read_signers(path: Path, window: float) -> Signers:
    """The signers of a file. Raises SettingsError and CredentialsError, which quote no secret."""
    document = _read(path)
    keys = [_key(path, key_id, entry) for key_id, entry in document.keys.items()]
    demands = {name: entry.signature for name, entry in document.services.items()}
    topics = [_topic(path, name, entry) for name, entry in document.topics.items()]
    return Signers(keys, demands, document.default, window, topics)


def read_own_topics(path: Path) -> tuple[str, ...]:
    """Names of the topics that services have to themselves by a signers file, whose secrets need not be here. Raises
    SettingsError and CredentialsError."""
    return tuple(_topic(path, name, entry).topic for name, entry in _read(path).topics.items())


def _read(path: Path) -> SignersDocument:
    check_private(path)
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_MAX + 1)
        document = as_type(tomllib.loads(octets.decode("utf-8")), SignersDocument)
    except OSError as error:
        raise SettingsError(f"the signers file {path} can't be read ({error.strerror})") from None
    except ValueError as error:  # not UTF-8, not TOML, not as above
        raise SettingsError(f"the signers file {path}: {error}") from None
    if len(octets) > FILE_MAX:
        raise SettingsError(f"the signers file {path} is larger than {FILE_MAX // 1024 // 1024} MiB")
    return document


def _topic(path: Path, name: str, entry: TopicEntry) -> TopicSpeaker:
    try:
        return TopicSpeaker(own_topic(name).name, frozenset(entry.services), frozenset(entry.streams))
    except ValueError as error:
        raise SettingsError(f"the signers file {path}: {error}") from None


def _key(path: Path, key_id: str, entry: KeyEntry) -> SignerKey:
    try:
        if not is_key_id(key_id):
            raise ValueError("its name may have letters, digits, . _ and -, 64 at most")
        if unknown := set(entry.topics) - TOPICS:
            raise ValueError(f"there is no topic {sorted(unknown)[0]}: {', '.join(sorted(TOPICS))} are")
        algorithm, octets = _octets(path.parent, entry)
        until = entry.until.timestamp() if entry.until is not None and entry.until.tzinfo else _utc(entry.until)
        services, streams, topics = map(frozenset, (entry.services, entry.streams, entry.topics))
        return SignerKey(key_id, algorithm, octets, services, streams, topics, until)
    except ValueError as error:
        raise SettingsError(f"the signers file {path}: key {key_id}: {error}") from None


def _utc(until: datetime | None) -> float:
    return float("inf") if until is None else until.replace(tzinfo=UTC).timestamp()


def _octets(folder: Path, entry: KeyEntry) -> tuple[str, bytes]:
    """The algorithm follows from what is given, never from the record."""
    if bool(entry.secret_file) == bool(entry.public_key):
        raise ValueError("either secret_file (HMAC) or public_key (Ed25519) is expected")
    if entry.secret_file:
        algorithm, key = parse_key(read_secret(folder / entry.secret_file))
        if algorithm != HMAC_SHA_256:
            raise ValueError("secret_file holds the private key of Ed25519: here belongs public_key, the other half")
        return HMAC_SHA_256, key
    try:
        public = b64decode(entry.public_key, validate=True)
    except Error:
        raise ValueError("public_key is not base64") from None
    Ed25519Verifier(public, b"")  # raises where that is no key
    return ED25519, public


class SignersFile:
    """The signers of a file; `signers` are those of now."""

    def __init__(self, path: Path, window: float, subscribed: Iterable[str] = ()):
        """Read it. Raises SettingsError and CredentialsError. `subscribed`: the topics that this worker reads, which
        it can't change while it runs."""
        self._path = path
        self._window = window
        self._subscribed = frozenset(subscribed)
        self.signers = read_signers(path, window)
        self._settled = Settled(self._stamp())
        self.refused = False
        """The file can't be used, so nobody's signatures are taken."""

    @property
    def unread(self) -> frozenset[str]:
        """Topics that the file names and this worker does not read, as it has started before they stood there."""
        return frozenset(self.signers.topics) - self._subscribed

    def now(self) -> Signers:
        """The signers of now."""
        return self.signers

    async def follow(self) -> None:
        """Look every two seconds, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Look once: what reads as it did at the last look, and differs from what is in use, counts."""
        if not self._settled.anew(self._stamp()):
            return
        try:
            self.signers = read_signers(self._path, self._window)
            self.refused = False
            log.info("the signers file was read again", extra={"keys": len(self.signers.keys)})
            if self.unread:
                log.warning(
                    "nothing is read of %s yet: restart the workers that screen", ", ".join(sorted(self.unread))
                )
        except (SettingsError, CredentialsError) as error:
            self.signers, self.refused = Signers(window=self._window), True
            log.error(
                "the signers file has changed and can't be used, so nobody is let in: %s; %s", error, HOW_TO_CHECK
            )

    def _stamp(self) -> tuple[object, ...]:
        """Of the file and of everything that it names: when it was changed, size, number on disk."""
        return tuple(map(stamp_of, (self._path, *self._secrets())))

    def _secrets(self) -> list[Path]:
        try:
            entries = tomllib.loads(self._path.read_text("utf-8")).get("keys", {}).values()
            named = [entry.get("secret_file") for entry in entries]
        except (OSError, ValueError, AttributeError):
            return []
        return [self._path.parent / name for name in named if isinstance(name, str)]
