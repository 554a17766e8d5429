"""Fetches the files of a feed: from disk, or over HTTPS by conditional requests (RFC 9110 13). Time is the caller's."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path

import aiohttp
from msgspec import Struct
from yarl import URL

from sidestep.streams.screen.sources.feeds.download import CHUNK, Download, FetchFailed, Gunzip
from sidestep.streams.screen.sources.feeds.location import is_address, is_local, refusal, without_secrets
from sidestep.streams.screen.sources.feeds.parse import shown

REDIRECTS = 3
_REDIRECTED = (301, 302, 303, 307, 308)
_VALIDATOR_MAX = 1_000

Tell = Callable[[int], None]


class Validators(Struct, frozen=True):
    """The validators of what a source gave last (RFC 9110 8.8): sent back, they tell whether anything has changed."""

    etag: str = ""
    """Of files on disk, a digest of their names, sizes and times."""
    modified: str = ""
    """Last-Modified, as the server wrote it."""


class FetchedFiles(Struct, frozen=True):
    """The fetched files of a source, in the folder that was named: the caller's to remove."""

    files: tuple[Download, ...]
    validators: Validators

    @property
    def octets(self) -> int:
        """The octets of all files."""
        return sum(file.octets for file in self.files)


class Fetcher:
    """A fetcher of sources: it knows where relative paths start and whose certificates are good."""

    def __init__(self, base: Path, tls: ssl.SSLContext | None = None) -> None:
        """`base`: folder of relative paths. `tls`: the system's authorities (or SSL_CERT_FILE's) unless given."""
        self._base = base
        self._tls = tls

    async def fetch(
        self,
        source: str,
        validators: Validators,
        folder: Path,
        most: int,
        tell: Tell = lambda _: None,
        hosts: Collection[str] = (),
    ) -> FetchedFiles | None:
        """The files of `source`, `most` octets altogether; None when `validators` are still theirs.

        Raises FetchFailed. `folder` must be empty and is filled. `hosts`: those besides its own that an address may
        redirect to.
        """
        try:
            if is_address(source):
                return await self._download(source, validators, folder, most, tell, hosts)
            return await asyncio.to_thread(_copy, self._base / source, validators, folder, most, tell)
        except OSError as error:
            raise FetchFailed(f"{without_secrets(source)}: {error.strerror or type(error).__name__}") from None

    async def text(self, source: str, folder: Path, most: int, hosts: Collection[str] = ()) -> bytes:
        """The octets of a small file beside the list. Raises FetchFailed."""
        fetched = await self.fetch(source, Validators(), folder, most, hosts=hosts)
        if fetched is None or len(fetched.files) != 1:
            raise FetchFailed(f"{without_secrets(source)} is not one file", answered=True)
        return await asyncio.to_thread(fetched.files[0].path.read_bytes)

    async def _download(
        self, source: str, validators: Validators, folder: Path, most: int, tell: Tell, hosts: Collection[str]
    ) -> FetchedFiles | None:
        headers = {"Accept-Encoding": "gzip", "User-Agent": "sidestep", **_conditions(validators)}
        try:
            async with self._answer(source, headers, hosts) as response:
                if response.status == HTTPStatus.NOT_MODIFIED and validators != Validators():
                    return None
                _check_status(response.status)
                file = await _save(response, folder / "0", _label(source), most, tell)
                return FetchedFiles((file,), _validators(response.headers))
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError):
            raise FetchFailed(
                f"{without_secrets(source)}: its certificate can't be checked; SSL_CERT_FILE names authorities of "
                "your own"
            ) from None
        except aiohttp.ClientPayloadError:
            raise FetchFailed("the download was cut short") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise FetchFailed(f"{without_secrets(source)} can't be fetched ({_kind(error)})") from None

    @asynccontextmanager
    async def _answer(
        self, source: str, headers: Mapping[str, str], hosts: Collection[str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer at the end of the redirects; none of them leads away from https, or to a host that is not meant.

        Whoever holds a feed's server could otherwise have us ask what only we can reach.
        """
        url = URL(source)
        # a proxy from the environment must not be asked for this machine itself
        async with aiohttp.ClientSession(
            headers=headers,
            auto_decompress=False,
            trust_env=not is_local(url),
            connector=self._connector(),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            for _ in range(REDIRECTS + 1):
                async with session.get(url, allow_redirects=False) as response:
                    if response.status not in _REDIRECTED:
                        yield response
                        return
                    url = _target(response, URL(source), hosts)
        raise FetchFailed(f"it was redirected more than {REDIRECTS} times")

    def _connector(self) -> aiohttp.TCPConnector:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return aiohttp.TCPConnector(ssl=self._tls)


def _copy(location: Path, validators: Validators, folder: Path, most: int, tell: Tell) -> FetchedFiles | None:
    """Copies of files: what is checked is what is read, while files of others may change at any time."""
    paths = _files(location)
    found = _stamp(paths)
    if found == validators:
        return None
    downloads: list[Download] = []
    done = 0
    for number, path in enumerate(paths):
        download = Download(folder / str(number), path.name, most - done, partial(_tell_more, tell, done))
        with download, path.open("rb") as source:
            while octets := source.read(CHUNK):
                download.write(octets)
        done += download.octets
        downloads.append(download)
    if _stamp(_files(location)) != found:
        raise FetchFailed(f"{location} changed while it was read")
    return FetchedFiles(tuple(downloads), found)


def _tell_more(tell: Tell, done: int, octets: int) -> None:
    tell(done + octets)


def _files(path: Path) -> list[Path]:
    """The file, or all of a directory that are not hidden, by name. Pipes and devices would never end."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if path.exists() and not path.is_file():
        raise FetchFailed(f"{path} is neither a file nor a directory", answered=True)
    if not path.exists():
        raise FetchFailed(f"{path} does not exist", answered=True)
    return [path]


def _stamp(paths: list[Path]) -> Validators:
    stats = [(path.name, stat.st_mtime_ns, stat.st_size) for path in paths for stat in [path.stat()]]
    return Validators(blake2b(repr(stats).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest())


async def _save(response: aiohttp.ClientResponse, path: Path, label: str, most: int, tell: Tell) -> Download:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise FetchFailed("it is encoded in a way that was not asked for")
    gunzip = Gunzip() if encoding != "identity" else None
    with Download(path, label, most, tell) as download:
        arrived = 0
        async for chunk in response.content.iter_chunked(CHUNK):
            arrived += len(chunk)
            if arrived > most + CHUNK:  # gzip can hold any number of octets that unfold to nothing
                raise FetchFailed(f"it is larger than max_octets = {most}")
            for octets in gunzip.feed(chunk) if gunzip else (chunk,):
                download.write(octets)
                await asyncio.sleep(0)  # one chunk may unfold to a thousand of these
    if gunzip:
        gunzip.end()
    return download


def _target(response: aiohttp.ClientResponse, source: URL, hosts: Collection[str]) -> URL:
    text = response.headers.get("Location", "")
    try:
        target = response.url.join(URL(text))
    except ValueError:
        raise FetchFailed("it was redirected to something that is not an address") from None
    if not text or target.scheme != "https" or refusal(str(target)):
        raise FetchFailed("it was redirected to something else than https://: write the final address", answered=True)
    if (target.host, target.port) != (source.host, source.port) and target.host not in hosts:
        raise FetchFailed(
            f"it was redirected to another host, {shown((target.host or '').encode())}: if that is meant, name it in "
            "`redirects`, or write the final address",
            answered=True,
        )
    return target


def _check_status(status: int) -> None:
    if status != HTTPStatus.OK:
        name = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "unknown status"
        raise FetchFailed(f"the server answered {status} {name}", answered=400 <= status < 500)


def _conditions(validators: Validators) -> dict[str, str]:
    named = {"If-None-Match": validators.etag, "If-Modified-Since": validators.modified}
    return {name: value for name, value in named.items() if value}


def _validators(headers: Mapping[str, str]) -> Validators:
    return Validators(_validator(headers.get("ETag", "")), _validator(headers.get("Last-Modified", "")))


def _validator(value: str) -> str:
    return value if len(value) <= _VALIDATOR_MAX and value.isascii() and value.isprintable() else ""


def _label(source: str) -> str:
    return URL(source).name or "list"


def _kind(error: Exception) -> str:
    """Not the error's own text: it may hold the address with its token, or the server's words."""
    cause = getattr(error, "os_error", None)
    return (cause.strerror if cause is not None else "") or type(error).__name__
