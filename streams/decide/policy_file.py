"""Reads the policy that SIDESTEP_POLICY names, or the one that ships."""

from pathlib import Path

from sidestep.streams.decide.policy_text import parse
from sidestep.streams.errors import SettingsError
from sidestep.streams.settings import Settings

SHIPPED = Path(__file__).with_name("policy.toml")


def read_policy(settings: Settings) -> str:
    """The policy's text, checked. Raises PolicyError or SettingsError."""
    path = Path(settings.policy) if settings.policy else SHIPPED
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"SIDESTEP_POLICY: {path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"SIDESTEP_POLICY: {path} is not UTF-8") from None
    parse(text)
    return text
