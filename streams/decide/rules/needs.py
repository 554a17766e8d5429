"""What of an intent a rule needs to see before it can apply: traits, of which most intents have none. Pure.

A rule names what it needs in the ladder's table; an intent that has none of it all climbs no ladder. So plain mail is
judged by comparing two numbers, and no rule is passed over in silence: one that needs something without a name here
says ALWAYS.
"""

ALWAYS = 1 << 0
"""Every intent has it."""
HELD = 1 << 1
"""Its service is on hold."""
UNSOUND = 1 << 2
"""Its address has a fault of syntax."""
NO_MAIL = 1 << 3
"""Its domain takes no mail."""
DNS_UNKNOWN = 1 << 4
"""Nobody could say whether its domain takes mail."""
LISTED = 1 << 5
"""A block list, a feed or a reputation service names it."""
MAILBOX_MISSING = 1 << 6
"""The mailbox's own server denies it."""
CAME_BACK = 1 << 7
"""Its domain took no mail once, and takes it again."""
HARD_BOUNCED = 1 << 8
SUSPENDED = 1 << 9
COMPLAINED = 1 << 10
UNSUBSCRIBED = 1 << 11
"""The last four: its recipient, at any time."""
SUPPRESSED = 1 << 12
"""Somebody has said so by hand, of its recipient or its domain."""
KNOWN_TRAP = 1 << 13
"""Somebody knows that its recipient is a spam trap, or its whole domain."""
STRAY_REPORT = 1 << 14
"""Something was said of its recipient that is not of a message of ours."""

EXPIRES = 1 << 15
"""It says until when it is worth sending."""

CLASSES_FROM = 1 << 16
"""Bits from here on stand for classes of addresses (disposable, role, typo, …); each ladder numbers those it needs."""

Need = int | str
"""One of the traits above, or the name of a class."""
