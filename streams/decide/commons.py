"""Who comes first where services share a limit, that of a domain or of an MX provider: who proves which service he is.
Pure: they change only the rows that they are given.

Whoever may write intents can make up as many names as he likes, and with them as many services with rates of their own.
So names prove nothing here: as long as proved ones are there too, all others together have a part of a burst less, and
retry slots apart. They can use up what they have, and make nobody else wait.
"""

from sidestep.schemas import IntentEvidence
from sidestep.streams.decide.tables import DomainRow, ProvedFirst, ServiceRow
from sidestep.streams.gcra import Rate

KEPT_FOR = 3600
"""Seconds for which room is kept after somebody proved was there: who sends now and then finds it, and where nobody
proved sends to any more the whole burst is for all again."""
NOTED_EVERY = 60
"""Seconds: a row need not be told more often."""
PART = 2
"""One of so many parts of a burst is kept, and room for one message at least. Half: a service that does not sign yet
still has bursts, and goes on at the limit's whole pace."""

Row = DomainRow | ServiceRow


def kept_back(row: Row, evidence: IntentEvidence, rate: Rate, now: int) -> int:
    """Microseconds of a limit's tolerance that are not for this intent; one that is proved is noted. `now`: seconds of
    log time."""
    if type(row) is not DomainRow:
        return 0
    proved = row.proved
    if evidence.proved:
        if proved is None:
            row.proved = ProvedFirst(now)
        elif proved.at <= now - NOTED_EVERY:
            proved.at = now
        return 0
    if proved is None or proved.at < now - KEPT_FOR:
        return 0
    return max(rate.tolerance_us // PART, rate.interval_us)


def slots(row: Row, evidence: IntentEvidence) -> Row | ProvedFirst:
    """Where it stands which retry slots are promised to intents like this one."""
    return row.proved if evidence.proved and type(row) is DomainRow and row.proved is not None else row
