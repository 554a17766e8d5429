"""Bearer tokens (RFC 6750) as they stand in a request, and their digests, which alone are kept. Pure.

A token has 256 random bits, so that nothing slower than SHA-256 is needed against guessing, and a digest that gets
known opens nothing.
"""

import re
from hashlib import sha256

HEADER_MAX = 1_000
"""Characters of the Authorization header; more is no token of ours."""

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)  # RFC 6750 section 2.1


def bearer(header: str) -> str:
    """The token in an Authorization header; "" where there is none."""
    match = _BEARER.fullmatch(header) if len(header) <= HEADER_MAX else None
    return match[1] if match else ""


def digest(token: str) -> bytes:
    """The digest of a token."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
