"""Addresses changed by what is not seen (kind 10) and by slips near common top-level domains (kind 11).

What is not seen is refused wherever it stands, what is seen never for that; a slip is told for what was meant or left
alone, and never told for something else. The seed is fixed.
"""

import re
import unicodedata
from importlib.resources import files
from random import Random

from sidestep.streams.screen.address.characters import refused_character
from sidestep.streams.screen.address.parse import parse
from sidestep.streams.screen.lists.key_slips import key_slips
from sidestep.streams.screen.lists.shipped import read_table
from sidestep.streams.screen.lists.top_levels import exists, meant_domain
from tests.screen.feedback.mutating import SEED, SHARE, share_kept

MUTANTS = 2000
SOUND = [
    "ada@example.com", "ada.lovelace+news@mail.example.co.uk", '"ada lovelace"@example.com', "дора@пример.example",
    "用户@例子.example", "ada@bücher.example", "josé@example.com", "मीना@example.com", "ada@xn--e1afmkfd.example",
]  # fmt: skip
JOINERS = "\u200c\u200d"
"""Names in some scripts need them: IDNA tells where (RFC 5892 A.1, A.2), and test_parse.py."""


def unseen() -> list[str]:
    """All characters that nobody sees: those of the shipped list, and of Unicode's category Cf."""
    text = (files("sidestep.streams.screen.lists") / "data" / "invisible.txt").read_text("utf-8")
    ranges = re.findall(r"(?m)^([0-9A-F]{4,6})\.\.([0-9A-F]{4,6})", text)
    listed = {chr(code) for first, last in ranges for code in range(int(first, 16), int(last, 16) + 1)}
    formats = {chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"}
    return sorted(listed | formats)


def test_what_is_not_seen_is_refused_anywhere() -> None:
    """Each such character once and again, at any place of any address; with that reason, and nothing to send to."""
    random, lost, characters = Random(SEED), [], unseen()
    for number in range(MUTANTS + len(characters)):
        character = characters[number] if number < len(characters) else random.choice(characters[:400])
        text = random.choice(SOUND)
        at = random.randrange(len(text) + 1)
        if character in JOINERS and at > text.rindex("@"):
            continue
        count = random.choice([1, 1, 2])
        parsed = parse(text[:at] + character * count + text[at:])
        if (parsed.reason, parsed.normalized) != ("unsafe-character", ""):
            lost.append(f"{text} with {ord(character):04X} at {at}: {parsed.reason or parsed.normalized}")
    share_kept("10 what is not seen", MUTANTS + len(characters), lost)
    assert len(characters) > 4000
    assert [] == lost


def test_what_is_seen_is_not_refused_for_that() -> None:
    """Letters and figures of all scripts, each in the local part and in the domain."""
    seen = [character for character in map(chr, range(0x21, 0x32000)) if _is_seen(character)]
    random, lost = Random(SEED), []
    for character in random.sample(seen, MUTANTS):
        if refused_character(f"a{character}b") or parse(f"a{character}b@example.com").reason:
            lost.append(f"{ord(character):04X} {parse(f'a{character}b@example.com').reason}")
        if parse(f"ada@a{character}b.example").reason == "unsafe-character":
            lost.append(f"{ord(character):04X} in a domain")
    share_kept("10 what is seen", MUTANTS * 2, lost)
    assert [] == lost


def _is_seen(character: str) -> bool:
    """Whether a character is a letter or a figure that stands for itself (RFC 6532 3.1: NFC), and no filler."""
    filler = "FILLER" in unicodedata.name(character, "")
    return character.isalnum() and not filler and unicodedata.normalize("NFC", character) == character


HOSTS = ["firm", "mail.firm", "xn--bcher-kva", "my-shop24"]


def slips(top_level: str) -> set[str]:
    """What a slip of one key makes of a label: left out, doubled, swapped, beside; and a dot in it."""
    dotted = {f"{top_level[:at]}.{top_level[at:]}" for at in range(1, len(top_level))}
    return (set(key_slips(top_level)) | dotted) - {"", top_level}


def test_a_slip_of_a_top_level_domain_is_told_or_left_alone() -> None:
    """All slips of all common ones: what was meant, or nothing; and nothing of one that exists."""
    random, lost, asked, told = Random(SEED), [], 0, 0
    common = read_table("top_levels")["common"]
    makers: dict[str, set[str]] = {}
    for meant in common:
        for slip in slips(meant):
            makers.setdefault(slip, set()).add(meant)
    for slip, meant_ones in makers.items():
        host = random.choice(HOSTS)
        found, asked = meant_domain(f"{host}.{slip}"), asked + 1
        told += bool(found)
        if exists(slip.rpartition(".")[2]):
            lost += [f"{slip} exists, and is told for {found}"] if found else []
        elif found and (len(meant_ones) > 1 or found != f"{host}.{min(meant_ones)}"):
            lost.append(f"{slip} of {sorted(meant_ones)} is told for {found}")
    share = share_kept(f"11 slips, {told} of them told", asked, lost)
    assert [] == lost
    assert share >= SHARE


def test_slips_near_the_large_ones_are_told() -> None:
    """Of com, net and org, which nearly all addresses are under: most are told, not left alone."""
    asked = told = 0
    for meant in ("com", "net", "org"):
        for slip in sorted(slips(meant)):
            if not exists(slip.rpartition(".")[2]):
                asked, told = asked + 1, told + (meant_domain(f"firm.{slip}") == f"firm.{meant}")
    print(f"\n11 slips of com, net, org: {told} of {asked} told")
    assert told > asked / 2


def test_no_top_level_domain_that_exists_is_a_slip() -> None:
    """Whatever it is near to: .cm, .co, .om are countries, and not .com."""
    random = Random(SEED)
    letters = "abcdefghijklmnopqrstuvwxyz"
    there = [label for first in letters for second in letters if exists(label := first + second)]
    there += ["aero", "asia", "bet", "bid", "cam", "cat", "coop", "comsec", "dot", "info", "int", "men", "new", "nexus"]
    there = [label for label in there if exists(label)]
    assert len(there) > 240
    assert [] == [label for label in there if meant_domain(f"{random.choice(HOSTS)}.{label}")]
