"""A certificate of an intermediate authority is shown with its chain: brokers trust the root alone."""

import asyncio
import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaClient
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sidestep.streams.local.development_ca import write_private
from sidestep.topics.connection import Connection
from sidestep.topics.security import Tls
from tests.guarantees.harness.workers import wait_for

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _signed(name: str, by: Pair | None, authority: bool) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (by[0].subject, by[1]) if by else (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
    builder = builder.not_valid_after(now + datetime.timedelta(hours=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    # RFC 5280, 4.2.1: Python 3.13 asks for what it asks of authorities
    whose = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(whose, critical=False)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(own, critical=False).add_extension(_usage(signs=authority), critical=True)
    if not authority:
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256()), key


def _usage(signs: bool) -> x509.KeyUsage:
    never = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, **never)


def _files(
    folder: Path, name: str, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain))
    form = serialization.PrivateFormat.PKCS8
    write_private(private, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return certificate, private


class _Door:
    """Asks for certificates, and notes who was let in; it speaks no Kafka."""

    def __init__(self, context: ssl.SSLContext):
        self._context = context
        self._listening = socket.create_server(("localhost", 0))
        self.address = f"localhost:{self._listening.getsockname()[1]}"
        self.let_in: list[str] = []
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more callers."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _answer(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            try:
                with self._context.wrap_socket(caller, server_side=True) as tls:
                    shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
                    self.let_in.append(shown.subject.rfc4514_string())
            except (ssl.SSLError, ConnectionError):
                continue


@contextmanager
def _door(folder: Path, root: Pair) -> Iterator[_Door]:
    certificate, key = _signed("localhost", root, authority=False)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "root.pem")
    context.load_cert_chain(*_files(folder, "door", [certificate], key))
    context.verify_mode = ssl.CERT_REQUIRED
    door = _Door(context)
    try:
        yield door
    finally:
        door.close()


def _ask_librdkafka(connection: Connection) -> None:
    client = AdminClient(connection.librdkafka(log_level=0))
    with pytest.raises(KafkaException):
        client.list_topics(timeout=2)


def _ask_aiokafka(connection: Connection) -> None:
    async def ask() -> None:
        client = AIOKafkaClient(**connection.aiokafka(), request_timeout_ms=2000)
        try:
            with pytest.raises(KafkaError):
                await client.bootstrap()
        finally:
            await client.close()

    asyncio.run(ask())


@pytest.mark.parametrize("ask", [_ask_librdkafka, _ask_aiokafka])
def test_the_chain_is_shown(tmp_path: Path, ask: Callable[[Connection], None]) -> None:
    """Without it nobody is let in, so the door does look."""
    root = _signed("root", None, authority=True)
    between = _signed("between", root, authority=True)
    certificate, key = _signed("somebody", between, authority=False)
    _files(tmp_path, "root", [root[0]], root[1])
    with _door(tmp_path, root) as door:
        alone = Tls(tmp_path / "root.pem", *_files(tmp_path, "alone", [certificate], key))
        ask(Connection(door.address, alone))
        assert [] == door.let_in
        whole = Tls(tmp_path / "root.pem", *_files(tmp_path, "whole", [certificate, between[0]], key))
        ask(Connection(door.address, whole))
        wait_for(lambda: "CN=somebody" in door.let_in, 20, "the door has let it in")
