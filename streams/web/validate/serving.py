"""The composition root of `sidestep serve`: from settings to exit. No Kafka, unless its policy is asked for."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidestep.streams.decide.policy import Policy
from sidestep.streams.decide.policy_file import read_policy
from sidestep.streams.decide.policy_text import parse
from sidestep.streams.errors import SettingsError
from sidestep.streams.gcra import Rate, parse_rate
from sidestep.streams.screen.lists.classes import Lists, load_lists
from sidestep.streams.screen.lists.domain_facts import DomainBook
from sidestep.streams.screen.lists.typo import suggest
from sidestep.streams.screen.sources.build import Sources, open_sources
from sidestep.streams.settings import Settings, name_servers
from sidestep.streams.web.certificate import ServerCertificate
from sidestep.streams.web.exposure import SettingNames, check_exposure
from sidestep.streams.web.followed import follow
from sidestep.streams.web.guarded import ConnectionLimits
from sidestep.streams.web.listen import HttpServer, Listen
from sidestep.streams.web.until_stopped import stopped_by_signals, until_stopped
from sidestep.streams.web.validate.answer import Answerer, CurrentVersions
from sidestep.streams.web.validate.api import BODY_SECONDS, Api
from sidestep.streams.web.validate.checking import Checker
from sidestep.streams.web.validate.in_force import PolicyInForce
from sidestep.streams.web.validate.request import DEADLINE_MS_MAX
from sidestep.streams.web.validate.token_file import HOW_TO_MAKE_ONE, TokenFile
from sidestep.streams.web.validate.tokens import DEFAULT_RATE

NAMES = SettingNames("--host ", "--port ", "--tls-cert", "--tls-key", "--insecure", "takes any that is free")

LIMITS = ConnectionLimits(most=1024, idle=75.0, request=BODY_SECONDS + DEADLINE_MS_MAX / 1000 + 10.0)
"""Idle for longer than the 60 s of proxies that keep connections, so that it is they who close."""

STOP_SECONDS = DEADLINE_MS_MAX / 1000 + 2.0
"""Requests under way get this long: the longest deadline, and the time to write the answer."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServeOptions:
    """The options of `sidestep serve` besides Settings: where it listens, and whom it answers."""

    host: str = "127.0.0.1"
    port: int = 6067
    tokens: Path | None = None
    rate: str = DEFAULT_RATE
    """Rate of tokens that have none of their own in the file."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    in_force: bool = False
    """Answer by the policy in force in Kafka."""


async def serve(settings: Settings, options: ServeOptions) -> None:
    """Serve /v1/validate until SIGTERM or SIGINT. Raises SidestepError where that is not possible."""
    certificate = ServerCertificate.given(options.tls_cert, options.tls_key, NAMES)
    check_exposure(options.host, NAMES, certificate is not None, options.insecure)
    tokens = _tokens(options)
    in_force = PolicyInForce(settings.connection) if options.in_force else None
    policy = await _policy(settings, in_force)
    stop = stopped_by_signals()
    async with contextlib.AsyncExitStack() as stack:
        sources = open_sources(settings, name_servers(settings))
        stack.push_async_callback(sources.close)
        await sources.prepare()
        lists = load_lists()
        answerer = _answerer(sources, lists, policy)
        book = DomainBook(lists, suggest, partitions=1)
        checker = Checker(sources.inquiry, book, answerer, slots=max(2, settings.dns_concurrency))
        stack.push_async_callback(checker.close)
        api = Api(checker, tokens)
        server = server_of(api, options.host, options.port, certificate)
        await server.start()
        stack.push_async_callback(server.stop)
        stack.callback(api.leave)
        log.info("serving /v1/validate", extra={"at": server.url})
        gc.freeze()  # the lists stay for good: no full collection need walk them while somebody waits
        log.info("ready", extra={"tokens": len(tokens), "policy": policy.version})
        await until_stopped(stop, *_chores(tokens, certificate, sources), *_policies(in_force, answerer))
        log.info("leaving: finishing what is under way")
    log.info("left cleanly")


def server_of(
    api: Api,
    host: str,
    port: int,
    certificate: ServerCertificate | None = None,
    limits: ConnectionLimits = LIMITS,
) -> HttpServer:
    """The server of the API, not started yet."""
    return HttpServer(api.application(), Listen(host, port, NAMES, limits, certificate), STOP_SECONDS)


async def _policy(settings: Settings, in_force: PolicyInForce | None) -> Policy:
    found = None if in_force is None else await asyncio.to_thread(in_force.read)
    return found or parse(read_policy(settings))


def _policies(in_force: PolicyInForce | None, answerer: Answerer) -> Iterator[Coroutine[Any, Any, None]]:
    if in_force is not None:
        yield in_force.follow(answerer.judge_by)


def _answerer(sources: Sources, lists: Lists, policy: Policy) -> Answerer:
    feeds = sources.feeds
    feed_versions = (lambda: feeds.book.versions) if feeds is not None else dict[str, str]
    return Answerer(policy, lists, CurrentVersions(policy.version, lists.versions, feed_versions))


def _chores(
    tokens: TokenFile, certificate: ServerCertificate | None, sources: Sources
) -> Iterator[Coroutine[Any, Any, None]]:
    """The work that goes on beside the answers."""
    yield follow([tokens.look] if certificate is None else [tokens.look, certificate.look])
    if sources.feeds is not None:
        yield sources.feeds.run()


def _tokens(options: ServeOptions) -> TokenFile:
    if options.tokens is None:
        raise SettingsError(f"nobody may ask without a token: name a tokens file with --tokens FILE; {HOW_TO_MAKE_ONE}")
    return TokenFile(options.tokens, _rate(options.rate))


def _rate(text: str) -> Rate:
    try:
        return parse_rate(text)
    except ValueError as error:
        raise SettingsError(f"--rate: {error}") from None
