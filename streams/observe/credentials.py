"""What a scrape shows of certificates and secrets: when they end, and whether renewed ones are in use; and of clients
that were made anew."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from sidestep.streams.certificate_file import validity
from sidestep.streams.observe.metrics import Metrics
from sidestep.streams.settings import Settings

AUTHORITIES = ("tls_ca",)
FILES = ("tls_ca", "tls_certificate", "web_tls_certificate")
"""Settings that name certificates."""


def read_credentials(metrics: Metrics, settings: Settings) -> None:
    """Show those of a worker at each scrape."""
    files = {name: Path(given) for name in FILES if (given := getattr(settings, name))}
    renewals = settings.connection.renewals
    metrics.read("credentials", lambda: credential_families(files, lambda: renewals.trouble))
    metrics.read("renewals", lambda: renewal_families(renewals.renewed))


def credential_families(files: Mapping[str, Path], trouble: Callable[[], str]) -> Iterator[Metric]:
    """`files`: certificates by their setting. `trouble`: why renewed ones are not in use; empty: they are.

    A file that can't be read has ended in 1970: it is as good as none.
    """
    ends = GaugeMetricFamily(
        "sidestep_certificate_ends_seconds", "When a certificate ends, in seconds since 1970.", labels=("setting",)
    )
    for setting, file in files.items():
        ends.add_metric((setting,), _ends(file, setting in AUTHORITIES))
    yield ends
    about = "1 while renewed certificates or secrets are not accepted and the old ones go on."
    yield GaugeMetricFamily("sidestep_credentials_refused", about, float(bool(trouble())))


def renewal_families(renewed: Mapping[str, int]) -> Iterator[Metric]:
    """`renewed`: clients that were made anew, by the reason."""
    family = CounterMetricFamily(
        "sidestep_clients_renewed_total",
        "Clients of Kafka that others have taken the place of, by why.",
        labels=("reason",),
    )
    for reason, count in sorted(renewed.items()):
        family.add_metric((reason,), count)
    yield family


def _ends(file: Path, authorities: bool) -> float:
    try:
        return validity(file, authorities).ends
    except (OSError, ValueError):
        return 0.0
