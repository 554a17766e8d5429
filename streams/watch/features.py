"""The features of a window: what an anomaly shows as seen, and what the trees look at. Pure."""

from collections.abc import Mapping

from sidestep.streams.logistic import LN2, log, sum_of
from sidestep.streams.watch.counts import Counts, share
from sidestep.streams.watch.tables import WindowRow
from sidestep.streams.watch.windows import typo_and_role

Features = dict[str, float]


def features_of(counts: Counts) -> Features:
    """Shares of what counts hold, by name; without those of nothing."""
    features: Features = {"volume": float(counts.intents)}
    if counts.intents:
        features["unknown_share"] = share(counts.unknown, counts.intents)
        features["dormant_share"] = share(counts.dormant, counts.intents)
    if counts.approved:
        features["never_mailed_share"] = share(counts.never_mailed, counts.approved)
        features["expected_traps"] = round(counts.risk / 1000, 3)
    if counts.mails:
        features["bounce_share"] = share(counts.hard_bounces, counts.mails)
        features["complaint_share"] = share(counts.complaints, counts.arrived)
        features["engagement_share"] = share(counts.engaged, counts.arrived)
    features["blocks"] = float(counts.blocks)
    return features


def window_features(row: WindowRow) -> Features:
    """What a window alone has: shares of slips and of roles, how many domains there are."""
    intents = row.counts.intents
    if not intents:
        return {}
    typo, role = typo_and_role(row.classes)
    return {
        "typo_share": share(typo, intents),
        "role_share": share(role, intents),
        "domain_entropy": entropy(row.domains),
    }


def entropy(numbers: Mapping[str, int]) -> float:
    """Of a distribution by name, bits (Shannon): 0 where all is one."""
    total = sum(numbers.values())
    if not total:
        return 0.0
    parts = sorted(number / total for number in numbers.values() if number)
    return round(abs(sum_of(part * log(part) for part in parts) / LN2), 3)
