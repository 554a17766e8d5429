"""Names of the simulated world: of people, firms, slips of the keyboard and what machines make up. Pure, seeded."""

import string
from collections.abc import Callable
from random import Random

from sidestep.streams.demo.model import traffic

_WORDS = (
    "alp", "amber", "anker", "apfel", "arbor", "atlas", "bach", "baum", "berg", "birk", "blau", "brook", "buch",
    "cedar", "clear", "dorf", "eagle", "eich", "elm", "falk", "feld", "fern", "fjord", "flint", "forst", "garten",
    "glen", "gold", "grau", "hafen", "harbor", "haus", "heath", "hill", "hof", "holz", "horn", "iron", "kern",
    "kirch", "lake", "land", "lark", "licht", "linden", "marsh", "meer", "mill", "moor", "nord", "oak", "ost",
    "park", "pine", "quell", "rhein", "river", "rock", "rosen", "sand", "see", "silber", "stein", "stern",
    "stone", "sturm", "tal", "tower", "ufer", "wald", "west", "wiese", "wind", "winter", "wolf", "yard",
)  # fmt: skip
_TRADES = (
    "bau", "consult", "data", "design", "druck", "energy", "foods", "gmbh", "group", "handel", "immo", "kanzlei",
    "labs", "logistik", "media", "metall", "optik", "praxis", "reisen", "schule", "soft", "sport", "steuer",
    "systems", "tech", "tools", "trade", "verein", "verlag", "wein", "werk", "works",
)  # fmt: skip
_ENDINGS = ("com", "de", "de", "com", "net", "org", "eu", "at", "ch", "io", "co.uk", "fr", "nl")
_KEYS = ("qwertzuiop", "asdfghjkl", "yxcvbnm")
_ENDING_SLIPS = {
    "com": ("con", "cm", "co", "cmo", "comm", "vom", "om", "net"),
    "de": ("ed", "d", "dee", "fe", "com"),
    "net": ("ner", "nte", "com"),
}
ROLES = ("info", "sales", "office", "kontakt", "contact", "support", "buchhaltung", "service", "admin", "marketing")
TRAP_WORDS = ("spamtrap", "honeypot", "spam.trap", "no.spam", "jane.nospam", "antispam", "spambait")


class NameMaker:
    """Makes names, each once."""

    def __init__(self, random: Random):
        people = traffic().people
        self._first, self._last = people.first, people.last
        self._random = random
        self._taken: set[str] = set()

    def person(self) -> str:
        """What stands before the @ of a person, unique in the whole world."""
        pick = self._random.choice
        first, last = pick(self._first), pick(self._last)
        local = pick((f"{first}.{last}", f"{first}{last}", f"{first[0]}.{last}", f"{first}_{last}", f"{last}.{first}"))
        return self._once(local, lambda: f"{local}{self._random.randrange(1, 9999)}")

    def role(self) -> str:
        """info@ and its like; many domains have the same."""
        return self._random.choice(ROLES)

    def machine_made(self) -> str:
        """Random letters and digits."""
        letters = string.ascii_lowercase + string.digits
        return self._once("", lambda: "".join(self._random.choices(letters, k=self._random.randrange(10, 18))))

    def honeypot(self) -> str:
        """Words that say what it is."""
        word = self._random.choice(TRAP_WORDS)
        return self._once(word, lambda: f"{word}{self._random.randrange(1, 999)}")

    def firm(self) -> str:
        """A domain."""
        pick = self._random.choice
        parts = (pick(_WORDS), pick((*_WORDS, *_TRADES)), pick(("", "", "-")), pick(_ENDINGS))
        name = f"{parts[0]}{parts[2]}{parts[1]}.{parts[3]}"
        return self._once(name, lambda: f"{parts[0]}{parts[2]}{parts[1]}{self._random.randrange(2, 99)}.{parts[3]}")

    def _once(self, name: str, other: Callable[[], str]) -> str:
        # providers ignore dots: anna.berg@ and annaberg@ would be one mailbox
        while not name or _bare(name) in self._taken:
            name = other()
        self._taken.add(_bare(name))
        return name


def _bare(name: str) -> str:
    return name.replace(".", "").replace("_", "")


def slip(domain: str, random: Random) -> str:
    """A domain as a keyboard slips: a letter doubled, left out, swapped, taken from the next key, another ending."""
    name, _, ending = domain.partition(".")
    kind = random.randrange(5)
    if kind == 0:
        return f"{name}.{random.choice(_ENDING_SLIPS.get(ending, (ending[:-1] or 'c', ending + ending[-1])))}"
    at = random.randrange(len(name))
    if kind == 1:
        return f"{name[:at]}{name[at]}{name[at:]}.{ending}"
    if kind == 2 and len(name) > 3:
        return f"{name[:at]}{name[at + 1 :]}.{ending}"
    if kind == 3 and len(name) > 2:
        at = random.randrange(len(name) - 1)
        return f"{name[:at]}{name[at + 1]}{name[at]}{name[at + 2 :]}.{ending}"
    return f"{name[:at]}{_beside(name[at], random)}{name[at + 1 :]}.{ending}"


def _beside(letter: str, random: Random) -> str:
    for row in _KEYS:
        at = row.find(letter)
        if at >= 0:
            return random.choice(row[max(0, at - 1) : at] + row[at + 1 : at + 2])
    return letter + letter
