"""What each rule of the ladder compares, in words for people; whether it applies is the rule's own to say. Pure.

Nobody asks but `sidestep explain`, after the fact: a rule whose comparison changes changes here, too. Each sentence is
true whether the rule applies or not, so it can stand beside either.
"""

from collections.abc import Collection

from sidestep.schemas import MxFinding
from sidestep.streams.decide.rules.address import NAMED, NO_MAIL, SYNTAX, UNKNOWN, listed
from sidestep.streams.decide.rules.case import Case, ago, day_of, moment
from sidestep.streams.decide.tables import Suppressed, Trapped, lasts


def expired(case: Case) -> str:
    """Until when it is worth sending."""
    ends = case.evidence.expires_at // 1000
    return f"it expires {moment(ends)}; it is {moment(case.now)}" if ends else "it does not say when it expires"


def service_on_hold(case: Case) -> str:
    """Whether a hold of the service is in force."""
    if case.hold is None:
        return f"no hold of {case.evidence.service} is in force"
    until = case.hold.until_ms // 1000
    return f"{case.evidence.service} is on hold until {moment(until)}: {case.hold.reason}"


def address_syntax(case: Case) -> str:
    """What Screen says of the address's form."""
    reason = case.evidence.syntax
    return f"Screen's reading of the address: {SYNTAX.get(reason, reason)}" if reason else "the address is well-formed"


def known_trap(case: Case) -> str:
    """What was reported of the address and of its domain."""
    return f"{_trapped('the address', case.recipient.trap)}; {_trapped(_domain(case), case.domain.trap)}"


def suppressed(case: Case) -> str:
    """What people have said of the address and of its domain."""
    address, domain = case.recipient.suppressed, case.domain.suppressed
    return f"{_stopped('the address', address, case.now)}; {_stopped(_domain(case), domain, case.now)}"


def domain_takes_no_mail(case: Case) -> str:
    """DNS's answer."""
    return _mx(case)


def mailbox_missing(case: Case) -> str:
    """The answer of the mailbox's server, beside when the mailbox was last seen alive."""
    mailbox, row = case.evidence.mailbox, case.recipient
    if mailbox is None:
        return "the mailbox's own server was not asked"
    alive = max(row.last_delivered, row.last_engaged)
    seen = f"it was last seen alive {ago(case.now, alive)}" if alive else "it was never seen alive"
    days = case.policy.rules["mailbox-missing"].days
    return f"its server says {mailbox.outcome} ({mailbox.reason}); {seen}, which outweighs a no for {days} days"


def recipient_hard_bounce(case: Case) -> str:
    """When mail to it bounced for good."""
    return _mark(case, "hard bounce", case.recipient.hard_bounced_at, "recipient-hard-bounce")


def recipient_suspended(case: Case) -> str:
    """When its provider suspended it."""
    return _mark(case, "suspension", case.recipient.suspended_at, "recipient-suspended")


def recipient_complaint(case: Case) -> str:
    """When the person complained, and whether this kind of mail is stopped by that."""
    marked = _mark(case, "complaint", case.recipient.complained_at, "recipient-complaint")
    if case.policy.rules["recipient-complaint"].exempt_too:
        return f"{marked}, for every stream{_consent(case, 'recipient-complaint')}"
    return f"{marked}; {_stream(case)}{_consent(case, 'recipient-complaint')}"


def recipient_unsubscribed(case: Case) -> str:
    """When the person opted out, and of what kind of mail this message is."""
    marked = _mark(case, "opt-out", case.recipient.unsubscribed_at, "recipient-unsubscribed")
    return f"{marked}; {_stream(case)}{_consent(case, 'recipient-unsubscribed')}"


def _stream(case: Case) -> str:
    return f"stream {case.evidence.stream or '(none)'}, exempt are {_any(tuple(sorted(case.policy.streams.exempt)))}"


def _consent(case: Case, rule: str) -> str:
    """When the person has last wanted mail, where that lifts the rule."""
    evidence, row = case.evidence, case.recipient
    if not case.policy.rules[rule].consent_lifts:
        return "; no consent lifts it"
    at = max(row.subscribed_at, 0 if evidence.claimed else min(evidence.consent_at // 1000, case.now))
    return f"; last consent {ago(case.now, at)}" if at else "; no consent is known"


def listed_surely(case: Case) -> str:
    """How many lists name it beyond doubt, and how many it takes."""
    rule = case.policy.rules["listed"]
    names = sorted({one.list for one in case.evidence.listed if not (one.suspect or one.exchange)})
    takes = f"it takes {rule.lists}{_or(rule.trusted)}"
    return f"named beyond doubt by {_lists(names)}{_named(names)}; {takes}"


def listed_doubtful(case: Case) -> str:
    """What lists say with less certainty."""
    some = [one for one in case.evidence.listed if one.suspect or not one.exchange]
    doubtful = sorted({one.list for one in some if one.suspect})
    surely = "enough of them are sure" if listed(case) is not None else "too few of them are sure to stop it"
    if not some:
        return "no list names it"
    return f"named by {_lists({one.list for one in some})}, with doubt by {len(doubtful)}; {surely}"


def trap_cluster(case: Case) -> str:
    """Whether its mail goes where that of slips is collected."""
    return _has(case, "trap-cluster", "its mail goes to a server that collects slips")


def typo_domain(case: Case) -> str:
    """Whether the domain is a slip, and whether DNS has answered."""
    return f"{_has(case, 'typo', 'a slip of a known name')}{_meant(case)}; {_mx(case)}"


def typo_suspected(case: Case) -> str:
    """Whether the domain is close to a large provider's name, without having been sure enough."""
    near = _has(case, "near-miss", "close to the name of a large provider")
    return f"{near}{_meant(case)}; or a slip about which DNS has no answer"


def honeypot_address(case: Case) -> str:
    """Words in the local part that say trap."""
    return _has(case, "honeypot", "the part before the @ says trap")


def disposable_address(case: Case) -> str:
    """Whether the domain gives out throw-away mailboxes."""
    return _has(case, "disposable", "a domain of throw-away mailboxes")


def parked_domain(case: Case) -> str:
    """Whether a parking service takes the mail."""
    return _has(case, "parked", "a parking service takes its mail")


def domain_came_back(case: Case) -> str:
    """Since when the domain takes mail again, if it ever took none."""
    row = case.domain
    if not row.back_at:
        dark = f"; it takes none since {day_of(row.dark_since)}" if row.dark_since else ""
        return f"{_domain(case)} is not known to have come back after a time without mail{dark}"
    return f"{_domain(case)} takes mail again since {day_of(row.back_at)} ({ago(case.now, row.back_at)})"


def machine_made_address(case: Case) -> str:
    """Whether the local part looks random."""
    return _has(case, "machine-made", "the part before the @ looks random")


def stray_report(case: Case) -> str:
    """When something was said that is not of a message of ours."""
    stray = case.recipient.stray
    what = stray.what if stray is not None else "stray report"
    return _mark(case, what, stray.at if stray is not None else 0, "stray-report")


def recycled_address(case: Case) -> str:
    """How long ago the mailbox was given up, and whether it takes mail again."""
    row = case.recipient
    last = max(row.hard_bounced_at, row.suspended_at)
    days = case.policy.rules["recycled-address"].days
    if not last:
        return "no hard bounce or suspension is known"
    again = f"it takes mail again since {day_of(row.accepted_at)}" if row.accepted_at else "nothing was delivered since"
    return f"last hard bounce or suspension {ago(case.now, last)}, it applies after {days} days; {again}"


def role_address(case: Case) -> str:
    """Whether the local part names a role."""
    return _has(case, "role", "the part before the @ names a role")


def dns_unknown(case: Case) -> str:
    """Whether DNS has answered at all."""
    return _mx(case)


def _domain(case: Case) -> str:
    return case.evidence.domain or "its domain"


def _mark(case: Case, what: str, at: int, rule: str) -> str:
    days = case.policy.rules[rule].days
    return f"last {what} {ago(case.now, at)}, it counts for {days} days" if at else f"no {what} is known"


def _trapped(what: str, trap: Trapped | None) -> str:
    if trap is None:
        return f"{what} is not known as a trap"
    return f"{what} is known as a trap, by {trap.by} on {day_of(trap.since)}"


def _stopped(what: str, said: Suppressed | None, now: int) -> str:
    if said is None:
        return f"nobody has stopped mail to {what}"
    lasting = "for good" if not said.until else f"until {day_of(said.until)}"
    over = "" if now < lasts(said) else ", which is over"
    return f"{said.by} has stopped mail to {what} on {day_of(said.since)} {lasting}{over}"


def _mx(case: Case) -> str:
    mx = case.evidence.mx
    if mx is None:
        return "DNS was not asked: the address can't be read"
    return f"DNS about {_domain(case)}: {dns_answer(mx)}"


def dns_answer(mx: MxFinding) -> str:
    """An answer in words."""
    if mx.outcome == "yes":
        servers = f"mail goes to {mx.exchanges[0]}" if mx.exchanges else "mail goes to its address"
        return f"yes, {servers}{f' ({mx.provider})' if mx.provider else ''}"
    words = NO_MAIL if mx.outcome == "no" else UNKNOWN
    return f"{mx.outcome}, {words.get(mx.reason, mx.reason)}"


def _has(case: Case, name: str, meaning: str) -> str:
    """Of a class of addresses: whether Screen has found it among those of this one."""
    return f"{meaning}: {'yes' if name in case.evidence.classes else 'no'} (class {name})"


def _meant(case: Case) -> str:
    return f", {case.evidence.suggestion} meant" if case.evidence.suggestion else ", nothing else meant"


def _any(names: tuple[str, ...]) -> str:
    return f"{', '.join(names)}" if names else "none"


def _or(names: tuple[str, ...]) -> str:
    return f", or one of {', '.join(names)}" if names else ""


def _lists(names: Collection[str]) -> str:
    return "1 list" if len(names) == 1 else f"{len(names)} lists"


def _named(names: list[str]) -> str:
    more = ", …" if len(names) > NAMED else ""
    return f" ({', '.join(names[:NAMED])}{more})" if names else ""
