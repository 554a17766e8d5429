"""Keys of rows in the ledger that are more than a name or a hash. Pure.

U+001F is in no name that people print, no domain has a colon in its name.
"""

import hashlib


def source_key(service: str, source: str) -> bytes:
    """Key in SOURCES, and in HOLDS of a hold of this source alone; U+001F is in no name that people print."""
    return f"{service}\x1f{source}".encode()


def service_key(service: str) -> bytes:
    """Key in SOURCES of all that a service sends, wherever it has the addresses from."""
    return f"{service}\x1f".encode()


def campaign_key(service: str, campaign: str) -> bytes:
    """Key in SOURCES of a campaign."""
    return f"{service}\x1f\x1f{campaign}".encode()


def provider_key(provider: str) -> bytes:
    """Key in DOMAIN_RATES of what the domains of an MX provider share; no domain has a colon in its name."""
    return b"mx:" + provider.encode()


def host_key(host: str) -> bytes:
    """Key in DOMAIN_RATES of mail servers that several domains share, by the name of their host; likewise."""
    return b"host:" + host.encode()


def service_provider_key(service: str, provider: str) -> bytes:
    """Key in SERVICES of a service at all domains whose mail a provider runs, likewise."""
    return f"{service}@mx:{provider}".encode()


def service_tests_key(service: str, proved: bool) -> bytes:
    """Key in SERVICES of a service's test intents, those that are proved apart from those that claim to be its."""
    return f"{service}@test:{'proved' if proved else ''}".encode()


def attempt_key(content_key: bytes, attempt: int) -> bytes:
    """Key in IDS of one attempt of a content; longer than those of ids and contents."""
    return content_key + b"%d" % attempt


def erased_key(recipient_key: bytes) -> bytes:
    """Key in IDS of a mailbox that was forgotten, by which feedback is known to be late; not the mailbox's own."""
    return hashlib.blake2b(recipient_key, digest_size=16, person=b"erased").digest()
