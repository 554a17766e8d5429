"""A certificate authority for one's own machine: for tests, `sidestep demo --secure` and `make certs`. Its key lies
beside its certificate, so nothing else may trust it.

    python -m sidestep.streams.local.development_ca FOLDER NAME[=HOST,HOST…]…
"""

import datetime
import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAYS = 365
CA_DAYS = 3650
RENEW_DAYS = 30
"""A certificate that lasts no longer is made anew."""
BACKDATED = datetime.timedelta(minutes=5)
"""Clocks differ."""


@dataclass(frozen=True)
class Issued:
    """Files of one certificate: the chain, its key, and both in one file as Kafka wants them (PEM)."""

    certificate: Path
    key: Path
    both: Path


class DevelopmentCA:
    """An authority in a folder: ca.pem and ca.key, made when they are not there. Keys are of the curve P-256."""

    def __init__(self, folder: Path | str, name: str = "Sidestep development CA"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.certificate = self.folder / "ca.pem"
        key_file = self.folder / "ca.key"
        if key_file.exists() and self.certificate.exists():
            self._key = _read_key(key_file)
            self._own = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            return
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._own = self._sign_itself(name)
        write_private(key_file, _as_pem(self._key))
        self.certificate.write_bytes(self._own.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        hosts: Iterable[str] = (),
        lasts: datetime.timedelta = datetime.timedelta(days=DAYS),
        begins: datetime.datetime | None = None,
    ) -> Issued:
        """A new certificate for CN=`name`, for servers at `hosts` and for clients: NAME.pem, NAME.key and
        NAME.both.pem, each put in place whole, so that whoever reads while it is renewed never reads half of one."""
        begins = begins or datetime.datetime.now(datetime.UTC) - BACKDATED
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(name, key, begins, begins + lasts)
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(_key_id_of(self._key), critical=False)
        if names := [_general_name(host) for host in hosts]:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return self._write(name, certificate, _as_pem(key))

    def issued(self, name: str) -> Issued:
        """The files of a name, whether they are there or not."""
        return Issued(*(self.folder / f"{name}{ending}" for ending in (".pem", ".key", ".both.pem")))

    def renew(self, name: str, hosts: Iterable[str] = ()) -> bool:
        """Issue a certificate unless the name has one that this authority signed and that lasts for RENEW_DAYS more.
        Whether one was issued."""
        files = self.issued(name)
        if all(file.exists() for file in (files.certificate, files.key, files.both)):
            found = x509.load_pem_x509_certificate(files.certificate.read_bytes())
            left = found.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
            if left > datetime.timedelta(days=RENEW_DAYS) and _is_signed_by(found, self._own):
                return False
        self.issue(name, hosts)
        return True

    def _sign_itself(self, name: str) -> x509.Certificate:
        begins = datetime.datetime.now(datetime.UTC) - BACKDATED
        subject = _common_name(name)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        builder = _dated(builder, self._key, begins, begins + datetime.timedelta(days=CA_DAYS))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
        builder = builder.add_extension(_SIGNS, critical=True)
        return builder.sign(self._key, hashes.SHA256())

    def _builder(
        self, name: str, key: ec.EllipticCurvePrivateKey, begins: datetime.datetime, ends: datetime.datetime
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(_common_name(name)).issuer_name(self._own.subject)
        return _dated(builder, key, begins, ends)

    def _write(self, name: str, certificate: bytes, key: bytes) -> Issued:
        files = self.issued(name)
        write_private(files.key, key)
        write_private(files.both, key + certificate)
        write_private(files.certificate, certificate)
        return files


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)


def _dated(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime.datetime,
    ends: datetime.datetime,
) -> x509.CertificateBuilder:
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(begins).not_valid_after(ends)


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_id_of(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _is_signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _as_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # we made it
    return key


def main(folder: str, *wanted: str) -> None:
    """Certificates of all names that have none that lasts."""
    authority = DevelopmentCA(folder)
    for name, _, hosts in (each.partition("=") for each in wanted):
        made = authority.renew(name, filter(None, hosts.split(",")))
        print(f"{'made' if made else 'kept'}  {authority.issued(name).certificate}")


if __name__ == "__main__":
    import sys

    main(*sys.argv[1:])
