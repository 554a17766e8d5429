"""The location of a feed: a file, a directory or an address, and which addresses may be asked. Pure."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b

from yarl import URL

from sidestep.streams.screen.sources.file import Feed

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_address(source: str) -> bool:
    """Is a source an address rather than a file?"""
    return "://" in source


def refusal(address: str) -> str:
    """The reason why an address is not asked, as the end of a sentence; "" for one that may be.

    Plain http can be changed on its way: it is for this machine alone.
    """
    try:
        url = URL(address)
    except ValueError:
        return "is not an address"
    if not url.host:
        return "names no host"
    if url.scheme == "https" or is_local(url):
        return ""
    return "is not https:// (http:// is for 127.0.0.1, ::1 and localhost alone)"


def is_local(url: URL) -> bool:
    """Is an address plain http to this machine?"""
    return url.scheme == "http" and url.host in LOOPBACK


def without_secrets(source: str) -> str:
    """The source without what may be secret in it: user, password, query."""
    if not is_address(source):
        return source
    try:
        url = URL(source)
        bare = url.with_user(None).with_fragment(None)
        return str(bare.with_query(None)) + ("?…" if url.query_string else "")
    except ValueError:
        return source.partition("://")[0] + "://…"


def terms(feed: Feed) -> str:
    """The terms on which a feed is taken: a copy taken on other terms is no answer to "has it changed since?"."""
    parts = (feed.source, feed.kind, feed.checksum, feed.signature, feed.public_key)
    return blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def faults(feeds: Mapping[str, Feed]) -> Iterator[str]:
    """The faults of the sources file's feeds, as sentences that say what to write instead."""
    for name, feed in feeds.items():
        for field in ("source", "checksum", "signature"):
            location = getattr(feed, field)
            if is_address(location) and (reason := refusal(location)):
                yield f"[feeds.{name}] {field}: {without_secrets(location)} {reason}"
        if not feed.source:
            yield f"[feeds.{name}] source is empty: name a file, a directory or an https:// address"
        if bool(feed.signature) != bool(feed.public_key):
            yield f"[feeds.{name}] signature and public_key belong together: give both or none"
        if feed.public_key and not _is_key(feed.public_key):
            yield f"[feeds.{name}] public_key is not 64 hexadecimal digits (an Ed25519 key of 32 octets)"


def _is_key(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) == 32 and len(text) == 64
    except ValueError:
        return False
