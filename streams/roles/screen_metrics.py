"""What the role screen alone counts and shows: evidence, the car park, DNS, the policy file, and
the other sources of evidence."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from sidestep.streams.observe.labels import LabelBounds
from sidestep.streams.observe.metrics import Count
from sidestep.streams.screen.dns.resolver import Resolver
from sidestep.streams.screen.signers_file import SignersFile
from sidestep.streams.screen.sources.status import SourceStatus

EVIDENCE_RECORDS = Count("sidestep_evidence_total", "Records written to the log, by kind.", ("kind",))
SIGNATURES = Count(
    "sidestep_signatures_total",
    "Records whose signature was looked at, by the key that they name, where it is known, and by what became of it.",
    ("key", "outcome"),
)
TIES = Count(
    "sidestep_feedback_ties_total",
    "Events of feedback, by whether a token ties them to a message of ours and whether a signature proves who says so.",
    ("tied", "proved"),
)
FEEDBACK = Count(
    "sidestep_feedback_total",
    "Outcomes that Screen has read, by provider or form, event, and the rule by which a bounce was understood.",
    ("provider", "event", "rule"),
)
LABELS = ("kind", "source")


def dns_families(resolver: Resolver, bounds: LabelBounds) -> Iterator[Metric]:
    """The resolver's counters."""
    yield CounterMetricFamily("sidestep_dns_cache_hits_total", "Domains answered from the cache.", resolver.hits)
    yield CounterMetricFamily("sidestep_dns_cache_misses_total", "Domains that had to be asked.", resolver.misses)
    yield CounterMetricFamily("sidestep_dns_stale_answers_total", "Old answers for want of new ones.", resolver.stale)
    yield CounterMetricFamily("sidestep_dns_queries_total", "Questions sent to name servers.", resolver.queries)
    trusted = float(resolver.trust.sound)
    yield GaugeMetricFamily("sidestep_dns_trusted", "0 while the name servers were caught lying.", trusted)
    yield GaugeMetricFamily("sidestep_dns_in_flight", "Names under way, or waiting for it.", resolver.in_flight)
    outcomes = CounterMetricFamily("sidestep_dns_outcomes_total", "Answers of DNS.", labels=("outcome", "reason"))
    folded: dict[tuple[str, str], int] = {}
    for (outcome, reason), count in resolver.outcomes.items():
        labels = bounds.bound("outcome", outcome), bounds.bound("reason", reason)
        folded[labels] = folded.get(labels, 0) + count
    for labels, count in folded.items():
        outcomes.add_metric(labels, count)
    yield outcomes


def cache_families(octets: Mapping[str, int]) -> Iterator[Metric]:
    """What is remembered of other people's answers."""
    about = "Memory of what is remembered, by cache; SIDESTEP_CACHE_MB bounds them all."
    family = GaugeMetricFamily("sidestep_cache_octets", about, labels=("cache",))
    for cache, count in octets.items():
        family.add_metric((cache,), count)
    yield family


def policy_families(refused: bool) -> Iterator[Metric]:
    """Whether the policy file can be used, and is no older one than what is in force."""
    about = "1 while the worker's policy file can't be used or is an older one, and the policy in force stays."
    yield GaugeMetricFamily("sidestep_policy_refused", about, float(refused))


def signers_families(signers: SignersFile | None) -> Iterator[Metric]:
    """Whether the signers file can be used, and how many topics it names that this worker does not read."""
    refused, unread = (signers.refused, len(signers.unread)) if signers is not None else (False, 0)
    about = "1 while the signers file can't be used, and what has to be signed becomes a dead letter."
    yield GaugeMetricFamily("sidestep_signers_refused", about, float(refused))
    about = "Topics of services' own that the signers file names and this worker does not read: it has to start anew."
    yield GaugeMetricFamily("sidestep_own_topics_unread", about, float(unread))


def source_families(states: Iterable[SourceStatus]) -> Iterator[Metric]:
    """The block lists, feeds and services of the sources file, and the mailbox probe."""
    states = list(states)
    feeds = [state for state in states if state.kind == "feed"]
    asked = [state for state in states if state.kind != "feed"]
    usable = GaugeMetricFamily("sidestep_source_usable", "1 while a source of evidence can be used.", labels=LABELS)
    yield _filled(usable, [(state, float(state.usable)) for state in states])
    questions = CounterMetricFamily("sidestep_source_questions_total", "Questions sent to it.", labels=LABELS)
    yield _filled(questions, [(state, state.asked) for state in asked])
    listings = CounterMetricFamily("sidestep_source_listings_total", "Answers with a listing.", labels=LABELS)
    yield _filled(listings, [(state, state.listed) for state in asked])
    errors = CounterMetricFamily("sidestep_source_errors_total", "Questions without an answer of use.", labels=LABELS)
    yield _filled(errors, [(state, state.errors) for state in asked])
    yield from _feed_families(feeds)


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Iterable[tuple[SourceStatus, float]]
) -> CounterMetricFamily | GaugeMetricFamily:
    for state, value in values:
        family.add_metric((state.kind, state.name), value)
    return family


def _feed_families(feeds: Iterable[SourceStatus]) -> Iterator[Metric]:
    entries = GaugeMetricFamily("sidestep_feed_entries", "Entries of the form in use.", labels=("source",))
    taken = GaugeMetricFamily("sidestep_feed_taken_timestamp_seconds", "When that form came.", labels=("source",))
    for feed in feeds:
        entries.add_metric((feed.name,), feed.entries)
        taken.add_metric((feed.name,), feed.taken_at)
    yield from (entries, taken)
