"""`sidestep receive`: its parts, put together, from the start to SIGTERM."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from sidestep.streams.errors import SettingsError
from sidestep.streams.settings import Settings
from sidestep.streams.web.certificate import ServerCertificate
from sidestep.streams.web.exposure import SettingNames, check_exposure
from sidestep.streams.web.followed import follow
from sidestep.streams.web.guarded import ConnectionLimits
from sidestep.streams.web.listen import HttpServer, Listen
from sidestep.streams.web.receive.amazon import Amazon
from sidestep.streams.web.receive.api import ReceiveApi
from sidestep.streams.web.receive.bounce_mailbox import BounceMailbox
from sidestep.streams.web.receive.confirming import ConfirmingPublisher
from sidestep.streams.web.receive.door_file import DoorFile
from sidestep.streams.web.receive.lmtp import LmtpServer
from sidestep.streams.web.receive.received_metrics import ReceivedMetrics
from sidestep.streams.web.receive.receiver_health import ReceiverHealth
from sidestep.streams.web.until_stopped import stopped_by_signals, until_stopped
from sidestep.streams.web.worker import worker_endpoints
from sidestep.topics.signer import Signer

NAMES = SettingNames(
    host="--host ",
    port="--port ",
    certificate="--tls-cert (SIDESTEP_LISTEN_TLS_CERTIFICATE)",
    key="--tls-key (SIDESTEP_LISTEN_TLS_KEY)",
    plaintext="--insecure",
    zero="is any that is free",
)

LIMITS = ConnectionLimits(most=200, idle=75.0, request=25.0)
"""So that bodies under way are 200 MB at most."""

STOP_SECONDS = 15.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReceiveOptions:
    """What is given besides the settings."""

    doors: Path | None = None
    lmtp: str = ""
    lmtp_anywhere: bool = False
    host: str = "127.0.0.1"
    port: int = 6068
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    signer: Signer | None = None
    """Signs what goes into Kafka; None: nobody does."""


async def receive(settings: Settings, options: ReceiveOptions, amazon: Amazon | None = None) -> None:
    """Receive until SIGTERM or SIGINT. Raises SidestepError where that is not possible."""
    if options.doors is None and not options.lmtp:
        raise SettingsError(
            "nothing to receive: name a doors file with --doors FILE, or a mailbox with --lmtp HOST:PORT"
        )
    connection = settings.connection
    stop = stopped_by_signals()
    async with contextlib.AsyncExitStack() as stack:
        amazon = amazon or Amazon()
        stack.push_async_callback(amazon.close)
        doors = DoorFile(options.doors, amazon) if options.doors is not None else None
        publisher = ConfirmingPublisher.to(connection, options.signer)
        stack.push_async_callback(publisher.close)
        health = ReceiverHealth(
            lambda: doors.fault if doors is not None else "", lambda: doors.topics if doors is not None else ()
        )
        metrics = ReceivedMetrics(version("sidestep"))
        endpoints = worker_endpoints(settings, health, metrics)
        await _start(stack, endpoints)
        looks: list[Callable[[], None]] = []
        server: HttpServer | None = None
        if doors is not None:
            certificate = _certificate(options)
            server = receiver_server(
                ReceiveApi(doors, publisher.publish, amazon.confirm, health, metrics),
                options.host,
                options.port,
                certificate,
            )
            await _start(stack, server)
            looks = [doors.look] if certificate is None else [doors.look, certificate.look]
            log.info("receiving webhooks", extra={"at": server.url, "doors": ", ".join(doors.names)})
        if options.lmtp:
            await _start(
                stack, LmtpServer(options.lmtp, BounceMailbox(publisher.publish, metrics), options.lmtp_anywhere)
            )
        metrics.read(
            lambda: server.connected if server else 0,
            lambda: not (health.kafka or publisher.trouble),
            lambda: doors.refused if doors is not None else 0,
        )
        await until_stopped(stop, follow(looks), endpoints.follow(), health.watch(connection))
        health.stopping = True
        log.info("leaving: finishing what is under way")
    log.info("left cleanly")


class _Part(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


async def _start(stack: contextlib.AsyncExitStack, part: _Part) -> None:
    await part.start()
    stack.push_async_callback(part.stop)


def _certificate(options: ReceiveOptions) -> ServerCertificate | None:
    """The doors' certificate; checked where they would leave this machine without one."""
    certificate = ServerCertificate.given(options.tls_cert, options.tls_key, NAMES)
    check_exposure(options.host, NAMES, certificate is not None, options.insecure)
    return certificate


def receiver_server(
    api: ReceiveApi,
    host: str,
    port: int,
    certificate: ServerCertificate | None = None,
    limits: ConnectionLimits = LIMITS,
) -> HttpServer:
    """The server of the doors, not started yet."""
    return HttpServer(api.application(), Listen(host, port, NAMES, limits, certificate), STOP_SECONDS)
