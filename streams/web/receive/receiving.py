"""`sidestep receive`: its parts, put together, from the start to SIGTERM."""

import contextlib
import logging
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sidestep.streams.settings import Settings
from sidestep.streams.web.certificate import ServerCertificate
from sidestep.streams.web.exposure import SettingNames, check_exposure
from sidestep.streams.web.followed import follow
from sidestep.streams.web.guarded import ConnectionLimits
from sidestep.streams.web.listen import HttpServer, Listen
from sidestep.streams.web.receive.amazon import Amazon
from sidestep.streams.web.receive.api import ReceiveApi
from sidestep.streams.web.receive.confirming import ConfirmingPublisher
from sidestep.streams.web.receive.door_file import DoorFile
from sidestep.streams.web.receive.received_metrics import ReceivedMetrics
from sidestep.streams.web.receive.receiver_health import ReceiverHealth
from sidestep.streams.web.until_stopped import stopped_by_signals, until_stopped
from sidestep.streams.web.worker import worker_endpoints

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

    doors: Path
    host: str = "127.0.0.1"
    port: int = 6068
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False


async def receive(settings: Settings, options: ReceiveOptions, amazon: Amazon | None = None) -> None:
    """Receive until SIGTERM or SIGINT. Raises SidestepError where that is not possible."""
    certificate = ServerCertificate.given(options.tls_cert, options.tls_key, NAMES)
    check_exposure(options.host, NAMES, certificate is not None, options.insecure)
    connection = settings.connection
    stop = stopped_by_signals()
    async with contextlib.AsyncExitStack() as stack:
        amazon = amazon or Amazon()
        stack.push_async_callback(amazon.close)
        doors = DoorFile(options.doors, amazon)
        publisher = ConfirmingPublisher.to(connection)
        stack.push_async_callback(publisher.close)
        health, metrics = ReceiverHealth(lambda: doors.fault), ReceivedMetrics(version("sidestep"))
        api = ReceiveApi(doors, publisher.publish, amazon.confirm, health, metrics)
        server = receiver_server(api, options.host, options.port, certificate)
        metrics.read(lambda: server.connected, lambda: not (health.kafka or publisher.trouble))
        endpoints = worker_endpoints(settings, health, metrics)
        for part in (endpoints, server):
            await part.start()
            stack.push_async_callback(part.stop)
        log.info("receiving webhooks", extra={"at": server.url, "doors": ", ".join(doors.names)})
        looks = [doors.look] if certificate is None else [doors.look, certificate.look]
        await until_stopped(stop, follow(looks), endpoints.follow(), health.watch(connection))
        health.stopping = True
        log.info("leaving: finishing what is under way")
    log.info("left cleanly")


def receiver_server(
    api: ReceiveApi,
    host: str,
    port: int,
    certificate: ServerCertificate | None = None,
    limits: ConnectionLimits = LIMITS,
) -> HttpServer:
    """The server of the doors, not started yet."""
    return HttpServer(api.application(), Listen(host, port, NAMES, limits, certificate), STOP_SECONDS)
