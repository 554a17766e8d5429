"""What a bounce says about whom, and that every reason code has a sentence for the person whose mail was stopped."""

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

import pytest

from sidestep.schemas import Bounce
from sidestep.schemas.feedback import Scope
from sidestep.streams.decide.rules import address as address_rules
from sidestep.streams.screen.address import characters, domain, local_part
from sidestep.streams.screen.address import parse as address
from sidestep.streams.screen.dns import mx
from sidestep.streams.screen.feedback.reasons import Reasons, load_reasons

REASONS = load_reasons()


def _bounce(**fields: Any) -> Bounce:
    return Bounce(recipient="jane@example.com", **fields)


@pytest.mark.parametrize(
    ("fields", "reason", "scope", "hard"),
    [
        ({}, "", "transient", False),
        ({"reason": "userunknown"}, "userunknown", "recipient", True),
        ({"reason": "UserUnknown"}, "userunknown", "recipient", True),
        ({"reason": "suspend"}, "suspend", "recipient", False),
        ({"reason": "mailboxfull"}, "mailboxfull", "recipient", False),
        ({"reason": "blocked"}, "blocked", "us", False),
        ({"reason": "no-such-word"}, "no-such-word", "transient", False),
        ({"status": "5.1.1"}, "userunknown", "recipient", True),
        ({"status": "5.1.10"}, "notaccept", "domain", True),
        ({"status": "5.2.1"}, "suspend", "recipient", False),
        ({"status": "5.7.1"}, "rejected", "us", False),
        ({"status": "5.7.99"}, "rejected", "us", False),
        ({"status": "5.7.18"}, "hasmoved", "recipient", True),
        ({"status": "4.2.2"}, "expired", "transient", False),
        ({"status": "5.9.9"}, "", "transient", False),
        ({"reason": "blocked", "status": "5.1.1"}, "blocked", "us", False),
        ({"reason": "blocked", "hard": True}, "blocked", "us", True),
        ({"reason": "userunknown", "hard": False}, "userunknown", "recipient", False),
        ({"reason": "userunknown", "scope": "us"}, "userunknown", "us", True),
        ({"hard": True}, "", "recipient", True),
        ({"hard": True, "reason": "gone fishing"}, "other", "recipient", True),
        ({"reason": "550 <jane@example.com> is unknown"}, "other", "transient", False),
        ({"hard": True, "scope": "us"}, "", "us", True),
        ({"hard": True, "status": "5.7.1"}, "rejected", "us", True),
    ],
)
def test_whom_a_bounce_blames(fields: dict[str, object], reason: str, scope: str, hard: bool) -> None:
    """What its sender says goes first, then its reason, then its status; nothing known means nobody is to blame."""
    assert (reason, scope, hard) == REASONS.meaning(_bounce(**fields))


def test_the_vocabulary_is_sound() -> None:
    """Every status means a known reason, every scope exists, no reason stands in two places, `us` is never hard."""
    assert set(REASONS._status.values()) <= REASONS._meanings.keys()
    assert {meaning.scope for meaning in REASONS._meanings.values()} <= set(get_args(Scope))
    assert not [m for m in REASONS._meanings.values() if m.scope in ("us", "message", "transient") and m.hard]
    assert all(re.fullmatch(r"[245](\.\d+){0,2}", status) for status in REASONS._status)


def test_the_longest_prefix_of_a_status_wins() -> None:
    """5.7 is about us, 5.7.17 is not."""
    reasons = Reasons('[recipient]\nhard=["a"]\nsoft=["b"]\n[status]\n"5"="a"\n"5.1.2"="b"\n')
    assert ["b", "a", "a", ""] == [reasons._of_status(status) for status in ("5.1.2", "5.1.3", "5.1.20", "4.1.2")]


def _constants(module: ModuleType) -> Iterator[str]:
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_refused_address_is_told_why() -> None:
    """The codes in the sources of the address parser and the sentences of the rule are the same set."""
    texts = {text for module in (address, local_part, domain, characters) for text in _constants(module)}
    codes = {text for text in texts if re.fullmatch(r"[a-z]+(-[a-z]+)+|comment|whitespace", text)}
    assert set(address_rules.SYNTAX) == codes


def test_every_domain_without_mail_is_told_why() -> None:
    """The same of DNS: whatever `inquire` may answer with `no`."""
    source = inspect.getsource(mx)
    codes = set(re.findall(r'_no\("([a-z-]+)"', source)) | set(re.findall(r'"(no-[a-z-]+)"', source))
    assert set(address_rules.NO_MAIL) == codes | set(mx.NO_HOST.values())


@pytest.mark.parametrize("sentence", [*address_rules.SYNTAX.values(), *address_rules.NO_MAIL.values()])
def test_a_sentence_can_be_put_after_a_colon(sentence: str) -> None:
    """Lower case, no full stop: the rule ends it."""
    assert sentence[0].islower()
    assert not sentence.endswith(".")
