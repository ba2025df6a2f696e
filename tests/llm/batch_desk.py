"""The batch interface of `tests.llm.server`: `/v1/files` and `/v1/batches`, by script as well.

Each batch that is made takes the next of `BatchDesk.scripts`, and steps through its states, one each time it is looked at.
Its calls are answered as those of chat completions are, when it comes to its end.
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from tests.llm.server import Endpoint

Line = dict[str, Any]
Shape = Callable[[list[Line]], list[Line]]


@dataclass(frozen=True)
class Script:
    """How a batch goes.

    Attributes:
        states: that it goes through; it stays in the last one.
        ran: how many of its calls are made before its end; None: all.
        shape: what becomes of the lines of its answers.
        refused: contents whose call is refused, with a status and an error.
        error: why it failed: a code and a message.
        counts: whether it says how many were answered.
        raw: appended to the file of answers.
    """

    states: Sequence[str] = ("validating", "in_progress", "finalizing", "completed")
    ran: int | None = None
    shape: Shape = lambda lines: lines
    refused: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    error: tuple[str, str] | None = None
    counts: bool = True
    raw: bytes = b""


@dataclass
class Batch:
    """One that was made."""

    body: dict[str, Any]
    script: Script
    looks: int = 0
    told: dict[str, Any] = field(default_factory=dict)


@dataclass
class BatchDesk:
    """What it remembers.

    Attributes:
        scripts: of the next batches; then they go well.
        files, batches: by id.
        billed: usage of all calls that were made in batches.
        lists_metadata: whether its list tells what a batch was made with.
        page: batches of a page of its list, at most.
    """

    scripts: deque[Script] = field(default_factory=deque)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    billed: list[dict[str, int]] = field(default_factory=list)
    lists_metadata: bool = True
    page: int = 100

    def add_routes(self, app: web.Application, endpoint: "Endpoint") -> None:
        """Serve, each route with the endpoint's faults for ``METHOD PATH`` before it."""
        for method, path, answer in (
            ("POST", "/files", self._upload),
            ("GET", "/files/{id}/content", self._content),
            ("POST", "/batches", self._create),
            ("GET", "/batches", self._list),
            ("GET", "/batches/{id}", self._look),
        ):
            app.router.add_route(method, f"/v1{path}", self._faulty(f"{method} {path}", answer, endpoint))  # fmt: skip

    def _faulty(self, name: str, answer: Any, endpoint: "Endpoint") -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            endpoint.received[name] += 1
            if name in endpoint.faults and (script := endpoint.faults[name]):
                return await script.popleft()(endpoint, request, {})
            made: web.StreamResponse = await answer(endpoint, request)
            return made

        return handle

    async def create(self, request: web.Request) -> dict[str, Any]:
        """Make a batch."""
        body = json.loads(await request.read())
        id = f"batch_{len(self.batches) + 1}"
        script = self.scripts.popleft() if self.scripts else Script()
        self.batches[id] = batch = Batch(body, script)
        lines = self.files[body["input_file_id"]].splitlines()
        batch.told = {
            "id": id,
            "object": "batch",
            "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"],
            "status": script.states[0],
            "created_at": 1_000_000,
            "metadata": body["metadata"] if self.lists_metadata else None,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        return batch.told

    async def _create(self, endpoint: "Endpoint", request: web.Request) -> web.Response:
        return _json(await self.create(request))

    async def _upload(self, endpoint: "Endpoint", request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert form["purpose"] == "batch" and isinstance(file, web.FileField)
        return _json({"id": self._keep(file.file.read()), "filename": file.filename})

    async def _content(self, endpoint: "Endpoint", request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["id"])
        return _no("file") if content is None else web.Response(body=content)

    async def _list(self, endpoint: "Endpoint", request: web.Request) -> web.Response:
        newest = [batch.told for batch in reversed(self.batches.values())]
        ids = [told["id"] for told in newest]
        first = ids.index(request.query["after"]) + 1 if "after" in request.query else 0
        page = newest[first : first + self.page]
        return _json({"data": page, "has_more": first + self.page < len(newest)})

    async def _look(self, endpoint: "Endpoint", request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return _no("batch")
        states = batch.script.states
        batch.looks += 1
        batch.told["status"] = states[min(batch.looks, len(states)) - 1]
        if batch.looks == len(states):
            self._run(batch, endpoint)
        return _json(batch.told)

    def _run(self, batch: Batch, endpoint: "Endpoint") -> None:
        script, status = batch.script, batch.told["status"]
        asked = [json.loads(line) for line in self.files[batch.body["input_file_id"]].splitlines()]
        if script.error is not None:
            code, message = script.error
            batch.told["errors"] = {"data": [{"code": code, "message": message}]}
            return
        answers, errors = [], []
        for number, line in enumerate(asked):
            content = line["body"]["messages"][-1]["content"]
            if script.ran is not None and number >= script.ran:
                gone = {"code": f"batch_{status}", "message": "This request could not be executed."}
                errors.append({"custom_id": line["custom_id"], "response": None, "error": gone})
            elif content in script.refused:
                code, error = script.refused[content]
                errors.append(_line(line, code, {"error": error}))
            else:
                made = endpoint.completion(line["body"])
                endpoint.completed[content] += 1
                self.billed.append(made["usage"])
                answers.append(_line(line, 200, made))
        counts = {"total": len(asked), "completed": len(answers), "failed": len(errors)}
        batch.told["request_counts"] = counts if script.counts else None
        for name, lines, raw in (
            ("output", script.shape(answers), script.raw),
            ("error", errors, b""),
        ):
            content = b"".join(json.dumps(line).encode() + b"\n" for line in lines) + raw
            batch.told[f"{name}_file_id"] = self._keep(content) if content else None

    def _keep(self, content: bytes) -> str:
        id = f"file-{len(self.files) + 1}"
        self.files[id] = content
        return id


def _line(asked: Line, status: int, body: dict[str, Any]) -> Line:
    return {"id": f"batch_req_{asked['custom_id'][:8]}", "custom_id": asked["custom_id"],
            "response": {"status_code": status, "request_id": "r", "body": body}, "error": None}  # fmt: skip


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(
        body=json.dumps(body).encode(), status=status, content_type="application/json"
    )


def _no(what: str) -> web.Response:
    return _json({"error": {"message": f"No such {what}", "type": "x"}}, 404)
