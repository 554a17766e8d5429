"""What Watch looks for patterns in: counts per service of one batch. Pure."""

from collections import Counter, defaultdict

from sidestep.schemas import Evidence, FeedbackEvidence, IntentEvidence, Tally, Verdict

TOP_DOMAINS = 20

_ACTIONS = {"send": "approved", "drop": "dropped", "defer": "deferred"}

ByService = defaultdict[str, Counter[str]]


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
    if not evidence:
        return []
    intents = {offset: record for offset, record in evidence if type(record) is IntentEvidence}
    real = [verdict for verdict in verdicts if not verdict.test]
    counts, domains = _outcomes(real, intents)
    rules = _rules(real)
    for service, count in never_mailed.items():
        counts[service]["never_mailed"] += count
    for feedback in counted:
        if feedback.service:
            counts[feedback.service][_event(feedback)] += 1
    first, last = evidence[0][0], evidence[-1][0]
    return [
        Tally(
            service=service,
            partition=partition,
            first_offset=first,
            last_offset=last,
            at=at,
            counts=dict(of_service),
            rules=dict(rules[service]),
            domains=dict(domains[service].most_common(TOP_DOMAINS)),
        )
        for service, of_service in counts.items()
    ]


def _outcomes(verdicts: list[Verdict], intents: dict[int, IntentEvidence]) -> tuple[ByService, ByService]:
    """What became of the intents and what their addresses were like; and where they went."""
    counts: ByService = defaultdict(Counter)
    domains: ByService = defaultdict(Counter)
    # one pass at C speed, then a few combinations instead of thousands of verdicts
    alike = Counter([(v.service, v.action, intents[v.evidence.offset].domain) for v in verdicts])
    for (service, action, domain), count in alike.items():
        counts[service][_ACTIONS[action]] += count
        domains[service][domain] += count
    for verdict in verdicts:
        classes = intents[verdict.evidence.offset].classes
        if classes:
            counts[verdict.service].update(classes)
    return counts, domains


def _rules(verdicts: list[Verdict]) -> ByService:
    rules: ByService = defaultdict(Counter)
    for verdict in verdicts:
        if verdict.rules:
            rules[verdict.service].update([rule.id for rule in verdict.rules])
    return rules


def _event(record: FeedbackEvidence) -> str:
    if record.event == "bounce":
        return "hard_bounces" if record.hard else f"bounces_{record.scope}"
    return record.event
