"""Reads the policy that SIDESTEP_POLICY names, or the one that ships."""

from pathlib import Path

from sidestep.streams.decide.policy_check import checked
from sidestep.streams.errors import SettingsError
from sidestep.streams.settings import Settings

SHIPPED = Path(__file__).with_name("policy.toml")
OCTETS_MAX = 500_000
"""A policy travels as one record, and a topic that was left as Kafka makes it takes a million octets."""


def read_policy(settings: Settings) -> str:
    """The policy's text, checked. Raises PolicyError or SettingsError."""
    path = Path(settings.policy) if settings.policy else SHIPPED
    try:
        text = decoded(read_octets(path))
    except OSError as error:
        raise SettingsError(f"SIDESTEP_POLICY: {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"SIDESTEP_POLICY: {path} {error}") from None
    checked(text)
    return text


def read_octets(path: Path) -> bytes:
    """A policy file as it stands there, no more of it than shows that it is too long. Raises OSError."""
    with path.open("rb") as file:
        return file.read(OCTETS_MAX + 1)


def decoded(octets: bytes) -> str:
    """The text of a policy file, with line ends of one kind. Raises ValueError with the end of a sentence."""
    if len(octets) > OCTETS_MAX:
        raise ValueError(f"is longer than {OCTETS_MAX:,} octets")
    try:
        return octets.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 text (octet {error.start})") from None
