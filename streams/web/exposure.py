"""The exposure of a server: loopback in plain text, anywhere else with TLS, or in plain text on purpose."""

import ipaddress
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path

from sidestep.streams.errors import SettingsError


def tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """The TLS context of a certificate chain, 1.2 or later; None when neither file is given. Raises SettingsError."""
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise SettingsError("--tls-cert and --tls-key belong together: give both")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise SettingsError(
            f"--tls-cert {cert} and --tls-key {key} can't be used ({reason}): give PEM files that belong together, "
            "the key without a password"
        ) from None
    return context


def check_exposure(host: str, encrypted: bool, insecure: bool) -> None:
    """Check the exposure of a server. Raises SettingsError where plain text would leave this machine by mistake."""
    if encrypted or insecure or is_loopback(host):
        return
    raise SettingsError(
        f"--host {host} is not loopback: tokens and addresses would cross the network in plain text. Give --tls-cert "
        "and --tls-key; or --insecure where something in front of it speaks TLS"
    )


def is_loopback(host: str) -> bool:
    """Do all addresses of the host lead to this machine alone? Raises SettingsError for a host that has none."""
    if not host:
        return False  # every interface
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SettingsError(f"--host {host}: not an address of this machine") from None
    return all_loopback(str(socket_address[0]) for *_, socket_address in found)


def all_loopback(addresses: Iterable[str]) -> bool:
    """Do all these IP addresses lead to this machine alone? An IPv6 address may name its zone (RFC 4007)."""
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses)


def _no_password() -> str:
    # otherwise OpenSSL would ask at the terminal, and a service would wait for ever
    raise ValueError("the key has a password")
