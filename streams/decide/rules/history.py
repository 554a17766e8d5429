"""The rules about what happened before: to the service, and to the recipient by the ledger. Pure. Their sentences:
reasons.toml.
"""

from sidestep.streams.decide.policy import DAY
from sidestep.streams.decide.rules.case import Case, Finding, ago, date_of, day_of, moment, month_of, months, within
from sidestep.streams.decide.rules.held import after_hold
from sidestep.streams.decide.rules.reasons import finding
from sidestep.streams.decide.tables import lasts

SILENCE = 60 * DAY
"""Shorter ones are not worth a word."""


def service_on_hold(case: Case) -> Finding | None:
    """A control record holds the service back."""
    if case.hold is None:
        return None
    until_ms, spread = case.hold.until_ms, case.policy.rules["service-on-hold"].spread
    said = {"why": case.hold.reason, "until": moment(until_ms // 1000)}
    retry_us = after_hold(until_ms, spread, case.evidence, case.now)
    return finding(case.policy, case.evidence, "service-on-hold", said, retry_us=retry_us)


def suppressed(case: Case) -> Finding | None:
    """Somebody has said so, of the address or of its domain."""
    for what, said in (("address", case.recipient.suppressed), (case.evidence.domain, case.domain.suppressed)):
        if said is not None and case.now < lasts(said):
            words = {
                "what": f"this {what}" if what == "address" else what,
                "by": said.by,
                "since": day_of(said.since),
                "until": day_of(said.until) if said.until else "",
                "why": said.reason,
            }
            form = "reason_until" if said.until else "reason"
            return finding(case.policy, case.evidence, "suppressed", words, form)
    return None


def known_trap(case: Case) -> Finding | None:
    """Somebody knows it: who, since when, what was hit, and who brought the address."""
    for what, trap in (("This address", case.recipient.trap), (case.evidence.domain, case.domain.trap)):
        if trap is None:
            continue
        hit = f", hit on {day_of(trap.hit_at)}" if trap.hit_at else ""
        why = f" ({trap.reason})" if trap.reason else ""
        row = case.recipient
        said = {
            "what": what,
            "report": f"reported by {trap.by} on {day_of(trap.since)}{hit}{why}",
            "by": trap.by,
            "date": date_of(trap.since),
            "why": trap.reason,
            "first": _way(row.service, row.source),
            "last": _way(row.last.service, row.last.source) if row.last is not None else "",
        }
        form = "reason"
        if what == "This address" and row.service:
            form = "reason_last" if said["last"] not in ("", said["first"]) else "reason_first"
        return finding(case.policy, case.evidence, "known-trap", said, form)
    return None


def _way(service: str, source: str) -> str:
    return f"{service} (source {source})" if source else service


def mailbox_missing(case: Case) -> Finding | None:
    """The mailbox's own server says that there is none. What was delivered there, or heard from there, weighs more."""
    mailbox = case.evidence.mailbox
    if mailbox is None or mailbox.outcome != "no":
        return None
    history = case.recipient
    if within(case, max(history.last_delivered, history.last_engaged), "mailbox-missing"):
        return None
    why = "is switched off" if mailbox.reason == "disabled" else "does not exist"
    return finding(case.policy, case.evidence, "mailbox-missing", {"why": why, "code": mailbox.reason})


def recipient_hard_bounce(case: Case) -> Finding | None:
    """The mailbox did not exist."""
    since = case.recipient.hard_bounced_at
    if not within(case, since, "recipient-hard-bounce"):
        return None
    count = case.recipient.hard_bounces
    often = "once" if count == 1 else f"{count} times"
    said = {"often": often, "count": str(count), **_when(case, since)}
    return finding(case.policy, case.evidence, "recipient-hard-bounce", said)


def recipient_suspended(case: Case) -> Finding | None:
    """The account was disabled."""
    since = case.recipient.suspended_at
    if not within(case, since, "recipient-suspended"):
        return None
    return finding(case.policy, case.evidence, "recipient-suspended", _when(case, since))


def recipient_complaint(case: Case) -> Finding | None:
    """The person pressed "spam"."""
    since = case.recipient.complained_at
    rule = case.policy.rules["recipient-complaint"]
    if not rule.exempt_too and case.policy.streams.are_exempt(case.evidence.stream):
        return None
    if not within(case, since, "recipient-complaint") or (rule.consent_lifts and _has_consented(case, since)):
        return None
    return finding(case.policy, case.evidence, "recipient-complaint", _when(case, since))


def recipient_unsubscribed(case: Case) -> Finding | None:
    """The person opted out: of whatever is not exempt by name, so a misspelt stream, or none, is no way around."""
    since, stream = case.recipient.unsubscribed_at, case.evidence.stream
    rule = case.policy.rules["recipient-unsubscribed"]
    if case.policy.streams.are_exempt(stream) or not within(case, since, "recipient-unsubscribed"):
        return None
    if rule.consent_lifts and _has_consented(case, since):
        return None
    said = {"stream": stream, "day": day_of(since), **_when(case, since)}
    return finding(case.policy, case.evidence, "recipient-unsubscribed", said, "reason" if stream else "reason_none")


def _has_consented(case: Case, since: int) -> bool:
    """Whether the person has wanted mail after `since`. What somebody says who only claims to be the service does not
    count, nor what is still to come."""
    evidence = case.evidence
    told = 0 if evidence.claimed else min(evidence.consent_at // 1000, case.now)
    return max(told, case.recipient.subscribed_at) > since


STRAY = {
    "hard-bounce": "A hard bounce",
    "suspension": "A suspension",
    "complaint": "A complaint",
    "opt-out": "An opt-out",
    "trap": "A trap hit",
}


def stray_report(case: Case) -> Finding | None:
    """Somebody has said something that is not of a message of ours."""
    stray = case.recipient.stray
    if stray is None or not within(case, stray.at, "stray-report"):
        return None
    said = {"what": STRAY[stray.what], "code": stray.what, "count": str(stray.times), **_when(case, stray.at)}
    return finding(case.policy, case.evidence, "stray-report", said)


def recycled_address(case: Case) -> Finding | None:
    """The life story of a recycled trap, as far as it goes."""
    row = case.recipient
    last = max(row.hard_bounced_at, row.suspended_at)
    if not last or within(case, last, "recycled-address"):
        return None
    told = []
    if row.hard_bounced_at:
        told.append(_marks("bounced for good", row.hard_bounces_at or (row.hard_bounced_at,)))
    if row.suspended_at:
        told.append(_marks("was suspended", row.suspensions_at or (row.suspended_at,)))
    # from the mark to the acceptance, or to now; or between two of our messages
    silence = max(row.silence if row.woken_at > last else 0, (row.accepted_at or case.now) - last)
    if silence >= SILENCE:
        told.append(f"was silent for {months(silence)}")
    if row.accepted_at:
        told.append(f"takes mail again since {month_of(row.accepted_at)}")
    return finding(case.policy, case.evidence, "recycled-address", {"story": _listed(told), **_when(case, last)})


def _when(case: Case, since: int) -> dict[str, str]:
    return {"ago": ago(case.now, since), "date": date_of(since)}


def _marks(what: str, times: tuple[int, ...]) -> str:
    first, last = month_of(times[0]), month_of(times[-1])
    return f"{what} in {last}" if first == last else f"{what} from {first} to {last}"


def _listed(told: list[str]) -> str:
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
