"""Certificates and how long they last: those in our files, and those that Kafka's brokers show."""

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from confluent_kafka.admin import ClusterMetadata

from sidestep.streams.certificate_file import validity
from sidestep.streams.doctor import judge
from sidestep.streams.doctor.judge import SeenCertificate
from sidestep.streams.doctor.row import CheckRow
from sidestep.streams.settings import Settings
from sidestep.topics.connection import Connection

OURS = ("tls_certificate", "web_tls_certificate")
AUTHORITIES = ("tls_ca", "oauth_ca")
OF_SERVE = "SIDESTEP_LISTEN_TLS_CERTIFICATE"
BROKERS_MOST = 10
SECONDS = 2.0
"""For one broker's certificate."""


def own(settings: Settings, environment: Mapping[str, str]) -> Iterator[CheckRow]:
    """The certificates in files that the settings name."""
    files = [
        (f"SIDESTEP_{name.upper()}", getattr(settings, name), name in AUTHORITIES) for name in (*OURS, *AUTHORITIES)
    ]
    files.append((OF_SERVE, environment.get(OF_SERVE, ""), False))
    given = [(setting, Path(file), authorities) for setting, file, authorities in files if file]
    for setting, file, authorities in given:
        yield _of_file(setting, file, authorities)
    if not given:
        yield CheckRow("certificate", "ok", "none of ours is in use")


def of_brokers(connection: Connection, metadata: ClusterMetadata) -> Iterator[CheckRow]:
    """The certificates that brokers show; nothing where they are spoken to in plain text."""
    context = connection.aiokafka().get("ssl_context")
    if context is None:
        return
    for broker in list(metadata.brokers.values())[:BROKERS_MOST]:
        yield _of_broker(context, str(broker.host), broker.port)


def _of_file(setting: str, file: Path, authorities: bool) -> CheckRow:
    where = f"{setting} {file}"
    try:
        found = validity(file, authorities)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "no PEM certificates"
        return CheckRow("certificate", "fault", f"{where} can't be read ({said})", "Give a PEM file.")
    return judge.certificate(SeenCertificate(where, found.begins, found.ends), time.time())


def _of_broker(context: ssl.SSLContext, host: str, port: int) -> CheckRow:
    where = f"broker {host}:{port}"
    try:
        with (
            socket.create_connection((host, port), SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            shown = tls.getpeercert()
    except OSError as error:
        said = getattr(error, "verify_message", None) or getattr(error, "reason", None) or str(error)
        return CheckRow(
            "certificate", "fault", f"{where}: {said}", "Compare its certificate with the name that it advertises."
        )
    if not shown:
        return CheckRow("certificate", "unknown", f"{where} shows none")
    begins, ends = (ssl.cert_time_to_seconds(str(shown[key])) for key in ("notBefore", "notAfter"))
    return judge.certificate(SeenCertificate(where, begins, ends), time.time())
