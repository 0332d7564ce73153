"""Signed requests to the S3 store: the two calls that move bytes, and those that the minio SDK has no public call for.

Here: one HTTP session on the event loop, requests signed by the SDK's signer, failures turned into our errors. What is
said with the requests is in `archive.objects.s3`. Why bytes do not pass through the SDK's blocking client:
docs/decisions/020-bytes-on-the-loop.md. Signing: AWS Signature Version 4; requests are path-style.
"""

import asyncio
import ssl
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import aiohttp
from minio import time as signing_time
from minio.credentials.credentials import Credentials
from minio.signer import sign_v4_s3
from yarl import URL

from archive.errors import Damaged, StoreUnavailable
from archive.settings import Settings

CONNECT_S = 5
# A store that says nothing for so long is as good as gone; the caller answers 503 and the client tries again.
SILENCE_S = 20
ANSWER_BASE_S = 15
ASSEMBLY_S = 120
SLOWEST_BYTES_PER_S = 512 * 1024
# Said by a store that is overloaded or restarting: worth a short wait, because most such moments pass.
PASSING = frozenset({429, 500, 502, 503, 504})
WAITS_S = (0.1, 0.4)
PIECE_BYTES = 256 * 1024
_WHOLE_BODY_BYTES = 1024 * 1024
_UNSIGNED = "UNSIGNED-PAYLOAD"
_MISSING = frozenset({"NoSuchKey", "NoSuchVersion"})


class ObjectMissing(Damaged):
    """An object that should be kept is not in the store."""

    code = "object-missing"


class NoSuchUpload(StoreUnavailable):
    """The store has forgotten an unfinished upload; nothing was kept, try again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A store's answer of 2xx: its headers and whole body."""

    headers: Mapping[str, str]
    body: bytes

    def text_of(self, element: str) -> str:
        """The text of an element of the XML body, whatever its namespace.

        Raises:
            StoreUnavailable: there is no such element.

        """
        found = parse(self.body).findtext(f".//{{*}}{element}")
        if not found:
            raise StoreUnavailable("the object store's answer is not understood")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    method: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    data: bytes


class Wire:
    """The session of one process; it belongs to the event loop of its first use."""

    def __init__(self, settings: Settings) -> None:
        scheme = "https" if settings.s3_secure else "http"
        self._base = urllib.parse.SplitResult(scheme, settings.s3_endpoint, "", "", "")
        self._bucket = settings.s3_bucket
        self._region = settings.s3_region
        self._credentials = Credentials(settings.s3_access_key, settings.s3_secret_key.get_secret_value())
        self._ssl = ssl.create_default_context() if settings.s3_secure else None
        self._made: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close every connection."""
        if self._made is not None:
            await self._made.close()
            self._made = None

    async def call(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes = b"",
        again: bool = True,
        patience_s: float = ANSWER_BASE_S,
    ) -> Answer:
        """Send one request and read the whole answer.

        `again`: whether a passing failure may be tried again. `patience_s`: how long the answer may take, not counting
        what the sending of `data` takes on a slow line.

        Raises:
            ObjectMissing: there is no such key or version.
            StoreUnavailable: the store cannot be reached, is too slow, or refuses.

        """
        limit_s = patience_s + len(data) / SLOWEST_BYTES_PER_S
        sized = {**(headers or {}), "Content-Length": str(len(data))}
        request = _Request(method=method, key=key, query=query or {}, headers=sized, data=data)
        for wait_s in WAITS_S if again else ():
            try:
                return await self._once(request, limit_s)
            except _Passing:
                await asyncio.sleep(wait_s)
        return await self._once(request, limit_s)

    async def _once(self, request: _Request, limit_s: float) -> Answer:
        with _our_errors():
            async with asyncio.timeout(limit_s), self._send(request) as response:
                body = await response.read()
                _check(response.status, body)
                return Answer(headers=response.headers, body=body)

    async def pieces(self, key: str, version_id: str, first: int, last: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes `first` to `last` (inclusive) of a version as they come; the reader sets the pace.

        Raises:
            ObjectMissing: there is no such version.
            Damaged: the version has fewer bytes.
            StoreUnavailable: the store cannot be reached, falls silent, or refuses.

        """
        query, headers = {"versionId": version_id}, {"Range": f"bytes={first}-{last}"}
        request = _Request(method="GET", key=key, query=query, headers=headers, data=b"")
        with _our_errors():
            async with self._send(request, silence_s=SILENCE_S) as response:
                if response.status != 206:  # noqa: PLR2004 - Partial Content, the one right answer to a range
                    _check(response.status, await response.read())
                    raise StoreUnavailable("the object store does not serve ranges")
                if response.content_length != last - first + 1:
                    raise Damaged("an object is shorter than what was kept")
                async for piece in response.content.iter_chunked(PIECE_BYTES):
                    yield piece

    @asynccontextmanager
    async def _send(self, request: _Request, silence_s: float | None = None) -> AsyncIterator[aiohttp.ClientResponse]:
        path = urllib.parse.quote(f"/{self._bucket}/{request.key}" if request.key else f"/{self._bucket}", safe="/-_.~")
        asked = urllib.parse.urlencode(sorted(request.query.items()), quote_via=urllib.parse.quote)
        url = self._base._replace(path=path, query=asked)
        body = request.data if len(request.data) <= _WHOLE_BODY_BYTES else _in_pieces(request.data)
        async with self._session().request(
            request.method,
            URL(url.geturl(), encoded=True),
            headers=self._signed(request.method, url, request.headers),
            data=body or None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s),
        ) as response:
            yield response

    def _signed(self, method: str, url: urllib.parse.SplitResult, headers: Mapping[str, str]) -> dict[str, str]:
        now = signing_time.utcnow()
        signed = sign_v4_s3(
            method=method,
            url=url,
            region=self._region,
            headers={
                **headers,
                "Host": url.netloc,
                "x-amz-content-sha256": _UNSIGNED,
                "x-amz-date": signing_time.to_amz_date(now),
            },
            credentials=self._credentials,
            content_sha256=_UNSIGNED,
            date=now,
        )
        return {name: str(value) for name, value in signed.items()}

    def _session(self) -> aiohttp.ClientSession:
        if self._made is None:
            self._made = aiohttp.ClientSession(
                # How many requests run at once is bounded by who asks (uploads in flight, listeners), not here.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ssl=self._ssl or True),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
                read_bufsize=PIECE_BYTES,
            )
        return self._made


def parse(body: bytes) -> ET.Element:
    """Read an XML answer.

    Raises:
        StoreUnavailable: it is none.

    """
    try:
        return ET.fromstring(body)  # noqa: S314 - of the store that holds every byte; expat bounds entities
    except ET.ParseError:
        raise StoreUnavailable("the object store's answer is not understood") from None


class _Passing(StoreUnavailable):
    """The object store is overloaded or restarting; nothing was kept, try again."""


@contextmanager
def _our_errors() -> Iterator[None]:
    """Every failure below becomes one of ours; keys and addresses stay out of the text."""
    try:
        yield
    except TimeoutError as error:
        raise StoreUnavailable("the object store does not answer in time") from error
    except aiohttp.ClientConnectionError as error:
        raise _Passing("the object store cannot be reached") from error
    except (aiohttp.ClientError, OSError) as error:
        raise StoreUnavailable("the object store broke off") from error


def _check(status: int, body: bytes) -> None:
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return
    if status in PASSING:
        raise _Passing(f"the object store answered {status}")
    code = _error_code(body)
    if code in _MISSING:
        raise ObjectMissing
    if code == "NoSuchUpload":
        raise NoSuchUpload
    if code == "InvalidRange":
        raise Damaged("an object is shorter than what was kept")
    raise StoreUnavailable(f"the object store answered {status} {code}".rstrip())


def _error_code(body: bytes) -> str:
    try:
        return parse(body).findtext("{*}Code") or parse(body).findtext("Code") or ""
    except StoreUnavailable:
        return ""


async def _in_pieces(data: bytes) -> AsyncIterator[memoryview]:
    """So that the loop gets a turn between pieces of a large body."""
    view = memoryview(data)
    for at in range(0, len(view), PIECE_BYTES):
        yield view[at : at + PIECE_BYTES]
