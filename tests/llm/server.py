"""An OpenAI-compatible endpoint that misbehaves on purpose, by script; in a thread of a test, or a process of its own.

    python tests/llm/server.py [DELAY_SECONDS]       prints its base URL, and serves until its input ends

Each request is answered by the first of `Script`'s faults that is left for the content of its last message, else by
`answer`. It counts what it received by that content, and what it would bill, so that a test can hold the books against it.
"""

import asyncio
import json
import sys
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

Fault = Callable[["Endpoint", web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]
"""Answers a request in its own way."""


class Desk(Protocol):
    """More that an endpoint serves, such as `tests.llm.batch_desk.BatchDesk`."""

    def add_routes(self, app: web.Application, endpoint: "Endpoint") -> None:
        """Serve it."""


def tokens(text: str) -> int:
    """As this endpoint counts them."""
    return max(1, len(text.encode(errors="replace")) // 4)


@dataclass
class Endpoint:
    """What an endpoint answers, and what it remembers.

    Attributes:
        answer: from the last message's content to the text of the answer.
        faults: by content, in the order in which they happen; "*" for any content.
        delay: seconds that an answer takes.
        key: that it wants; None: none.
        desk: what it serves beside chat completions.
    """

    answer: Callable[[str], str] = lambda content: f"label of {content}"
    faults: defaultdict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    delay: float = 0.0
    key: str | None = None
    received: Counter[str] = field(default_factory=Counter)
    completed: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    remembers: bool = True
    base_url: str = ""
    desk: "Desk | None" = None

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        content = body["messages"][-1]["content"]
        self.received[content] += 1
        if self.remembers:
            self.headers.append(dict(request.headers))
            self.bodies.append(body)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            if (
                self.key is not None
                and request.headers.get("Authorization") != f"Bearer {self.key}"
            ):
                return await status(401, f"Incorrect API key: {request.headers.get('Authorization')}")(self, request, body)  # fmt: skip
            for script in (self.faults[content], self.faults["*"]) if self.faults else ():
                if script:
                    return await script.popleft()(self, request, body)
            self.completed[content] += 1
            return as_json(self.completion(body))
        finally:
            self.in_flight -= 1

    def completion(self, body: dict[str, Any], **changed: Any) -> dict[str, Any]:
        """A right answer; ``changed``: text, finish, usage or top in another way."""
        content = body["messages"][-1]["content"]
        text = changed.get("text", self.answer(content))
        prompt = sum(tokens(message["content"]) for message in body["messages"])
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": tokens(text),
            "total_tokens": prompt + tokens(text),
            "prompt_tokens_details": {"cached_tokens": prompt // 2},
        }
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": changed.get("finish", "stop"),
        }
        if body.get("logprobs"):
            choice["logprobs"] = changed.get("logprobs", _logprobs(text, body.get("top_logprobs", 0)))  # fmt: skip
        made = {"id": "x", "object": "chat.completion", "model": body["model"], "choices": [choice]}
        if (said := changed.get("usage", usage)) is not None:
            made["usage"] = said
        return made


def _logprobs(text: str, count: int) -> dict[str, Any]:
    likeliest = [{"token": text[:1], "logprob": -0.1}, {"token": "?", "logprob": -3.0}][:count]
    blank = {"token": " ", "logprob": -0.01, "top_logprobs": [{"token": " ", "logprob": -0.01}]}
    return {"content": [blank, {"token": text[:1], "logprob": -0.1, "top_logprobs": likeliest}]}


def as_json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A response of JSON."""
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers=headers, content_type="application/json"
    )  # fmt: skip


def status(
    http: int, message: str = "no", headers: dict[str, str] | None = None, **error: Any
) -> Fault:
    """An error as OpenAI says it."""

    async def fault(endpoint: Endpoint, request: web.Request, body: dict[str, Any]) -> web.Response:
        return as_json({"error": {"message": message, "type": "x", **error}}, http, headers)

    return fault


def raw(content: bytes, code: int = 200, headers: dict[str, str] | None = None) -> Fault:
    """Any bytes."""

    async def fault(endpoint: Endpoint, request: web.Request, body: dict[str, Any]) -> web.Response:
        return web.Response(body=content, status=code, headers=headers)

    return fault


def other(**changed: Any) -> Fault:
    """A completion that is not as it should be; see `Endpoint.completion`."""

    async def fault(endpoint: Endpoint, request: web.Request, body: dict[str, Any]) -> web.Response:
        endpoint.completed[body["messages"][-1]["content"]] += 1
        return as_json(endpoint.completion(body, **changed))

    return fault


async def reset(
    endpoint: Endpoint, request: web.Request, body: dict[str, Any]
) -> web.StreamResponse:
    """The connection breaks before a byte of the response."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def truncated(
    endpoint: Endpoint, request: web.Request, body: dict[str, Any]
) -> web.StreamResponse:
    """Half of the JSON, which the endpoint holds for all of it, and bills."""
    whole = json.dumps(endpoint.completion(body)).encode()
    return web.Response(body=whole[: len(whole) // 2], content_type="application/json")


async def broken_off(
    endpoint: Endpoint, request: web.Request, body: dict[str, Any]
) -> web.StreamResponse:
    """Half of the response, then the connection breaks."""
    whole = json.dumps(endpoint.completion(body)).encode()
    response = web.StreamResponse(headers={"Content-Length": str(len(whole))})
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def drips(
    endpoint: Endpoint, request: web.Request, body: dict[str, Any]
) -> web.StreamResponse:
    """A byte every 20 ms, for ever."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.02)


async def hangs(
    endpoint: Endpoint, request: web.Request, body: dict[str, Any]
) -> web.StreamResponse:
    """No response."""
    await asyncio.sleep(3600)
    return web.Response()


def application(endpoint: Endpoint) -> web.Application:
    """Its routes."""
    app = web.Application(client_max_size=2**30)
    app.router.add_post("/v1/chat/completions", endpoint.chat)
    if endpoint.desk is not None:
        endpoint.desk.add_routes(app, endpoint)
    return app


async def _serve(endpoint: Endpoint, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    runner = web.AppRunner(application(endpoint), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)  # fmt: skip
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    endpoint.base_url = f"http://127.0.0.1:{port}/v1"
    ready()
    await stop.wait()
    await runner.cleanup()


@contextmanager
def serving(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Serve in a thread."""
    ready = threading.Event()
    stops: list[Callable[[], object]] = []

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        await _serve(endpoint, stop, ready.set)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield endpoint
    finally:
        stops[0]()
        thread.join(30)


async def _until_input_ends(endpoint: Endpoint) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)), daemon=True
    ).start()

    def say() -> None:
        sys.stdout.write(f"{endpoint.base_url}\n")
        sys.stdout.flush()

    await _serve(endpoint, stop, say)


if __name__ == "__main__":
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
    asyncio.run(_until_input_ends(Endpoint(delay=seconds, remembers=False)))
