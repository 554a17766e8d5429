"""Counts per service and batch (topic email-tallies): what Watch looks for patterns in."""

from msgspec import Struct


class Tally(Struct, omit_defaults=True, kw_only=True):
    """What one batch of one evidence partition held of one service."""

    service: str
    partition: int
    first_offset: int
    last_offset: int
    at: int
    """Milliseconds, log time."""
    counts: dict[str, int]
    """approved, dropped, deferred, never_mailed, role, typo, delivered, engaged, hard_bounces, complaints, …"""
    rules: dict[str, int] = {}
    domains: dict[str, int] = {}
    """Intents by recipient domain, the 20 most frequent."""
