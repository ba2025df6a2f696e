"""The key is looked for everywhere: in logs at their loudest, files, reprs, errors with all that hangs on them, and pickles."""

import asyncio
import dataclasses
import gc
import io
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.llm.answer import Answer
from raydoa.llm.client import Broken, Connection
from tests.llm import server
from tests.llm.asking import Asker, request, spec
from tests.llm.server import Endpoint, serving

KEY = "sk-test-Q7w8E9r0T1y2U3i4O5p6"
_PARTS = [KEY[i : i + 10] for i in range(len(KEY) - 9)]


@pytest.fixture(autouse=True)
def _set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTER_KEY", KEY)
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "somebody-elses")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving(Endpoint(key=KEY)) as serves:
        yield serves


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Whatever any library says."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(1)
    for name in ("openai", "httpx2", "httpcore2", "asyncio", "raydoa"):
        logging.getLogger(name).setLevel(1)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)
    for name in ("openai", "httpx2", "httpcore2", "asyncio", "raydoa"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def _clean(*texts: object) -> None:
    for text in texts:
        shown = text if isinstance(text, str) else repr(text)
        assert not [part for part in _PARTS if part.lower() in shown.lower()], shown[:500]


ECHOES = [
    server.status(500, f"got Authorization: Bearer {KEY}"),
    server.status(503, f"half of it: {KEY[:14]} and {KEY[13:]}"),
    server.status(400, f"you sent {{'Authorization': 'Bearer {KEY}'}}"),
    server.raw(f"<h1>Bad gateway</h1>{KEY}".encode(), 502),
    server.raw(f'{{"error": "upstream said {KEY}"}}'.encode()),
    server.raw(KEY.encode()),
    server.other(text=f"the answer is {KEY}"),
    server.other(finish="content_filter", text=KEY),
    server.raw(json.dumps({"choices": [{"message": {"refusal": KEY, "content": None}}]}).encode()),
]


def test_what_is_kept_and_logged_holds_no_key(endpoint: Endpoint, log: io.StringIO, tmp_path: Path) -> None:  # fmt: skip
    for i, fault in enumerate(ECHOES):
        endpoint.faults[f"row {i}"].extend([fault] * 3)
    asker = Asker(spec(endpoint.base_url, key="TESTER_KEY", retries=2))
    asked = asker.ask([request(f"row {i}") for i in range(20)])
    assert len(asked.answers) == 20
    # The endpoint took the key, so it was sent; and nobody else's.
    assert asked.answers[-1].text == "label of row 19"
    sent = [headers["Authorization"] for headers in endpoint.headers]
    assert set(sent) == {f"Bearer {KEY}"}
    assert not any("OpenAI-Organization" in h or "OpenAI-Project" in h for h in endpoint.headers)
    kept = tmp_path / "answers.jsonl"
    kept.write_text("\n".join(json.dumps(dataclasses.asdict(a)) for a in asker.answers.kept))
    said = log.getvalue()
    assert len(said) > 1000
    _clean(said, kept.read_text(), asked, asker, pickle.dumps(asked).decode("latin1"))


@pytest.mark.parametrize("code", [401, 403, 404, 302])
def test_errors_hold_no_key(endpoint: Endpoint, log: io.StringIO, code: int) -> None:
    endpoint.faults["*"].extend([server.status(code, f"the key {KEY} is wrong", {"Location": f"http://x/?k={KEY}"})] * 99)  # fmt: skip
    asker = Asker(spec(endpoint.base_url, key="TESTER_KEY"))
    with pytest.raises(UserError) as found:
        asker.ask([request(f"row {i}") for i in range(20)])
    error = found.value
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None:
        chain.append(following)
        following = following.__cause__ or following.__context__
    assert chain == [error], "an error of the library's holds the request, and that the key"
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    ours = [frame for frame in frames if "/raydoa/llm/" in frame.filename]
    assert ours
    told = "".join(traceback.StackSummary.from_list(ours).format()) + repr([f.locals for f in ours])
    _clean(str(error), told, log.getvalue(), pickle.dumps(error).decode("latin1"))
    assert "TESTER_KEY" in str(error) or code in {404, 302}


def test_a_connection_shows_no_key(endpoint: Endpoint) -> None:
    async def shown() -> list[object]:
        async with Connection(spec(endpoint.base_url, key="TESTER_KEY")) as connection:
            await connection.post("/chat/completions", request("a").body)
            with pytest.raises(TypeError):
                pickle.dumps(connection)
            return [connection, vars(connection), f"{connection}", connection.spec]

    _clean(*asyncio.run(shown()))


def test_a_library_error_of_a_broken_connection_is_not_handed_out(endpoint: Endpoint) -> None:
    endpoint.faults["*"].append(server.reset)

    async def broken() -> object:
        async with Connection(spec(endpoint.base_url, key="TESTER_KEY")) as connection:
            return await connection.post("/chat/completions", request("a").body)

    came = asyncio.run(broken())
    assert isinstance(came, Broken) and came.sent
    gc.collect()
    _clean(came)


def test_no_key_is_sent_where_none_is_named(endpoint: Endpoint) -> None:
    endpoint.key = None
    asked = Asker(spec(endpoint.base_url)).ask([request("a")])
    assert asked.answers[0].state == "answered"
    assert "Authorization" not in endpoint.headers[0]
    assert "somebody-elses" not in str(endpoint.headers)


def test_a_missing_key_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESTER_KEY")
    with pytest.raises(UserError, match="LLM tester: .* TESTER_KEY, which is not set here"):
        Connection(spec("http://127.0.0.1:9/v1", key="TESTER_KEY"))


def test_rows_are_not_cleaned_of_anything(endpoint: Endpoint) -> None:
    """A label that looks like a header stays a label."""
    endpoint.answer = lambda content: "Authorization: Bearer of bad news **** https://x/?q=1"
    (answer,) = Asker(spec(endpoint.base_url, key="TESTER_KEY")).ask([request("a")]).answers
    assert isinstance(answer, Answer)
    assert answer.text == "Authorization: Bearer of bad news **** https://x/?q=1"
