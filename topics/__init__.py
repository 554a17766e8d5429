"""Kafka as a service sees it: publishing intents and feedback, reading verdicts; the catalog of topics; administration.

What `__all__` names is what services may rely on. Each name is imported when it is first used: whoever only looks into
the catalog needs no Kafka client, and nobody here needs Faust or the workers.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidestep.topics.access import Access
    from sidestep.topics.connection import Connection
    from sidestep.topics.errors import (
        BrokerUnreachable,
        CredentialsError,
        LogTruncated,
        NotLetIn,
        PublishFailed,
        SidestepError,
        TopicsError,
        UnreadableVerdict,
    )
    from sidestep.topics.publish import Publisher
    from sidestep.topics.received import Received, Unproved, Unreadable
    from sidestep.topics.security import OAuth, Plaintext, Scram, Security, Tls
    from sidestep.topics.signer import Signer
    from sidestep.topics.subscribe import Subscription
    from sidestep.topics.verdict_keys import VerdictKeys
    from sidestep.topics.verdicts import Verdicts
else:
    _HOMES = {
        "Access": "access",
        "BrokerUnreachable": "errors",
        "Connection": "connection",
        "CredentialsError": "errors",
        "LogTruncated": "errors",
        "NotLetIn": "errors",
        "OAuth": "security",
        "Plaintext": "security",
        "PublishFailed": "errors",
        "Publisher": "publish",
        "Received": "received",
        "Scram": "security",
        "Security": "security",
        "SidestepError": "errors",
        "Signer": "signer",
        "Subscription": "subscribe",
        "Tls": "security",
        "TopicsError": "errors",
        "Unproved": "received",
        "Unreadable": "received",
        "UnreadableVerdict": "errors",
        "VerdictKeys": "verdict_keys",
        "Verdicts": "verdicts",
    }

    def __getattr__(name):
        """The public name, from the module that defines it."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "Access",
    "BrokerUnreachable",
    "Connection",
    "CredentialsError",
    "LogTruncated",
    "NotLetIn",
    "OAuth",
    "Plaintext",
    "PublishFailed",
    "Publisher",
    "Received",
    "Scram",
    "Security",
    "SidestepError",
    "Signer",
    "Subscription",
    "Tls",
    "TopicsError",
    "Unproved",
    "Unreadable",
    "UnreadableVerdict",
    "VerdictKeys",
    "Verdicts",
]
