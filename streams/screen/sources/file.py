"""The sources file (TOML): sources of evidence besides DNS. Block lists, feeds, reputation services, the mailbox probe.

Pure: text in, a checked `SourcesFile` out. Without a file nobody is asked. Durations are seconds.
"""

import tomllib
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from sidestep.schemas.typed import as_type
from sidestep.streams.errors import SourcesError

Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Share = Annotated[float, Meta(gt=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class _Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A section of the sources file. Unknown names are faults: a misspelled one would be ignored for ever."""


class Dnsbl(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A DNSBL: a zone of domains (RFC 5782). The section's name is the zone."""

    codes: str = "generic"
    """Table of return codes: one of data/dnsbl_codes.toml."""
    name: str = ""
    """Name of the zone in evidence; empty: the zone itself. For zones whose name holds an account's key."""
    timeout: Seconds = 2.0
    retry_after: Seconds = 300.0
    """Time after which a zone that is switched off is tested again."""


class Feed(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A feed: a list of domains, addresses, mail servers or hashes of addresses. The section's name is the list's."""

    source: str
    """Location of the list: a file, a directory (all its files together), or an https:// address."""
    kind: Literal["domains", "addresses", "exchanges", "sha256", "sha1", "md5"] = "domains"
    """What the entries are. Exchanges are mail servers (RFC 5321 5.1) that collect the mail of slips; hashes are
    hexadecimal digits, of the lower-case address."""
    reason: Name = "listed"
    suspect: bool = False
    refresh: Seconds = 3600.0
    timeout: Seconds = 60.0
    """Time for a whole download."""
    checksum: str = ""
    """Location of the file's SHA-256, as sha256sum writes it: an https:// address."""
    public_key: str = ""
    """Publisher's Ed25519 key, 64 hexadecimal digits; with `signature` it must have signed the file."""
    signature: str = ""
    """Location of the signature, which is 64 octets or their 128 hexadecimal digits."""
    max_octets: Annotated[int, Meta(ge=1, le=1_073_741_824)] = 104_857_600
    max_entries: Annotated[int, Meta(ge=1, le=20_000_000)] = 1_500_000
    redirects: tuple[str, ...] = ()
    """Hosts besides its own that the list, its checksum and its signature may be redirected to."""
    changing: bool = False
    """Another list each time: how many of its entries are replaced is not looked at."""


class Reputation(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A reputation service, asked over HTTP about an address or its domain. The section's name is the service's."""

    url: str
    """Template of the URL: {hash} (SHA-256 of the lower-case address in hex), {domain}, or {address} in the clear."""
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    """Template of a POST's JSON body, likewise."""
    path: str
    """Path to the rating in the JSON, names and numbers joined by dots: result.risk, scores.0.value."""
    listed_from: float | None = None
    """Number from which on the address counts as listed."""
    suspect_from: float | None = None
    """Number from which on the address counts as suspect."""
    listed_values: tuple[str, ...] = ()
    """Texts that count as listed (true and false are texts here)."""
    suspect_values: tuple[str, ...] = ()
    header: str = ""
    """Name of the header for the token, such as Authorization."""
    token_file: str = ""
    """File whose first line is the header's value, such as `Bearer …`."""
    address_in_clear: bool = False
    """Consent, needed for a template with {address}: the service then learns whom we write to."""
    timeout: Seconds = 1.5
    rate: str = "600/min,max_burst=50"
    remember: Seconds = 86_400.0
    """Time for which a rating is used."""
    failures: Count = 5
    """Failures in a row that open the circuit."""
    retry_after: Seconds = 60.0
    """Time after which an open circuit lets one question through."""


class Probe(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The mailbox probe. What it costs in reputation: docs/probe.md."""

    enabled: bool = False
    domains: tuple[str, ...] = ()
    """Recipient domains that may be asked about; nothing else is."""
    providers: tuple[str, ...] = ()
    """MX providers whose domains may be asked about, too."""
    helo: str = ""
    """Host name that we give ourselves, required where `enabled`; one that leads back to this machine is believed."""
    mail_from: str = ""
    """Envelope sender; empty: the null sender <>."""
    rate: str = "6/min,max_burst=2"
    """Rate at each operator: an MX provider, or the registrable domain of the exchange."""
    timeout: Seconds = 10.0
    """Time for a whole session."""
    remember: Seconds = 604_800.0
    port: Annotated[int, Meta(ge=1, le=65_535)] = 25
    failures: Count = 3
    """Failures at one exchange in a row that open its circuit."""
    retry_after: Seconds = 1800.0


class SourcesFile(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole sources file."""

    dnsbl: dict[str, Dnsbl] = {}
    feeds: dict[Name, Feed] = {}
    reputation: dict[Name, Reputation] = {}
    probe: Probe = Probe()


NO_SOURCES = SourcesFile()

_KINDS: dict[str, Any] = {"dnsbl": Dnsbl, "feeds": Feed, "reputation": Reputation}


def parse_sources(text: str) -> SourcesFile:
    """The sources file in a TOML text. Raises SourcesError that names every fault with its section."""
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise SourcesError("the sources file is not TOML: it is nested too deeply") from None
    except ValueError as error:
        raise SourcesError(f"the sources file is not TOML: {error}") from None
    faults = list(_faults(document))
    if faults:
        raise SourcesError("the sources file can't be used: " + "; ".join(faults))
    return as_type(document, SourcesFile)


def _faults(document: dict[str, Any]) -> Iterator[str]:
    for kind in sorted(document.keys() - _KINDS.keys() - {"probe"}):
        yield f"[{kind}]: there is no such section; there are dnsbl, feeds, reputation and probe"
    for kind, model in _KINDS.items():
        table = document.get(kind, {})
        if not isinstance(table, dict):
            yield f"[{kind}]: must be a table of sections, such as [{kind}.name]"
            continue
        for name, values in table.items():
            yield from _fault(f"[{kind}.{_shown(name)}]", values, model)
            if kind != "dnsbl":
                yield from _fault(f"[{kind}.{_shown(name)}]: the name", name, Name)
    yield from _fault("[probe]", document.get("probe", {}), Probe)
    tables = [table for kind in ("feeds", "reputation") if isinstance(table := document.get(kind), dict)]
    names = [name for table in tables for name in table]
    names += [str(zone.get("name", "")) or key for key, zone in _zones(document)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two lists are called {name!r}: evidence could not tell them apart"


def _zones(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    zones = document.get("dnsbl")
    items = zones.items() if isinstance(zones, dict) else ()
    return [(key, zone) for key, zone in items if isinstance(zone, dict)]


def _fault(section: str, value: Any, kind: Any) -> Iterator[str]:
    try:
        as_type(value, kind)
    except msgspec.ValidationError as error:
        yield f"{section}: {str(error).replace(' - at `$.', ' in `')}"


def _shown(name: str) -> str:
    """The name of a section without what may be an account's key."""
    return ".".join("…" if len(label) >= 20 else label for label in name.split("."))
