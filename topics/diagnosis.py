"""Why a Kafka does not let a client in, found out when it does not: one sentence, with what to do. Blocks for seconds.

The TLS handshake is done once more with Python's ssl, which says more than librdkafka does; what SASL says, librdkafka
is asked for.
"""

import re
import socket
import ssl
import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from sidestep.topics.connection import Connection
from sidestep.topics.errors import CredentialsError, NotLetIn
from sidestep.topics.security import Plaintext, Tls

SECONDS = 3.0
_TIMING = re.compile(r" \(after \d+ms in state \w+\)$")
ALERT_SECONDS = 0.5
"""Within which a broker says that it does not take our certificate; with TLS 1.3 it does so after the handshake."""


def why_not(connection: Connection) -> NotLetIn | None:
    """What keeps a client out; None: nothing that would not keep everybody out."""
    try:
        said = _of_channel(connection)
        if said is None:
            return None
        said = said or _of_identity(connection)
    except CredentialsError as error:
        said = str(error)
    return NotLetIn(f"Kafka at {connection}: {said}") if said else None


def _of_channel(connection: Connection) -> str | None:
    """What is wrong with the channel; empty: nothing. None: nobody listens at any of the addresses."""
    for server in connection.servers:
        host, _, port = server.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), SECONDS) as plain:
                return _of_tls(connection, plain, host)
        except (OSError, ValueError):  # nobody listens there; ssl's errors are caught where they mean something
            continue
    return None


def _of_tls(connection: Connection, plain: socket.socket, host: str) -> str:
    if isinstance(connection.security, Plaintext):
        return (
            ""
            if not _speaks_tls(plain)
            else ("it speaks TLS there, and plain text was tried. Set SIDESTEP_SECURITY to tls, mtls, scram or oauth")
        )
    context: ssl.SSLContext = connection.aiokafka()["ssl_context"]
    plain.settimeout(SECONDS)
    try:
        with context.wrap_socket(plain, server_hostname=host.strip("[]")) as tls:
            return _alert(tls)
    except ssl.SSLCertVerificationError as error:
        return _unverified(error.verify_message, host)
    except (ssl.SSLError, ConnectionError, TimeoutError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "TimeoutError", "UNEXPECTED_EOF_WHILE_READING"):
            return f"it does not speak TLS there ({reason}); nothing was sent in plain text. Name its port for TLS"
        return _refused(str(reason))


def _speaks_tls(plain: socket.socket) -> bool:
    """Whether a server answers the beginning of a handshake; whose certificate it has is not asked."""
    plain.settimeout(SECONDS)
    try:
        ssl.create_default_context().wrap_socket(plain, server_hostname="kafka.invalid").close()
    except ssl.SSLCertVerificationError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _alert(tls: ssl.SSLSocket) -> str:
    tls.settimeout(ALERT_SECONDS)
    try:
        tls.recv(1)
    except TimeoutError:
        return ""
    except ssl.SSLError as error:
        return _refused(str(error.reason))
    except OSError:
        return ""
    return ""


def _unverified(why: str, host: str) -> str:
    if "expired" in why or "not yet valid" in why:
        return f"its certificate can't be believed ({why}): have it renewed, and see that our clock is right"
    if "match" in why:
        return f"its certificate is for another name ({why}): name one that it is for, or have it issued for {host} too"
    return f"its certificate is of no authority that we trust ({why}): SIDESTEP_TLS_CA must hold the one that signed it"


def _refused(alert: str) -> str:
    what = alert.lower().replace("_", " ")
    if "required" in what:
        return (
            "it wants a certificate of ours, and was shown none. Set SIDESTEP_SECURITY=mtls, or name its port for SASL"
        )
    return (
        f"it refuses our certificate ({what}): it has expired, or comes from an authority that the broker does not "
        "trust. Have it renewed (SIDESTEP_TLS_CERTIFICATE, _KEY): it is read again when it changes"
    )


def _of_identity(connection: Connection) -> str:
    """What librdkafka hears when it says who we are."""
    heard: list[KafkaError] = []
    client = AdminClient(connection.librdkafka(error_cb=heard.append, log_level=0))
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and not any(map(_is_refusal, heard)):
        try:
            client.list_topics(timeout=0.5)
            return ""
        except KafkaException:
            client.poll(0.1)
    refusal = next((_advice(error.str(), connection) for error in heard if _is_refusal(error)), "")
    if not refusal and isinstance(connection.security, Tls):
        return (
            "TLS works there, and it hangs up on the first question: this may be its port for SASL. Set "
            "SIDESTEP_SECURITY to scram or oauth, or name its port for certificates"
        )
    return refusal


def _is_refusal(error: KafkaError) -> bool:
    return bool(error.code() == KafkaError._AUTHENTICATION)


def _advice(said: str, connection: Connection) -> str:
    settings: dict[str, Any] = connection.aiokafka()
    user = settings.get("sasl_plain_username")
    words = _TIMING.sub("", said.partition("bootstrap: ")[2] or said)
    if "Unsupported SASL mechanism" in said:
        return f"{words}. Set SIDESTEP_SECURITY to the way that it takes, or name its other port"
    if user is not None:
        return (
            f"it does not take the password of {user} ({words}): see SIDESTEP_SASL_USER and SIDESTEP_SASL_PASSWORD_FILE"
        )
    return (
        f"it does not take the provider's token ({words}): see that issuer and audience are those that the broker "
        "expects, and that clocks agree"
    )
