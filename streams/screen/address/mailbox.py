"""Identities of mailboxes: which spellings of an address reach the same one, by providers' rules (mailbox_rules.toml).

The identity is what gets hashed, so that history follows the person and not the spelling. It is never sent to.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import Struct

from sidestep.streams.screen.lists.shipped import read_table


class MailboxRule(Struct, frozen=True, gc=False):
    """The rule of a mailbox provider. A `mailbox` of "" leaves the domain as it is."""

    mailbox: str = ""
    """The domain that stands for all domains under which the provider delivers to the same mailbox."""
    drop: str = ""
    """Characters that the provider ignores in a local part."""
    tag: str = ""
    """Character before a label that the owner of the mailbox chose (RFC 5233 calls it the detail)."""
    alike: str = ""
    """Characters that the provider takes for the first of them."""

    def apply(self, local: str, domain: str) -> str:
        """The identity of a lower-case local part and domain. A local part that would vanish is left alone."""
        base = local.split(self.tag, 1)[0] if self.tag else local
        for character in self.drop:
            base = base.replace(character, "")
        for character in self.alike[1:]:
            base = base.replace(character, self.alike[0])
        return f"{base or local}@{self.mailbox or domain}"


def identity(local: str, domain: str) -> str:
    """The identity of an unquoted local part and A-label domain.

    Lower-case, although RFC 5321 2.4 lets a host tell cases apart: none that matters does, and people type both.
    """
    # a final sigma is the same letter; where a word ends, str.lower guesses
    lowered = unicodedata.normalize("NFC", local.lower()).replace("ς", "σ")
    rule = mailbox_rules().get(domain)
    return rule.apply(lowered, domain) if rule else f"{lowered}@{domain}"


def domains_of(domain: str) -> frozenset[str]:
    """All domains under which the mailboxes of a domain can be written to; itself, at least."""
    rules = mailbox_rules()
    rule = rules.get(domain)
    if rule is None or not rule.mailbox:
        return frozenset((domain,))
    return frozenset(name for name, other in rules.items() if other.mailbox == rule.mailbox)


@cache
def mailbox_rules() -> Mapping[str, MailboxRule]:
    """The rules of mailbox providers, by domain."""
    return read_rules(read_table("mailbox_rules"))


def read_rules(table: Mapping[str, Any]) -> dict[str, MailboxRule]:
    """The rules in the table of data/mailbox_rules.toml, by domain. Raises ValueError for a domain with two rules."""
    rules: dict[str, MailboxRule] = {}
    for written in table["rule"]:
        rule = MailboxRule(*(written.get(name, "") for name in ("mailbox", "drop", "tag", "alike")))
        for domain in written["domains"]:
            if domain in rules:
                raise ValueError(f"mailbox_rules.toml has two rules for {domain}")
            rules[domain] = rule
    return rules
