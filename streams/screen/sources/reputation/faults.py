"""Faults in a reputation service's section of the sources file. Pure."""

import math
import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import msgspec

from sidestep.streams.gcra import parse_rate
from sidestep.streams.screen.sources.file import Reputation
from sidestep.streams.screen.sources.reputation.ratings import NOT_JSON, parse_path
from sidestep.streams.screen.sources.reputation.templates import (
    PLACEHOLDER,
    TemplateValues,
    fill_body,
    placeholders,
)

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
"""The name of a header field, RFC 9110 5.1."""
_HEADERS_OF_OURS = ("host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding")


def faults(service: Reputation) -> list[str]:
    """The faults of a service's section, as sentences; none: the service can be asked."""
    return [*_template_faults(service), *_url_faults(service.url), *_answer_faults(service), *_header_faults(service)]


def _template_faults(service: Reputation) -> Iterator[str]:
    names, known = placeholders(service.url, service.body), set(TemplateValues.__struct_fields__)
    for name in sorted(names - known):
        yield f"{{{name}}} is unknown: write {{hash}}, {{domain}} or {{address}}"
    if not names & known:
        yield "neither url nor body says whom it is about: write {hash} or {domain} into one of them"
    if "address" in names and not service.address_in_clear:
        yield "{address} tells the service whom we write to: use {hash}, or set address_in_clear = true"
    if service.body and service.method != "POST":
        yield 'body is sent only with method = "POST"'
    if service.method == "POST" and not _is_json(fill_body(service.body, _SAMPLE) if names <= known else "{}"):
        yield 'body must be JSON once it is filled in, with quotes around placeholders: {"sha256": "{hash}"}'


_SAMPLE = TemplateValues("a" * 64, "example.com", 'a"\\@example.com')


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except NOT_JSON:
        return False
    return True


def _url_faults(url: str) -> Iterator[str]:
    # a URL may hold an account's key: no sentence repeats it
    plain = PLACEHOLDER.sub("", url)
    if not plain.isascii() or not plain.isprintable() or set(' "<>\\^`{|}') & set(plain):
        yield "url has characters that must be percent-encoded, or braces that hold no name"
        return
    try:
        (parts := urlsplit(url)).port  # noqa: B018 raises for one that is none
    except ValueError:
        yield "url can't be read: write https://HOST/PATH"
        return
    yield from _target_faults(parts)


def _target_faults(parts: SplitResult) -> Iterator[str]:
    if PLACEHOLDER.search(parts.scheme + parts.netloc):
        yield "url has a placeholder before its path: strangers would choose the host that is asked"
    elif parts.scheme not in ("http", "https") or not parts.hostname:
        yield "url must start with https://HOST"
    elif parts.scheme == "http" and not _is_loopback(parts.hostname):
        yield "url must start with https:// (http:// is for this machine alone)"
    if "@" in parts.netloc:
        yield "url holds a password: use header and token_file"
    if parts.fragment:
        yield "url has a part after #, which is never sent"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _answer_faults(service: Reputation) -> Iterator[str]:
    thresholds = [score for score in (service.listed_from, service.suspect_from) if score is not None]
    if not (thresholds or service.listed_values or service.suspect_values):
        yield "nothing says which answers count: set listed_from, suspect_from, listed_values or suspect_values"
    if not all(map(math.isfinite, thresholds)):
        yield "listed_from and suspect_from must be finite numbers"
    if len(thresholds) == 2 and thresholds[1] >= thresholds[0]:
        yield "suspect_from must be below listed_from, or no answer is suspect"
    for read in (lambda: parse_path(service.path), lambda: parse_rate(service.rate)):
        try:
            read()
        except ValueError as error:
            yield str(error)


def _header_faults(service: Reputation) -> Iterator[str]:
    if bool(service.header) != bool(service.token_file):
        yield "header and token_file need each other: the header's name, and the file with its value"
    if service.header and not _HEADER.fullmatch(service.header):
        yield "header is not a header's name: write for example Authorization, without colon or line break"
    elif service.header.lower() in _HEADERS_OF_OURS:
        yield f"header {service.header} is set by Sidestep itself"
