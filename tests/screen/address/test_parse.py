"""Addresses: what is refused and why, what is the same mailbox, and that the fast path agrees with email-validator."""

import json
from pathlib import Path
from timeit import repeat
from unittest.mock import patch

import email_validator
import pytest
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES
from hypothesis import example, given
from hypothesis import strategies as st
from idna.uts46data import uts46_starts, uts46_statuses

from sidestep.streams.screen.address.domain import read_domain, registrable
from sidestep.streams.screen.address.mailbox import mailbox_rules, read_rules
from sidestep.streams.screen.address.parse import parse

STRIPPED = Path(__file__).parents[4] / "shared" / "data" / "field" / "address-stripped-code-points.txt"

REFUSED = {
    "": "no-at-sign",
    "jane.example.com": "no-at-sign",
    "jane＠example.com": "no-at-sign",
    "@example.com": "empty-local",
    '""@example.com': "empty-local",
    "jane@": "empty-domain",
    "x" * 65 + "@example.com": "local-too-long",
    "é" * 33 + "@example.com": "local-too-long",
    "x" * 60 + "@" + "y." * 100 + "com": "address-too-long",
    "x@" + "y." * 130 + "com": "domain-too-long",
    "x@" + "ü.de." * 50 + "com": "domain-too-long",
    "x@" + "y" * 64 + ".com": "domain-label-too-long",
    "x@" + "ü" * 60 + ".com": "domain-label-too-long",
    ".jane@example.com": "dot-at-edge",
    "jane.@example.com": "dot-at-edge",
    "jane@.example.com": "dot-at-edge",
    "jane@example.com.": "dot-at-edge",
    "jane..doe@example.com": "two-dots",
    "jane@example..com": "two-dots",
    "jane@doe@example.com": "two-at-signs",
    "jane,doe@example.com": "unquoted-character",
    'jane"doe@example.com': "unquoted-character",
    '"jane@example.com': "unterminated-quote",
    '"jane\\"@example.com': "unterminated-quote",
    '"jane"doe@example.com': "text-after-quote",
    "jane(at home)@example.com": "whitespace",
    "jane(home)@example.com": "comment",
    "jane@(work)example.com": "comment",
    "Jane Doe <jane@example.com>": "display-name",
    "<jane@example.com>": "display-name",
    "jane doe@example.com": "whitespace",
    " jane@example.com": "whitespace",
    "jane@example.com\n": "whitespace",
    "jane\u00a0doe@example.com": "whitespace",
    "jane\0@example.com": "control-character",
    "jane@exam\x7fple.com": "control-character",
    '"jane\x01"@example.com': "control-character",
    "jane\u200b@example.com": "unsafe-character",
    '"ja\\éne"@example.com': "quoted-pair",
    '"\\é"@example.com': "quoted-pair",
    '"\\\\\\é"@example.com': "quoted-pair",
    '"jane\\ \\é"@example.com': "quoted-pair",
    "jane\ud800@example.com": "unsafe-character",
    "jane@\udfff.com": "unsafe-character",
    "\u0301jane@example.com": "unsafe-character",
    "jane@[192.0.2.1]": "domain-literal",
    "jane@[IPv6:2001:db8::1]": "domain-literal",
    "jane@192.0.2.1": "numeric-top-level",
    "jane@localhost": "no-dot-in-domain",
    "jane@exam_ple.com": "domain-character",
    "jane@exämple_.com": "domain-character",
    "jane@example.com>": "domain-character",
    "jane@-example.com": "hyphen-at-edge",
    "jane@example-.com": "hyphen-at-edge",
    "jane@ab--example.com": "reserved-label",
    "jane@xn--\u00fc.com": "idna-invalid",
    "jane@xn--a.com": "idna-invalid",
    "jane@1.אב.com": "idna-invalid",
}

UNSEEN = {
    "combining grapheme joiner": "\u034f",
    "Hangul choseong filler": "\u115f",
    "Hangul jungseong filler": "\u1160",
    "Khmer vowel inherent aq": "\u17b4",
    "Mongolian todo soft hyphen": "\u1806",
    "Mongolian free variation selector one": "\u180b",
    "Mongolian free variation selector four": "\u180f",
    "Mongolian vowel separator": "\u180e",
    "zero width space": "\u200b",
    "word joiner": "\u2060",
    "invisible times": "\u2062",
    "Braille pattern blank": "\u2800",
    "Hangul filler": "\u3164",
    "variation selector-1": "\ufe00",
    "variation selector-16": "\ufe0f",
    "byte order mark": "\ufeff",
    "halfwidth Hangul filler": "\uffa0",
    "shorthand format letter overlap": "\U0001bca0",
    "musical symbol begin beam": "\U0001d173",
    "tag latin small letter a": "\U000e0061",
    "variation selector-17": "\U000e0100",
    "soft hyphen": "\u00ad",
    "Arabic letter mark": "\u061c",
}

JOINED = {
    "jane@نامه\u200cای.com": "jane@xn--mgba3gch31f060k.com",
    "jane@xn--mgba3gch31f060k.com": "jane@xn--mgba3gch31f060k.com",
    "jane@\u0dc1\u0dca\u200d\u0dbb\u0dd3.com": "jane@xn--10cl1a0b660p.com",
    "jane@mail.\u0dc1\u0dca\u200d\u0dbb\u0dd3.test": "jane@mail.xn--10cl1a0b660p.test",
    "jane@\u0915\u094d\u200d\u0937.com": "jane@xn--11b2ezcw70k.com",
}
"""Names that need a joiner: Persian (namehay), Sinhala (Sri), Devanagari (k-ssa), and what they are on the wire."""

SAME_MAILBOX = [
    ("ΝΙΚΟΣ.ΠΑΠΠΑΣ@example.com", "νικος.παππας@example.com"),
    ("Jane.Doe+news@GMail.com", "jane.doe@googlemail.com"),
    ('"jane.doe"@example.com', "jane.doe@example.com"),
    ('"jane\\.doe"@example.com', "jane.doe@EXAMPLE.com"),
    ("jane+a@outlook.com", "JANE@outlook.com"),
    ("jane@me.com", "jane+shop@icloud.com"),
    ("jane_doe@protonmail.com", "janedoe+x@proton.me"),
    ("jane+1@fastmail.com", "jane@fastmail.com"),
    ("jane@ya.ru", "jane@yandex.com"),
    ("jane.doe@yandex.ru", "Jane-Doe+x@yandex.com"),
    ("e\u0301@example.com", "É@example.com"),
    ("jane@bücher.de", "jane@xn--bcher-kva.DE"),
]

OTHER_MAILBOX = [
    ("jane.doe@example.com", "janedoe@example.com"),
    ("jane+a@example.com", "jane@example.com"),
    ("jane-a@yahoo.com", "jane@yahoo.com"),
    ("jane@hotmail.com", "jane@outlook.com"),
    ("jane.doe@outlook.com", "janedoe@outlook.com"),
    ("+a@gmail.com", "+b@gmail.com"),
    ("janedoe@yandex.ru", "jane.doe@yandex.ru"),
    ("jane@straße.de", "jane@strasse.de"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_every_refusal_has_its_reason(text: str, reason: str) -> None:
    """An unsound address says why, and offers nothing to send to or to hash."""
    parsed = parse(text)
    assert (reason, "", "", "") == (parsed.reason, parsed.local, parsed.normalized, parsed.identity)


@pytest.mark.parametrize("unseen", UNSEEN.values(), ids=UNSEEN)
@pytest.mark.parametrize(
    "text",
    ["ja{}ne@example.com", '"ja {}ne"@example.com', '"jane"{}@example.com', "jane@exam{}ple.com", "jane@gmail{}.com"],
)
def test_what_is_not_seen_is_refused(text: str, unseen: str) -> None:
    """Before the at-sign and behind it, not deleted: nobody knows whose address it would be without."""
    assert "unsafe-character" == parse(text.format(unseen)).reason


@pytest.mark.skipif(not STRIPPED.exists(), reason=f"no cases at {STRIPPED}")
def test_what_others_were_seen_to_strip_is_refused() -> None:
    """Addresses from the field, a JSON string a line."""
    texts = [json.loads(line) for line in STRIPPED.read_text().splitlines()]
    assert texts
    assert {"unsafe-character"} == {parse(text).reason for text in texts}


def test_whatever_a_domain_would_lose_is_refused_in_all_of_an_address() -> None:
    """All that UTS 46, of whatever Unicode version, maps to nothing."""
    ignored = [
        chr(code)
        for start, end, status in zip(uts46_starts, [*uts46_starts[1:], 0x110000], uts46_statuses, strict=True)
        if chr(status) == "I"
        for code in range(start, min(end, start + 1000))
    ]
    assert len(ignored) > 250
    for character in ignored:
        assert (
            "unsafe-character" == parse(f"jane@exam{character}ple.com").reason == parse(f"ja{character}ne@a.com").reason
        )


@pytest.mark.parametrize(("text", "normalized"), JOINED.items())
def test_joiners_stand_where_idna_lets_them(text: str, normalized: str) -> None:
    """RFC 5892 A.1 and A.2, whether a name comes as it is read or as it is on the wire; without them it is another."""
    assert (normalized, "") == (parse(text).normalized, parse(text).reason)
    assert parse(text.replace("\u200c", "").replace("\u200d", "")).domain != parse(text).domain or text.isascii()


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
@pytest.mark.parametrize("name", ["exam{}ple.com", "{}.com", "{}gmail.com", "gmail.c{}om", "ب{}.com", "\u0915{}.com"])
def test_joiners_stand_nowhere_else(name: str, joiner: str) -> None:
    """Where they join nothing they are not seen; before the at-sign nobody says where they may stand."""
    assert "unsafe-character" == parse("jane@" + name.format(joiner)).reason
    assert "unsafe-character" == parse(f"\u0915\u094d{joiner}\u0937@example.com").reason


@pytest.mark.parametrize("text", ["jane..doe@Example.com", "jane@doe@example.COM", '"jane@example.com', "@example.com"])
def test_a_readable_domain_survives_an_unreadable_local_part(text: str) -> None:
    """The domain is the partition key: it is there whenever it can be read."""
    assert parse(text).domain == "example.com"


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("Jane.Doe@EXAMPLE.com", "Jane.Doe@example.com"),
        ("o'brien+x@example.co.uk", "o'brien+x@example.co.uk"),
        ("e\u0301@bücher.de", "é@xn--bcher-kva.de"),
        ("jane@straße.de", "jane@xn--strae-oqa.de"),
        ("jane@ｅｘａｍｐｌｅ。com", "jane@example.com"),
        ('"jane.doe"@example.com', "jane.doe@example.com"),
        ('"jane doe"@example.com', '"jane doe"@example.com'),
        ('"a@b"@example.com', '"a@b"@example.com'),
        ('"a\\"\\\\b"@example.com', '"a\\"\\\\b"@example.com'),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
        ("x@" + "y" * 63 + ".com", "x@" + "y" * 63 + ".com"),
    ],
)
def test_normal_form(text: str, normalized: str) -> None:
    """Domain to lower-case A-label (non-transitional), local part as given, NFC, quoted only where it must be."""
    assert (normalized, "") == (parse(text).normalized, parse(text).reason)


@pytest.mark.parametrize("name", email_validator.SPECIAL_USE_DOMAIN_NAMES)
@pytest.mark.parametrize("local", ["jane", "jané", '"jane doe"'])
def test_special_use_domains_are_for_dns_to_judge(name: str, local: str) -> None:
    """RFC 6761 names are sound on both paths, in any spelling; without a dot they are refused like all others."""
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in name)
    for spelling in (f"mail.{name}", f"Mail.{name.upper()}", f"mail。{wide}"):
        assert (f"mail.{name}", "") == (parse(f"{local}@{spelling}").domain, parse(f"{local}@{spelling}").reason)
    assert parse(f"{local}@{name}").reason == "no-dot-in-domain"


@pytest.mark.parametrize(("one", "other"), SAME_MAILBOX)
def test_spellings_of_one_mailbox_share_an_identity(one: str, other: str) -> None:
    """History follows the person through dots, tags, quotes, cases and the provider's other domains."""
    assert parse(one).identity == parse(other).identity != ""


@pytest.mark.parametrize(("one", "other"), OTHER_MAILBOX)
def test_different_mailboxes_keep_different_identities(one: str, other: str) -> None:
    """No provider's rule leaks to another, and no rule leaves an empty local part."""
    assert parse(one).identity != parse(other).identity


def test_mailbox_rules_are_consistent() -> None:
    """A rule's common domain follows the same rule, every domain is in normal form, and none has two rules."""
    for domain, rule in mailbox_rules().items():
        assert domain == read_domain(domain).name
        assert not rule.mailbox or rule == mailbox_rules()[rule.mailbox]
    with pytest.raises(ValueError, match="two rules for a"):
        read_rules({"rule": [{"domains": ["a.com", "a.com"]}]})


def test_registrable() -> None:
    """The name under the public suffix; a suffix itself comes back as it is."""
    names = ["a.b.example.co.uk", "example.com", "x.user.github.io", "co.uk", "a.b.test", "xn--bcher-kva.xn--p1ai"]
    expected = ["example.co.uk", "example.com", "user.github.io", "co.uk", "b.test", "xn--bcher-kva.xn--p1ai"]
    assert expected == [registrable(name) for name in names]


ATEXT = "abcXYZ019!#$%&'*+/=?^_`{|}~-"
TOP_LEVEL = ["com", "Com", "co.uk", "museum", "xn--p1ai", "c0m", *email_validator.SPECIAL_USE_DOMAIN_NAMES]
locals_ = st.lists(st.text(ATEXT, min_size=1, max_size=25), min_size=1, max_size=4).map(".".join)
labels = st.text("abcXYZ019-", min_size=1, max_size=20) | st.sampled_from(["x" * 63, "x" * 64, "xn--bcher-kva"])
domains = st.builds(
    lambda names, top: ".".join([*names, top]), st.lists(labels, min_size=1, max_size=5), st.sampled_from(TOP_LEVEL)
)
plain_addresses = st.builds("{}@{}".format, locals_, domains)
near_plain_addresses = st.builds(
    lambda text, position, cut, extra: text[: position % len(text)] + extra + text[position % len(text) + cut :],
    plain_addresses,
    st.integers(0, 300),
    st.integers(0, 2),
    st.text('aK.-_@"\\ ()<>[],:;\t\n\0\x7f\x80éßÅ\u0301\u0338\u00ad\u200d\u212a。．＠אا１ı', max_size=3),
)
quoted_addresses = st.builds('"{}"@{}'.format, st.text('ab.@ \\"é(\u0301', max_size=8), domains)


def reference(text: str) -> str:
    """email-validator's normal form with the A-label, or "" where it refuses; told nothing about special-use names."""
    with patch.object(email_validator, "SPECIAL_USE_DOMAIN_NAMES", []):
        try:
            found = email_validator.validate_email(
                text, check_deliverability=False, allow_smtputf8=True, allow_quoted_local=True, strict=True
            )
        except email_validator.EmailNotValidError:
            return ""
    return f"{found.local_part}@{found.ascii_domain}"


@given(plain_addresses | near_plain_addresses | quoted_addresses)
@example("Info@example.com")
@example("jane@\u212a.com")
def test_agrees_with_email_validator(text: str) -> None:
    """Same acceptance and same normal form on plain addresses, which take the fast path, and on those nearly plain.

    Differences that are meant: it counts characters of a local part where RFC 5321 counts octets; it lets in a
    backslash before what is not ASCII; and it writes the names of RFC 2142 in lower case, which here only the identity
    does.
    """
    parsed, expected = parse(text), reference(text)
    if parsed.reason in ("local-too-long", "quoted-pair") and not text.isascii():
        return
    local = parsed.local
    if local.lower() in CASE_INSENSITIVE_MAILBOX_NAMES:
        local = local.lower()
    assert expected == (f"{local}@{parsed.domain}" if not parsed.reason else ""), parsed


@given(st.text(st.characters(), max_size=300) | near_plain_addresses | quoted_addresses)
@example("x" * 1_000_000)
@example('"' * 1_000_000)
@example("x@" * 500_000)
@example("x@" + "é" * 1_000_000)
@example("\ud800" * 1000 + "@\ud800")
@example('"\\' + '"' * 100 + "@x.com")
def test_never_raises_and_is_stable(text: str) -> None:
    """Whatever comes is answered, in a short code; and a normal form is its own normal form, with the same identity."""
    parsed = parse(text)
    if parsed.reason:
        assert "" == parsed.normalized == parsed.identity
        assert parsed.reason.replace("-", "").isalpha()
    else:
        assert parsed == parse(parsed.normalized)
        assert len(parsed.normalized.encode()) <= 254


def test_fast_path_is_fast() -> None:
    """Plain addresses cost microseconds: a bound ten times what was measured, to catch a lost fast path."""
    texts = [f"jane.doe{number}@example{number % 10}.com" for number in range(2_000)]
    best = min(repeat(lambda: [parse(text) for text in texts], number=1, repeat=3)) / len(texts)
    assert best < 10e-6
