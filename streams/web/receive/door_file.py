"""The doors file and its secrets on disk: read at the start, read again when one of them changes.

After a change only what the files say now counts. A door whose secrets can't be used lets nobody in, and neither does
any door where the doors file itself can't be used; both answer 503, so that providers try again, and are logged.
"""

import hmac
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sidestep.streams.errors import SettingsError
from sidestep.streams.gcra import Rate
from sidestep.streams.web.bearer import digest
from sidestep.streams.web.receive.doors import DoorEntry, parse_doors
from sidestep.streams.web.receive.incoming import Check, Unsigned
from sidestep.streams.web.receive.mailgun_check import MailgunCheck
from sidestep.streams.web.receive.sendgrid_check import SendGridCheck
from sidestep.streams.web.receive.sns_check import CertificateStore, SnsCheck
from sidestep.streams.web.receive.sns_message import ARN
from sidestep.streams.web.receive.standard_webhooks_check import StandardWebhooksCheck
from sidestep.topics.errors import CredentialsError
from sidestep.topics.file_stamp import FileStamp, stamp_of
from sidestep.topics.secret_files import SECRET_MAX, check_private

FILE_MAX = 1024 * 1024
SECRETS_MOST = 10
SECRET_LEAST = 16
"""Characters of any secret; of one in a path twice as many would be better, and `openssl rand -hex 32` makes 64."""
HOW_TO_MAKE_ONE = "make one with: (umask 077; openssl rand -hex 32 > FILE)"

KINDS: dict[str, Callable[[list[str], float], Check]] = {
    "ecdsa": SendGridCheck,
    "mailgun": MailgunCheck,
    "standard-webhooks": StandardWebhooksCheck,
}
"""By scheme, what makes a check of the keys and the window."""

_PATH_SECRET = re.compile(r"[A-Za-z0-9_-]{24,200}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Door:
    """A door with its secrets. `fault`: why it lets nobody in; empty: it works."""

    name: str
    entry: DoorEntry
    limit: Rate
    check: Check
    path_secrets: tuple[bytes, ...] = ()
    """Digests."""
    passwords: tuple[bytes, ...] = ()
    """Digests of USER:PASSWORD."""
    fault: str = ""

    def has_path(self, secret: str | None) -> bool:
        """Is that the secret of the path; None: the path has none."""
        if not self.path_secrets:
            return secret is None
        return _is_one_of(secret or "", self.path_secrets)

    def has_password(self, given: str) -> bool:
        """Is that USER:PASSWORD ours, or is none wanted?"""
        return not self.passwords or _is_one_of(given, self.passwords)


class DoorFile:
    """The doors of a file. `find` answers from memory."""

    def __init__(self, path: Path, certificates: CertificateStore) -> None:
        """Read the file, all of which must be right. Raises SettingsError and CredentialsError."""
        self._path, self._certificates = path, certificates
        try:
            self._doors = self._read()
        except ValueError as error:
            raise SettingsError(f"the doors file {path} can't be used: {error}") from None
        for door in self._doors.values():
            if door.fault:
                raise SettingsError(f"the doors file {path}, door {door.name}: {door.fault}")
        self._stamps = self._look_at_all()
        self.fault = ""
        """Why nobody is let in at all."""

    def __len__(self) -> int:
        return len(self._doors)

    @property
    def names(self) -> list[str]:
        """Names of the doors, in their order."""
        return list(self._doors)

    @property
    def refused(self) -> int:
        """How many doors let nobody in; 1 where the file itself can't be used, as then nobody knows."""
        return 1 if self.fault else sum(1 for door in self._doors.values() if door.fault)

    @property
    def topics(self) -> set[str]:
        """Where the doors publish."""
        return {door.entry.topic for door in self._doors.values()}

    def find(self, name: str) -> Door | None:
        """The door of that name."""
        return self._doors.get(name)

    def look(self) -> None:
        """Read everything again where something has changed."""
        if self._look_at_all() == self._stamps:
            return
        try:
            self._doors, self.fault = self._read(), ""
        except ValueError as error:
            self._doors, self.fault = {}, str(error)
            log.error("the doors file has changed and can't be used, nobody is let in: %s", error)
        for door in self._doors.values():
            if door.fault:
                log.error("a door lets nobody in: %s", door.fault, extra={"door": door.name})
        self._stamps = self._look_at_all()
        log.info("doors read again", extra={"doors": len(self._doors)})

    def _read(self) -> dict[str, Door]:
        return {entry.name: self._door(entry) for entry in parse_doors(_text(self._path))}

    def _door(self, entry: DoorEntry) -> Door:
        try:
            return Door(
                entry.name, entry, entry.limit, self._check(entry),
                self._digests(entry.path_secret, _path_secret), self._digests(entry.password, _password_of(entry.user)),
            )  # fmt: skip
        except (ValueError, CredentialsError) as error:
            return Door(entry.name, entry, entry.limit, Unsigned(), fault=str(error))

    def _check(self, entry: DoorEntry) -> Check:
        if entry.scheme == "sns":
            if not all(map(ARN.fullmatch, entry.topic_arns)):
                raise ValueError("topic-arns: expected arn:aws:sns:REGION:ACCOUNT:NAME")
            return SnsCheck(entry.topic_arns, self._certificates, entry.window)
        if entry.scheme == "none":
            return Unsigned()
        path = self._path.parent / entry.key
        try:
            return KINDS[entry.scheme](read_secrets(path), entry.window)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def _digests(self, name: str, form: Callable[[str], str]) -> tuple[bytes, ...]:
        if not name:
            return ()
        path = self._path.parent / name
        try:
            return tuple(digest(form(secret)) for secret in read_secrets(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}; {HOW_TO_MAKE_ONE}") from None

    def _look_at_all(self) -> Mapping[Path, FileStamp]:
        files = [self._path.parent / name for door in self._doors.values() for name in door.entry.files]
        return {path: stamp_of(path) for path in (self._path, *files)}


def read_secrets(path: Path) -> list[str]:
    """The secrets of a file, one a line. Raises ValueError and CredentialsError, which quote nothing of it."""
    check_private(path)
    try:
        octets = path.read_bytes()[: SECRET_MAX + 1]
        secrets = octets.decode("utf-8").split("\n")
    except OSError as error:
        raise ValueError(f"it can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    secrets = [secret.strip() for secret in secrets if secret.strip()]
    if not secrets:
        raise ValueError("it holds no secret")
    if len(octets) > SECRET_MAX or len(secrets) > SECRETS_MOST or any(len(each) < SECRET_LEAST for each in secrets):
        raise ValueError(
            f"expected {SECRETS_MOST} lines at most, a secret of {SECRET_LEAST} characters or more on each"
        )
    return secrets


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_MAX + 1)
        text = octets.decode("utf-8")
    except OSError as error:
        raise ValueError(f"it can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if len(octets) > FILE_MAX:
        raise ValueError(f"it is larger than {FILE_MAX // 1024} KiB")
    return text


def _path_secret(text: str) -> str:
    if not _PATH_SECRET.fullmatch(text):
        raise ValueError("a secret of a path has 24 to 200 letters, digits, - and _")
    return text


def _password_of(user: str) -> Callable[[str], str]:
    return lambda password: f"{user}:{password}"


def _is_one_of(given: str, digests: tuple[bytes, ...]) -> bool:
    """In a time that tells nothing: all are compared, whichever it is."""
    equal = [hmac.compare_digest(digest(given), known) for known in digests]
    return any(equal)
