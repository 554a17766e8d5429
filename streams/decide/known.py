"""Which services are known: those that have sent for days, and of whose messages hardly any has come back badly. Pure:
it changes only the row that it is given.

Names are free, so many of them prove nothing. What a name can't have at once is a past: whoever wants one for each of
thousands of names has to send in all of them for days, where everybody sees it.
"""

from sidestep.streams.decide.policy import DAY
from sidestep.streams.decide.tables import SourceRow

DAYS = 5
"""On which it has sent, by UTC: a service that is added on a Monday is known on Friday, a monthly letter in half a
year."""
MESSAGES = 20
"""Sent through this partition of the log before the last of these days is counted: fewer say nothing of a list."""
BOUNCED, COMPLAINED = 10, 100
"""More than one of so many that bounced for good, or that people complained of, is bad: as the rule `source-held` has
it in the policy that ships."""
COMPLAINTS = 5
"""Fewer are no pattern."""


def count_day(service: SourceRow, now: int) -> None:
    """A message of the service goes out; `service`: the story of all that it sends, in which that is not noted yet. On
    the first one of a day it is judged by what it has sent before. `now`: seconds."""
    if now // DAY == service.last_sent // DAY:
        return
    if _is_bad(service):
        service.days = 0
    elif service.days < DAYS - 1 or (service.days < DAYS and service.sent >= MESSAGES):
        service.days += 1


def is_known(service: SourceRow) -> bool:
    """Whether it is, today."""
    return service.days >= DAYS


def _is_bad(service: SourceRow) -> bool:
    if service.hard_bounces * BOUNCED > service.sent:
        return True
    return service.complaints >= COMPLAINTS and service.complaints * COMPLAINED > service.sent
