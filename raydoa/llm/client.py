"""A connection to the endpoint of an LLM: one process's, open within one event loop.

It sends bodies and hands back what came of each as data (`Reply` or `Broken`): an exception of the HTTP library holds the
request, and with it the key. Whether to ask again is for `raydoa.llm.ask`, since each call may cost and has to pass a gate,
so the library's own retries are off.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from raydoa.llm.redact import one_line, read_key, redacted
from raydoa.llm.spec import LlmSpec

if TYPE_CHECKING:
    import openai

_CONNECT_SECONDS = 10.0
_FILE_SECONDS = 600.0
"""For a file of a batch, which may have 200 MB."""


def to_json(body: Mapping[str, Any]) -> bytes:
    """A body as it is sent; half a character in a row, which some endpoints refuse even as an escape, becomes a question mark."""
    text = json.dumps(body, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.encode(errors="replace")


@dataclass(frozen=True)
class Reply:
    """A response, whatever its status. It may echo the key, and shows neither headers nor content."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Broken:
    """No response. ``sent``: the endpoint may have had the request, and may bill it."""

    sent: bool
    reason: str


class Connection:
    """The endpoint of ``spec``, as an async context.

    Args:
        spec: the LLM; its key is read here, from its environment variable.
        base_url: where the endpoint is reached instead; it must be the same model.

    Raises:
        UserError: the variable of the key is not set here.
    """

    def __init__(self, spec: LlmSpec, *, base_url: str | None = None) -> None:
        self.spec = spec
        self.base_url = base_url or spec.base_url
        self._key = read_key(spec.name, spec.api_key_variable)
        self._client: openai.AsyncOpenAI | None = None

    @property
    def where(self) -> str:
        """The endpoint, for people: its URL without a query."""
        return re.sub(r"[?#].*", "", self.base_url)

    def clean(self, text: str) -> str:
        """A text of the endpoint's as one short line that holds no key."""
        return one_line(redacted(text, self._key))

    def without_key(self, text: str) -> str:
        """A text of the endpoint's as it is, but for the key."""
        return text if self._key is None else self._key.cleaned(text)

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply | Broken:
        """Send a body, once, and wait for the whole response, at most `Limits.timeout_seconds`."""
        return await self._send(path, "application/json", content=to_json(body))

    async def upload(self, path: str, name: str, content: bytes, **fields: str) -> Reply | Broken:
        """Send a file, and fields beside it, as a form does."""
        files = {"file": (name, content, "application/jsonl")}
        return await self._send(path, "multipart/form-data", files=files, body=fields)

    async def get(self, path: str, *, is_file: bool = False) -> Reply | Broken:
        """Ask for what is there."""
        return await self._send(path, is_file=is_file)

    async def _send(
        self, path: str, kind: str | None = None, *, is_file: bool = False, **what: Any
    ) -> Reply | Broken:
        """Ask for what is there, or send something of a ``kind``."""
        import httpx2
        import openai

        assert self._client is not None, "a connection is used within `async with`"
        seconds = self.spec.limits.timeout_seconds
        if is_file or "files" in what:
            seconds = max(seconds, _FILE_SECONDS)
        headers: dict[str, Any] = {} if kind is None else {"Content-Type": kind}
        if self._key is None:
            headers["Authorization"] = openai.Omit()
        send = self._client.get if kind is None else self._client.post
        options: Any = {"headers": headers}
        try:
            # The library's timeout is for each piece of a response, which may drip for ever.
            async with asyncio.timeout(seconds):
                response = await send(path, cast_to=httpx2.Response, options=options, **what)
        except openai.APIStatusError as error:
            response = error.response
        except openai.APIConnectionError as error:
            return self._broken(error.__cause__)
        except TimeoutError:
            return Broken(sent=True, reason=f"no whole answer within {seconds:g} s")
        return Reply(response.status_code, response.headers, response.content)

    async def __aenter__(self) -> Self:
        import httpx2
        import openai

        for library in ("httpx2", "httpcore2"):
            # They log URLs, a line for each row, and headers, in which an endpoint may echo the key.
            logging.getLogger(library).setLevel(logging.WARNING)
        limits = self.spec.limits
        seconds = limits.timeout_seconds
        nothing: Any = openai.Omit()
        self._client = openai.AsyncOpenAI(
            base_url=self.base_url,
            api_key="none",
            max_retries=0,
            # Said here, or the library takes what OPENAI_* variables hold for another endpoint.
            default_headers={
                "Authorization": "" if self._key is None else f"Bearer {self._key.reveal()}",
                "OpenAI-Organization": nothing,
                "OpenAI-Project": nothing,
            },
            http_client=httpx2.AsyncClient(
                timeout=httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds / 2)),
                limits=httpx2.Limits(
                    max_connections=limits.in_flight, max_keepalive_connections=limits.in_flight
                ),
                # Rows go to the endpoint that was named, and to no other.
                follow_redirects=False,
            ),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._client is not None
        client, self._client = self._client, None
        await client.close()

    def _broken(self, cause: BaseException | None) -> Broken:
        import ssl

        import httpx2

        never_sent = (
            httpx2.ConnectError,
            httpx2.ConnectTimeout,
            httpx2.PoolTimeout,
            httpx2.ProxyError,
            httpx2.UnsupportedProtocol,
            httpx2.LocalProtocolError,
            ssl.SSLCertVerificationError,
        )
        said = self.clean(f"{type(cause).__name__}: {cause}".rstrip(": "))
        if isinstance(cause, never_sent):
            return Broken(sent=False, reason=f"no connection ({said})")
        return Broken(sent=True, reason=f"the connection broke ({said})")

    def __repr__(self) -> str:
        return f"Connection({self.spec.name!r}, {self.where!r})"
