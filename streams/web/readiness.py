"""Whether a server of ours is ready: one GET /readyz, as a container's health check asks it from beside the server."""

import http.client
import ipaddress
import json
import socket
import ssl
from pathlib import Path

from cryptography import x509

from sidestep.streams.errors import SettingsError

TIMEOUT = 3.0
"""Seconds for the connection, and for the answer."""
ANSWER_MAX = 16 * 1024
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "localhost"}
"""Who listens at all addresses is asked at this machine's own."""


def status(host: str, port: int, certificate: Path | None = None) -> str:
    """ "ok" or "standby" of a server that is ready, otherwise what it says or what is wrong, in a few words.

    `certificate`: the PEM file that the server uses; None: it speaks plain text. The server must show just that one.
    Raises SettingsError where the file can't be used.
    """
    try:
        return _asked(EVERYWHERE.get(host, host), port, certificate)
    except ssl.SSLError as error:
        return f"no TLS with the certificate in {certificate} ({error.reason or 'refused'})"
    except OSError as error:
        return f"no answer ({error.strerror or error})"
    except http.client.HTTPException as error:
        return f"no HTTP ({type(error).__name__})"


def _asked(host: str, port: int, certificate: Path | None) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        plain = socket.create_connection((host, port), TIMEOUT)
        connection.sock = plain if certificate is None else _encrypted(plain, certificate)
        connection.request("GET", "/readyz", headers={"Connection": "close"})
        response = connection.getresponse()
        return _status(response.status, response.read(ANSWER_MAX))
    finally:
        connection.close()


def _encrypted(plain: socket.socket, certificate: Path) -> ssl.SSLSocket:
    context, name = _expecting(certificate)
    return context.wrap_socket(plain, server_hostname=name)


def _expecting(certificate: Path) -> tuple[ssl.SSLContext, str]:
    """Trusts the server's own certificate and nothing else, so no authority has to be known here; and its name."""
    try:
        pem = certificate.read_text("utf-8")
        context = ssl.create_default_context(cadata=pem)
        name = _name(x509.load_pem_x509_certificate(pem.encode()))
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise SettingsError(f"{certificate} can't be used ({error}): give the server's certificate") from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context, name


def _name(certificate: x509.Certificate) -> str:
    """One of the names that it is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    for name in names:
        if isinstance(name.value, str | ipaddress.IPv4Address | ipaddress.IPv6Address):
            return str(name.value).replace("*", "any")
    raise ValueError("it is for no name")


def _status(code: int, body: bytes) -> str:
    try:
        said = json.loads(body)["status"]
    except (ValueError, KeyError, TypeError):
        said = ""
    if code == http.client.OK:
        return str(said or "ok")
    return f"HTTP {code}" + (f", {said}" if isinstance(said, str) and said.isalnum() else "")
