"""Trust in a feed's file: its publisher's SHA-256 checksum and Ed25519 signature (RFC 8032). Pure."""

import re
from hmac import compare_digest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_CHECKSUM = re.compile(r"\\?([0-9a-fA-F]{64})(?: [ *](.*))?\Z")
SIGNATURE_OCTETS = 64

SERIAL_WITHIN = 4_096
"""Octets from the beginning of a file in which its serial is looked for."""
_SERIAL = re.compile(rb"^[#;][ \t]*serial:[ \t]*(\d{1,18})[ \t\r]*$", re.MULTILINE | re.IGNORECASE)


def checksum_fault(published: bytes, file_name: str, actual: str) -> str:
    """The fault of a checksum, as a sentence; "" for none.

    `published`: a bare SHA-256 in hexadecimal, or lines as sha256sum(1) writes them, of which the one that names the
    file counts, or the only one. `actual`: the file's own, lower-case hexadecimal.
    """
    found = [match for line in published.decode("utf-8", "replace").splitlines() if (match := _line(line))]
    named = [match for match in found if _base(match[2] or "") == file_name]
    wanted = named or (found if len(found) == 1 else [])
    if not wanted:
        return f"the checksum file holds no SHA-256 of {file_name}"
    if any(compare_digest(match[1].lower(), actual) for match in wanted):
        return ""
    return f"the checksum does not match: published {wanted[0][1].lower()[:16]}…, the file has {actual[:16]}…"


def signature_fault(content: bytes, signature: bytes, public_key: str) -> str:
    """The fault of the signature over `content`, as a sentence; "" for none. The key is hexadecimal."""
    octets = _octets(signature)
    if len(octets) != SIGNATURE_OCTETS:
        return "the signature is neither 64 octets nor 128 hexadecimal digits"
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(octets, content)
    except (InvalidSignature, ValueError):
        return "the signature was not made with the public key over these octets"
    return ""


def serial_of(content: bytes) -> int:
    """The serial of a list, the number in a comment `# serial: 2026112701` near its beginning; 0: there is none."""
    found = _SERIAL.search(content[:SERIAL_WITHIN])
    return int(found[1]) if found else 0


def older(serial: int, previous: int) -> str:
    """The sentence against a list whose serial is smaller than that of the form in use; "" for none.

    A signature says who has made a list and not when: whoever holds the server could go on giving an old one.
    """
    if serial >= previous:
        return ""
    what = f"its serial is {serial}" if serial else "it has no serial"
    return f"{what}, and that of the form in use is {previous}: an older list"


def _line(text: str) -> re.Match[str] | None:
    return _CHECKSUM.match(text.strip())


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _octets(signature: bytes) -> bytes:
    if len(signature) == SIGNATURE_OCTETS:
        return signature
    try:
        return bytes.fromhex(signature.decode("ascii").strip())
    except ValueError:  # UnicodeDecodeError is one too
        return b""
