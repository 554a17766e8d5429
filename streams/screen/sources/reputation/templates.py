"""The templates of a reputation service's question, and the values that fill them. Pure."""

import json
import re
from hashlib import sha256
from urllib.parse import quote

from msgspec import Struct

PLACEHOLDER = re.compile(r"\{\s*([A-Za-z_][\w-]*)\s*\}")


class TemplateValues(Struct, frozen=True, gc=False):
    """The values that fill templates. Lower-case: spellings that differ only in case share an answer."""

    hash: str
    """SHA-256 of the lower-case address (UTF-8), 64 hexadecimal digits."""
    domain: str
    address: str


def address_hash(address: str) -> bytes:
    """The hash of a normalized address: SHA-256 of its lower-case form, 32 octets."""
    return sha256(address.lower().encode()).digest()


def values_of(address: str, domain: str) -> TemplateValues:
    """The values of a normalized address and its domain (A-label)."""
    return TemplateValues(address_hash(address).hex(), domain, address.lower())


def placeholders(*templates: str) -> set[str]:
    """The names in braces of some templates."""
    return {name for template in templates for name in PLACEHOLDER.findall(template)}


def fill_url(template: str, values: TemplateValues) -> str:
    """The URL of a template. Values are percent-encoded whole (RFC 3986 2.1): none can end a segment or parameter."""
    return PLACEHOLDER.sub(lambda match: quote(getattr(values, match[1]), safe=""), template)


def fill_body(template: str, values: TemplateValues) -> str:
    """The JSON body of a template. Values are escaped (RFC 8259 section 7); the quotes stand in the template."""
    return PLACEHOLDER.sub(lambda match: json.dumps(getattr(values, match[1]))[1:-1], template)
