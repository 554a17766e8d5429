"""The old list that somebody imports during the demo: the simulator's export of 2019, and how its people stand on the
day of the import. Pure, seeded.

Their lives are docs/simulator.md's: some have left and bounce, some have abandoned their mailboxes, some of those are
spam traps by now. Nobody on it has asked for mail.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sidestep.streams.demo.model import Fate
from sidestep.streams.simulate.assumptions import assumptions
from sidestep.streams.simulate.calendar import Calendar
from sidestep.streams.simulate.chance import Chance
from sidestep.streams.simulate.domains import Domain, Takes
from sidestep.streams.simulate.mailboxes import Mailbox, MailboxStage
from sidestep.streams.simulate.population import Company

SOURCE = "crm-export-2019"
SOMEWHERE = "93.184.215.14"
"""The address of every mail server: nothing is ever contacted."""
BOUNCES: dict[MailboxStage, Fate] = {
    MailboxStage.GONE: "gone",
    MailboxStage.SUSPENDED: "suspended",
    MailboxStage.FULL: "full",
}


class OldList(NamedTuple):
    """Addresses in the order of the list. `fates`: of those who are not simply there; `zones`: master-file text of
    domains that the demo's DNS lacks."""

    addresses: list[str]
    fates: dict[str, Fate]
    zones: str


def old_list(seed: int, people: int) -> OldList:
    """The list with so many entries, about. Takes a second for some thousands."""
    world = assumptions(people / assumptions().sources[SOURCE].people)
    chance = Chance(seed)
    calendar = Calendar(world, chance)
    members = Company(world, chance, calendar).lists[SOURCE]
    when = calendar.imports[SOURCE]
    mailboxes = [member.mailbox for member in members]
    found = {mailbox.address: _fate(mailbox, when) for mailbox in mailboxes}
    domains = {mailbox.domain.name: mailbox.domain for mailbox in mailboxes}
    small = (domain for domain in domains.values() if domain.runs_it not in world.providers)
    return OldList(
        [mailbox.address for mailbox in mailboxes],
        {address: fate for address, fate in found.items() if fate is not None},
        _zones(small, when),
    )


def _fate(mailbox: Mailbox, when: float) -> Fate | None:
    """What becomes of mail to it; None: a person is there."""
    takes = mailbox.domain.at(when).takes
    if takes in (Takes.ANYTHING, Takes.OPERATOR):
        return "silent"
    stage = mailbox.stage(when)
    if stage is MailboxStage.ALIVE:
        return "gone" if mailbox.nature == "nobody" else None
    return BOUNCES.get(stage, "silent")


def _zones(domains: Iterable[Domain], when: float) -> str:
    lines: dict[str, None] = {}
    for domain in domains:
        finding = domain.at(when).finding
        if finding.reason == "address":
            lines[f"{domain.name}. A {SOMEWHERE}"] = None
        for preference, exchange in enumerate(finding.exchanges, 1):
            lines[f"{domain.name}. MX {10 * preference} {exchange}."] = None
            lines[f"{exchange}. A {SOMEWHERE}"] = None
    return "$TTL 3600\n" + "".join(f"{line}\n" for line in lines)
