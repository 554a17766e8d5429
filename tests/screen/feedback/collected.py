"""The collection of real bounces: where what we make of one differs from what the collection calls it."""

from typing import Any

DEAD_ALL_THE_SAME = (
    "lhost-activehunter-02.eml",
    "lhost-apachejames-01.eml",
    "lhost-messagingserver-03.eml",
    "lhost-messagingserver-06.eml",
    "lhost-mfilter-03.eml",
    "lhost-sendmail-02.eml",
    "lhost-sendmail-27.eml",
    "lhost-sendmail-48.eml",
    "lhost-x1-01.eml",
    "lhost-zoho-03.eml",
    "lhost-x1-02.eml",
    "rfc3464-42.eml",
)
"""Called `filtered` by the collection, because the server said behind DATA, or beside a code for filters, that it knows
no such user. Whoever acts on `hard` would mail a dead address for ever. docs/feedback.md lists them."""
DEAD = {"reason": "userunknown", "hard": True}


def as_we_read_them(name: str, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is expected of a message of the collection."""
    if name not in DEAD_ALL_THE_SAME:
        return wanted
    return [DEAD if want["reason"] == "filtered" else want for want in wanted]
