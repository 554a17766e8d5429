"""A PEM file of certificates: from when to when it holds."""

from pathlib import Path
from typing import NamedTuple

from cryptography import x509


class Validity(NamedTuple):
    """Seconds since 1970."""

    begins: float
    ends: float


def validity(file: Path, authorities: bool = False) -> Validity:
    """Of a chain, that of the first of it to end; of several authorities, of which one is enough, that of the last.

    Raises OSError, and ValueError where there is no certificate in it.
    """
    chain = x509.load_pem_x509_certificates(file.read_bytes())
    choose = max if authorities else min
    shown = choose(chain, key=lambda each: each.not_valid_after_utc)
    return Validity(shown.not_valid_before_utc.timestamp(), shown.not_valid_after_utc.timestamp())
