"""The certificate of an endpoint: checked at the start, renewed while the server runs, never by half of one."""

import logging
import shutil
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sidestep.streams.errors import SettingsError
from sidestep.streams.local.development_ca import DevelopmentCA, Issued
from sidestep.streams.web.certificate import ServerCertificate
from sidestep.streams.web.exposure import check_exposure
from sidestep.streams.web.validate.serving import NAMES
from sidestep.streams.web.worker import NAMES as WORKER_NAMES
from sidestep.topics.errors import CredentialsError


@pytest.fixture
def authority(tmp_path: Path) -> DevelopmentCA:
    return DevelopmentCA(tmp_path / "ca")


@pytest.fixture
def issued(authority: DevelopmentCA) -> Issued:
    return authority.issue("here", ["127.0.0.1"])


def _serial(certificate: ServerCertificate, authority: DevelopmentCA) -> int:
    """The number of the certificate that a new connection sees."""
    ours, theirs = socket.socketpair()
    greeting = threading.Thread(target=lambda: certificate.context.wrap_socket(ours, server_side=True).close())
    greeting.start()
    trusting = ssl.create_default_context(cafile=authority.certificate)
    with trusting.wrap_socket(theirs, server_hostname="127.0.0.1") as client:
        seen = client.getpeercert(binary_form=True)
    greeting.join(10)
    assert seen is not None
    return x509.load_der_x509_certificate(seen).serial_number


def _number(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_a_renewed_certificate_is_shown_without_a_restart(authority: DevelopmentCA, issued: Issued) -> None:
    """Connections that come after the look see the new one."""
    certificate = ServerCertificate(issued.certificate, issued.key, NAMES)
    before = _serial(certificate, authority)
    assert before == _number(issued.certificate)
    authority.issue("here", ["127.0.0.1"])
    certificate.look()
    assert before != _serial(certificate, authority) == _number(issued.certificate)


def _no_pem(issued: Issued, _: Issued) -> None:
    issued.certificate.write_text("-----BEGIN CERTIFICATE-----\n")


def _gone(issued: Issued, _: Issued) -> None:
    issued.key.unlink()


def _half_renewed(issued: Issued, other: Issued) -> None:
    shutil.copy(other.certificate, issued.certificate)


def _open_to_others(issued: Issued, _: Issued) -> None:
    issued.key.touch()
    issued.key.chmod(0o644)


@pytest.mark.parametrize("change", [_no_pem, _gone, _half_renewed, _open_to_others])
def test_what_can_not_be_used_is_told_and_the_last_one_stays(
    authority: DevelopmentCA,
    issued: Issued,
    change: Callable[[Issued, Issued], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once; and as soon as the files fit, they are used."""
    certificate = ServerCertificate(issued.certificate, issued.key, NAMES)
    before = _serial(certificate, authority)
    change(issued, authority.issue("other", ["127.0.0.1"]))
    with caplog.at_level(logging.ERROR):
        certificate.look()
        certificate.look()
    assert len(caplog.records) == 1 and "the last one stays in use" in caplog.text
    assert before == _serial(certificate, authority)
    authority.issue("here", ["127.0.0.1"])
    certificate.look()
    assert before != _serial(certificate, authority) == _number(issued.certificate)


def test_what_can_not_be_used_at_the_start_is_an_error(tmp_path: Path, issued: Issued) -> None:
    """One file without the other, files that are none, a key of another certificate, a key with a password."""
    assert ServerCertificate.given(None, None, NAMES) is None
    locked = tmp_path / "locked.pem"
    locked.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    ))  # fmt: skip
    cert, key = issued.certificate, issued.key
    for chain, of_it in ((cert, None), (None, key), (cert, tmp_path / "none"), (key, cert), (cert, locked)):
        with pytest.raises(SettingsError, match="--tls-key"):
            ServerCertificate.given(chain, of_it, NAMES)


def test_a_key_that_others_can_read_is_refused(issued: Issued) -> None:
    """With what to do."""
    issued.key.chmod(0o640)
    with pytest.raises(CredentialsError, match=r"mode 0640\): chmod 600 .*here\.key"):
        ServerCertificate(issued.certificate, issued.key, NAMES)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_loopback_needs_no_tls(host: str) -> None:
    """Nothing leaves the machine."""
    check_exposure(host, NAMES, encrypted=False, plaintext=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_beyond_loopback_plain_text_must_be_meant(host: str) -> None:
    """With TLS, or when somebody says that something else speaks it; each server names its own settings."""
    with pytest.raises(SettingsError, match="--insecure"):
        check_exposure(host, NAMES, encrypted=False, plaintext=False)
    with pytest.raises(SettingsError, match="SIDESTEP_WEB_PLAINTEXT=true"):
        check_exposure(host, WORKER_NAMES, encrypted=False, plaintext=False)
    check_exposure(host, NAMES, encrypted=True, plaintext=False)
    check_exposure(host, NAMES, encrypted=False, plaintext=True)
