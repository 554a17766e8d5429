"""Life stories, drawn: how mailboxes fade, bounce and become traps, how domains end and come back. Pure, seeded."""

from random import Random
from typing import NamedTuple

from sidestep.streams.simulate.assumptions import Lives, SimulatedTime, SmallDomains
from sidestep.streams.simulate.chance import between
from sidestep.streams.simulate.domains import NO_ANSWER, NO_SUCH_DOMAIN, WEB_ONLY, Domain, Epoch, Takes, taking
from sidestep.streams.simulate.mailboxes import Life, MailboxStage

DAY = 86400
YEAR = 365.25 * DAY
MONTH = YEAR / 12
BEFORE = 9 * YEAR
"""So long before the history the first domain's story begins."""
HOSTS = ("aspmx.l.google.com", "{}.mail.protection.outlook.com", "mx.kundenserver.de", "mx1.mail.ovh.net")
"""Where a firm goes that changes its host; {} is the domain with hyphens."""
PARKING = ("park-mx.above.com", "mail.h-email.net", "mail.parkingcrew.net")


Story = list[tuple[int, MailboxStage]]
"""A life that is still being told."""


class Ending(NamedTuple):
    """How mailboxes of a house end: at once or fading, how long unused ones live, how many become traps."""

    at_once: float
    inactive_months: float
    recycled: float
    straight: float


def draw_life(random: Random, lives: Lives, ending: Ending, joined: float, leaves: float, until: float) -> Life:
    """From `joined` on (Unix seconds). `leaves`: the share that gives it up in a year."""
    life = [(int(joined), MailboxStage.ALIVE)]
    end = joined + random.expovariate(leaves) * YEAR
    while end < until:
        if random.random() < ending.at_once:
            _gone(life, end, random, lives, ending.recycled)
            break
        life.append((int(end), MailboxStage.QUIET))
        back = end + between(random, lives.comes_back_days) * DAY
        off = end + ending.inactive_months * MONTH * (0.85 + 0.3 * random.random())
        if back < off and random.random() < lives.comes_back:
            life.append((int(back), MailboxStage.ALIVE))
            end = back + random.expovariate(leaves) * YEAR
            continue
        _switched_off(life, off, random, lives, ending)
        break
    return tuple(entry for entry in _locked(life, random, lives, until) if entry[0] < until)


def _locked(life: Story, random: Random, lives: Lives, until: float) -> Story:
    """Now and then an account is disabled for days, and its owner comes back."""
    first, leaves = life[0][0], life[1][0] if len(life) > 1 else until
    since = first + random.expovariate(lives.locked_a_year) * YEAR
    back = since + between(random, lives.locked_days) * DAY
    if back >= leaves:
        return life
    return [life[0], (int(since), MailboxStage.SUSPENDED), (int(back), MailboxStage.ALIVE), *life[1:]]


def _switched_off(life: Story, off: float, random: Random, lives: Lives, ending: Ending) -> None:
    """The provider has had enough of waiting."""
    # everything is drawn, whatever comes of it: with other shares of traps all else stays as it is
    trap, straight = random.random() < ending.recycled, random.random() < ending.straight
    full, gone = random.random() < lives.full, off + between(random, lives.suspended_days) * DAY
    if trap and straight:
        life.append((int(off), MailboxStage.TRAP))
        return
    if full:
        life.append((int(off - lives.full_days * DAY), MailboxStage.FULL))
    life.append((int(off), MailboxStage.SUSPENDED))
    _gone(life, gone, random, lives, 1.0 if trap else 0.0)


def _gone(life: Story, when: float, random: Random, lives: Lives, recycled: float) -> None:
    life.append((int(when), MailboxStage.GONE))
    trap, accepts = random.random() < recycled, when + between(random, lives.conditioned_days) * DAY
    if trap:
        life.append((int(accepts), MailboxStage.TRAP))


def draw_domain(
    random: Random, small: SmallDomains, time: SimulatedTime, domain: Domain, operator: tuple[str, ...], traps: float
) -> None:
    """Whatever happens to a small domain, into its epochs. `operator`: exchanges of whoever may buy it; `traps`: times
    so many do."""
    born = domain.epochs[0].since
    _mishaps(random, small, time, domain)
    died = born + random.expovariate(small.dies_a_year) * YEAR
    if died > time.ends:
        return
    domain.epochs = [epoch for epoch in domain.epochs if epoch.since < died]
    bought = random.random() < small.bought_by_operator * traps
    at_once = random.random() < small.at_once
    if not (bought and at_once):
        domain.epochs.append(_dead(random, small, int(died)))
    if bought:
        dark = 0.0 if at_once else between(random, small.dark_days) * DAY
        domain.trap = "recycled"
        domain.epochs.append(Epoch(int(died + dark), Takes.OPERATOR, taking(operator)))


def _dead(random: Random, small: SmallDomains, when: int) -> Epoch:
    if random.random() >= small.parked:
        return Epoch(when, Takes.NOBODY, NO_SUCH_DOMAIN)
    return parked(random, when)


def parked(random: Random, when: int) -> Epoch:
    """A parking service has it; half of them only show a page, and a host that takes no mail."""
    if random.random() < 0.5:
        return Epoch(when, Takes.NOBODY, WEB_ONLY)
    exchange = random.choice(PARKING)
    return Epoch(when, Takes.ANYTHING, taking((exchange,), "parking"))


def _mishaps(random: Random, small: SmallDomains, time: SimulatedTime, domain: Domain) -> None:
    """Moves and outages within the history; afterwards all is as it was."""
    years = (time.ends - time.begins) / YEAR
    if random.random() < small.migrates_a_year * years:
        host = random.choice(HOSTS)
        exchange = host.format(domain.name.replace(".", "-"))
        domain.epochs.append(Epoch(int(between(random, (time.begins, time.ends))), Takes.PEOPLE, taking((exchange,))))
    usual = domain.epochs[-1]
    for share, broken, seconds in (
        (small.moves_a_year, Epoch(0, Takes.NOBODY, NO_SUCH_DOMAIN), between(random, small.moved_days) * DAY),
        (small.outage_a_year, Epoch(0, Takes.SILENCE, NO_ANSWER), between(random, small.outage_hours) * 3600),
    ):
        if random.random() < share * years:
            when = int(between(random, (max(time.begins, usual.since), time.ends)))
            if when > domain.epochs[-1].since + 30 * DAY:
                domain.epochs.append(Epoch(when, broken.takes, broken.finding))
                domain.epochs.append(Epoch(when + int(seconds), usual.takes, usual.finding))
