"""Rows a second that raydoa asks an endpoint (B) over those of a bare client (A): the same library, server and 64 in flight.

    python benchmarks/llm_client.py                            at once and after 50 ms, rounds that take turns
    python benchmarks/llm_client.py --rounds 9 --rows 2000 --delays 0.3

A is what anybody would write: `AsyncOpenAI`, a semaphore and `gather`; it keeps nothing. B is `ask_all` with its gate, a
purse, and a journal that writes a line before and after each call and flushes it to the kernel. The server
(`tests/llm/server.py`) is a process of its own. The ratio is of rows a second, B over A, each round's; the median is told with
the lowest and the highest. `cpu_ratio` is the same of CPU time in this process, A over B, which other work on the machine does
not stretch. The last line is JSON.
"""

import argparse
import asyncio
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import openai

from raydoa.llm.answer import Answer, Request
from raydoa.llm.ask import ask_all
from raydoa.llm.client import Connection
from raydoa.llm.gate import EndpointGate, OwnLeases
from raydoa.llm.limiter import Limiter
from raydoa.llm.spec import Limits, LlmSpec
from raydoa.llm.tokens import TokenRates, Usage

_SERVER = Path(__file__).parents[1] / "tests" / "llm" / "server.py"
_TEXT = "claim: the tower is 330 metres high. tweet: it grew by six metres today, believe it or not"
_RATES = TokenRates(150_000, 75_000, 600_000)


def main() -> None:
    """Measure at each delay, and end with a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000, help="of a turn")
    parser.add_argument("--rounds", type=int, default=5, help="in which A and B take one turn")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--delays", type=float, nargs="+", default=[0.0, 0.05], help="seconds that an answer takes")  # fmt: skip
    options = parser.parse_args()
    found = {}
    for delay in options.delays:
        with _server(delay) as url:
            turns = [_round(url, options.rows, options.in_flight) for _ in range(options.rounds + 1)]  # fmt: skip
        found[f"{delay:g}"] = line = _summary(turns[1:], options.rows)
        print(f"answers after {delay:g} s", line, flush=True)
    sizes = {name: getattr(options, name) for name in ("rows", "rounds", "in_flight")}
    print(json.dumps({"benchmark": "llm_client", **sizes, "delays": found}))


@dataclass(frozen=True)
class _Turn:
    seconds: float
    cpu_seconds: float


def _round(url: str, rows: int, in_flight: int) -> tuple[_Turn, _Turn]:
    return _turn(lambda: _bare(url, rows, in_flight)), _turn(lambda: _ours(url, rows, in_flight))


def _turn(run: Callable[[], Awaitable[int]]) -> _Turn:
    began, cpu = time.perf_counter(), time.process_time()

    async def counted() -> int:
        return await run()

    answered = asyncio.run(counted())
    turn = _Turn(time.perf_counter() - began, time.process_time() - cpu)
    assert answered > 0
    return turn


def _summary(turns: list[tuple[_Turn, _Turn]], rows: int) -> dict[str, object]:
    ratios = [bare.seconds / ours.seconds for bare, ours in turns]
    cpu = [bare.cpu_seconds / ours.cpu_seconds for bare, ours in turns]
    return {
        "ratio": [round(f(ratios), 3) for f in (statistics.median, min, max)],
        "cpu_ratio": [round(f(cpu), 3) for f in (statistics.median, min, max)],
        "bare_rows_per_second": round(rows / statistics.median(bare.seconds for bare, _ in turns)),
        "rows_per_second": round(rows / statistics.median(ours.seconds for _, ours in turns)),
    }


def _messages(row: int) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "Say of the tweet: Supporting, Refuting or Querying."},
        {"role": "user", "content": f"{_TEXT} ({row})"},
    ]


async def _bare(url: str, rows: int, in_flight: int) -> int:
    semaphore = asyncio.Semaphore(in_flight)
    async with openai.AsyncOpenAI(base_url=url, api_key="none") as client:

        async def one(row: int) -> str | None:
            async with semaphore:
                made = await client.chat.completions.create(
                    model="m", messages=_messages(row), max_tokens=16, temperature=0
                )  # type: ignore[arg-type]
                return made.choices[0].message.content

        answers = await asyncio.gather(*(one(row) for row in range(rows)))
    assert all(answers)
    return len(answers)


async def _ours(url: str, rows: int, in_flight: int) -> int:
    spec = LlmSpec(name="m", model="m", base_url=url, limits=Limits(in_flight=in_flight))
    gate = EndpointGate(OwnLeases(Limiter(spec.limits)), in_flight)
    with tempfile.TemporaryDirectory(prefix="raydoa-") as folder, _Journal(Path(folder)) as journal:
        async with Connection(spec) as connection:
            asked = await ask_all(
                [_request(row) for row in range(rows)], connection, _RATES, _Purse(), journal, gate, lambda _: None
            )  # fmt: skip
    assert len(asked.answers) == rows
    assert {answer.state for answer in asked.answers} == {"answered"}
    return len(asked.answers)


def _request(row: int) -> Request:
    body = {"model": "m", "messages": _messages(row), "max_tokens": 16, "temperature": 0}
    key = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return Request(key, str(row), body, Usage(input=200, output=16))


class _Purse:
    """Money without end."""

    left = 10**15

    def reserve(self, micro_usd: int) -> bool:
        self.left -= micro_usd
        return self.left >= 0

    def settle(self, reserved: int, cost: int) -> None:
        self.left += reserved - cost


class _Journal:
    """A line for each call and answer."""

    waits = False

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "segment.jsonl").open("ab")

    def asked(self, request_key: str, highest_micro_usd: int) -> None:
        self._line({"asked": request_key, "highest": highest_micro_usd})

    def keep(self, answer: Answer) -> None:
        self._line(asdict(answer))

    def _line(self, entry: dict[str, object]) -> None:
        content = json.dumps(entry)
        check = hashlib.sha256(content.encode()).hexdigest()[:16]
        self._file.write(f"{check} {content}\n".encode())
        self._file.flush()

    def __enter__(self) -> "_Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@contextmanager
def _server(delay: float) -> Iterator[str]:
    command = [sys.executable, str(_SERVER), str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # fmt: skip
        assert server.stdout is not None and server.stdin is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()


if __name__ == "__main__":
    main()
