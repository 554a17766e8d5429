"""What Watch looks for patterns in: counts per service of one batch. Pure."""

from collections import Counter

from sidestep.schemas import Evidence, FeedbackEvidence, IntentEvidence, Tally, Verdict

TOP_DOMAINS = 20

_ACTIONS = {"send": "approved", "drop": "dropped", "defer": "deferred"}


def tally(
    evidence: list[tuple[int, Evidence]],
    verdicts: list[Verdict],
    counted: list[FeedbackEvidence],
    never_mailed: Counter[str],
    partition: int,
    at: int,
) -> list[Tally]:
    """One Tally for each service in the batch, test intents and whatever came again left out.

    `counted`: the feedback that was new; `never_mailed`: first messages to their recipients, by service. `at`: log
    time, milliseconds.
    """
    counts: dict[str, Counter[str]] = {}
    rules: dict[str, Counter[str]] = {}
    domains: dict[str, Counter[str]] = {}
    domain_of = {offset: record.domain for offset, record in evidence if type(record) is IntentEvidence}
    counted_verdicts = [verdict for verdict in verdicts if not verdict.test]
    alike = Counter([(v.service, v.action, domain_of[v.evidence.offset]) for v in counted_verdicts])
    for (service, action, domain), count in alike.items():
        counts.setdefault(service, Counter())[_ACTIONS[action]] += count
        domains.setdefault(service, Counter())[domain] += count
    for verdict in counted_verdicts:
        if verdict.rules:
            rules.setdefault(verdict.service, Counter()).update([rule.id for rule in verdict.rules])
    judged = {verdict.evidence.offset for verdict in counted_verdicts}
    for offset, record in evidence:
        if type(record) is IntentEvidence and record.classes and offset in judged:
            counts[record.service].update(record.classes)
    for service, count in never_mailed.items():
        counts[service]["never_mailed"] += count
    for feedback in counted:
        if feedback.service:
            counts.setdefault(feedback.service, Counter())[_event(feedback)] += 1
    if not evidence:
        return []
    first, last = evidence[0][0], evidence[-1][0]
    return [
        Tally(
            service=service,
            partition=partition,
            first_offset=first,
            last_offset=last,
            at=at,
            counts=dict(of_service),
            rules=dict(rules.get(service, ())),
            domains=dict(domains.get(service, Counter()).most_common(TOP_DOMAINS)),
        )
        for service, of_service in counts.items()
    ]


def _event(record: FeedbackEvidence) -> str:
    if record.event == "bounce":
        return "hard_bounces" if record.hard else f"bounces_{record.scope}"
    return record.event
