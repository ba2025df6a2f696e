"""The batch interface of an endpoint: files that are uploaded and fetched, batches that are made, listed and looked at.

All but making a batch can be done again, and is, where the endpoint is busy or gone for a moment. A batch that may have been
made although no answer came is not made again: it is looked for in the endpoint's list.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from raydoa.errors import Unreachable, UserError
from raydoa.llm.batch_file import CHAT
from raydoa.llm.batch_notes import Note, is_id
from raydoa.llm.client import Broken, Connection, Reply
from raydoa.llm.refusals import Trouble, end_line, pause, refusal
from raydoa.store.names import shown

Call: TypeAlias = Callable[[], Awaitable[Reply | Broken]]

_METADATA = "raydoa"
_PAGE = 100
_MOST_PAGES = 100
_OLDER_SECONDS = 86400.0
"""A batch that is so much older than its note is another: clocks differ."""


@dataclass(frozen=True)
class BatchState:
    """How a batch is.

    Attributes:
        id: what the endpoint calls it.
        status: ``completed``, or another.
        files: of its results: answers, and errors, as far as there are any.
        completed: calls that it answered; None: it does not say.
        progress: for people.
        error: why it failed, and a code of that.
    """

    id: str
    status: str
    files: tuple[str, ...]
    completed: int | None
    progress: str
    error: tuple[str, str]


class Busy(UserError):
    """A batch was not made, and may be later; ``wait``: seconds that the endpoint asks to wait."""

    def __init__(self, line: str, wait: float) -> None:
        super().__init__(line)
        self.wait = wait


class Gone(UserError):
    """The endpoint does not know a batch or a file of it any more."""


class BatchEndpoint:
    """The batch interface behind ``connection``; ``rest`` waits some seconds."""

    def __init__(self, connection: Connection, rest: Callable[[float], Awaitable[None]]) -> None:
        self._connection, self._rest = connection, rest

    async def upload(self, name: str, content: bytes) -> str:
        """Upload a file of requests; returns what the endpoint calls it."""
        came = await self._object(
            lambda: self._connection.upload("/files", name, content, purpose="batch")
        )
        return self._id(came.get("id"), "a file")

    async def create(self, file: str, id: str) -> str | None:
        """Make a batch of a file; returns what the endpoint calls it, or None: it may have been made, or not.

        It is tried once, so that it is over within the connection's timeout.

        Raises:
            UserError: it was not made; `Busy`: it may be later.
        """
        body = {
            "input_file_id": file,
            "endpoint": CHAT,
            "completion_window": "24h",
            "metadata": {_METADATA: id},
        }

        came = await self._connection.post("/batches", body)
        if _unsure(came):
            # A name that is none is no reason to make another.
            name = (_object(came) or {}).get("id")
            return str(name) if is_id(name) else None
        trouble = self._trouble(came)
        if trouble.then == "again":
            raise Busy(self._line(came, trouble), trouble.wait or 0.0)
        raise UserError(self._line(came, trouble))

    async def find(self, note: Note) -> str | None:
        """What the endpoint calls the batch of a note, if it is in its list."""
        path = f"/batches?limit={_PAGE}"
        for _ in range(_MOST_PAGES):
            page = await self._object(partial(self._connection.get, path))
            batches = [one for one in page.get("data") or () if isinstance(one, dict)]
            for one in batches:
                metadata = one.get("metadata")
                named = isinstance(metadata, dict) and metadata.get(_METADATA) == note.id
                if named or one.get("input_file_id") == note.file:
                    return self._id(one.get("id"), "a batch")
            last = batches[-1] if batches else {}
            made_at = last.get("created_at")
            older = isinstance(made_at, int | float) and made_at < note.at - _OLDER_SECONDS
            if page.get("has_more") is not True or older or not is_id(last.get("id")):
                break
            path = f"/batches?limit={_PAGE}&after={last['id']}"
        return None

    async def look(self, batch: str) -> BatchState:
        """How a batch is now. Raises `Gone`."""
        body = await self._object(
            lambda: self._connection.get(f"/batches/{batch}"), gone=f"batch {batch}"
        )
        files = (body.get("output_file_id"), body.get("error_file_id"))
        counts = body.get("request_counts")
        counts = counts if isinstance(counts, dict) else {}
        completed = counts.get("completed")
        errors = body.get("errors")
        errors = errors.get("data") if isinstance(errors, dict) else errors
        first = errors[0] if isinstance(errors, list) and errors else {}
        first = first if isinstance(first, dict) else {"message": first}
        return BatchState(
            batch,
            self._connection.clean(str(body.get("status")).lower()),
            tuple(self._id(file, "a file") for file in files if file),
            completed if type(completed) is int else None,
            f"{shown(completed)} of {shown(counts.get('total'))} calls",
            (
                self._connection.clean(str(first.get("message") or "")),
                str(first.get("code") or ""),
            ),
        )

    async def fetch(self, file: str) -> bytes:
        """The whole content of a file. Raises `Gone`."""
        attempt = 0
        while True:
            came = await self._connection.get(f"/files/{file}/content", is_file=True)
            if isinstance(came, Reply) and _is_good(came):
                return came.content
            attempt = await self._again(came, attempt, f"file {file}")

    async def _object(self, call: Call, gone: str = "") -> dict[str, Any]:
        """Call until a JSON object comes. Raises `UserError`: it is refused, or nothing can be reached."""
        attempt = 0
        while (found := _object(came := await call())) is None:
            attempt = await self._again(came, attempt, gone)
        return found

    async def _again(self, came: Reply | Broken, attempt: int, gone: str = "") -> int:
        """Wait before the next attempt, whose number this returns. Raises `UserError`: there is to be none."""
        trouble = self._trouble(came)
        if gone and isinstance(came, Reply) and came.status == 404:
            raise Gone(f"{gone}: {trouble.reason}")
        attempt += 1
        if trouble.then == "again" and attempt <= self._connection.spec.limits.retries:
            await self._rest(pause(attempt, trouble.wait))
            return attempt
        kind = UserError if trouble.reached else Unreachable
        raise kind(self._line(came, trouble))

    def _trouble(self, came: Reply | Broken) -> Trouble:
        if isinstance(came, Broken):
            return Trouble("again", False, came.reason, reached=came.sent)
        if _is_good(came):
            return Trouble("again", False, "an answer that is no whole JSON")
        return refusal(came, self._connection)

    def _line(self, came: Reply | Broken, trouble: Trouble) -> str:
        return end_line(replace(trouble, advice=_advice(came, trouble)), self._connection)

    def _id(self, said: object, what: str) -> str:
        if not is_id(said) or self._connection.without_key(str(said)) != said:
            name = self._connection.clean(shown(said))
            raise UserError(
                f"LLM {self._connection.spec.name}: it calls {what} {name}, which is no name"
            )
        return str(said)


def _advice(came: Reply | Broken, trouble: Trouble) -> str:
    if isinstance(came, Reply) and came.status in (404, 405):
        return "it has no batch interface there: leave batch out of the LLM's file, or see whether base_url is right"
    if trouble.then == "again":
        return "see whether the endpoint runs and can be reached from here, and run again"
    return (
        trouble.advice or "it does not take the batch: see the LLM's file and the provider's limits"
    )


def _unsure(came: Reply | Broken) -> bool:
    """Whether what was to be made may have been made."""
    if isinstance(came, Broken):
        return came.sent
    return _is_good(came) or came.status in (408, 409, 425) or came.status >= 500


def _is_good(came: Reply | Broken) -> bool:
    return isinstance(came, Reply) and came.status in (200, 201)


def _object(came: Reply | Broken) -> dict[str, Any] | None:
    """The JSON object that came; None: none did."""
    if isinstance(came, Broken) or not _is_good(came):
        return None
    try:
        body = json.loads(came.content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
