"""A process that asks an endpoint and keeps a journal in a file, to be killed; started again, it asks what is not answered.

python tests/llm/asked_until_killed.py BASE_URL JOURNAL ROWS
"""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from raydoa.llm.answer import Answer
from raydoa.llm.ask import ask_all
from raydoa.llm.client import Connection
from tests.llm.asking import ENOUGH, RATES, request, spec
from tests.llm.books import MemoryPurse, OpenGate


class FileAnswers:
    """A line for each entry, handed to the kernel before the method returns."""

    waits = False

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def asked(self, request_key: str, highest_micro_usd: int) -> None:
        self._line({"asked": request_key})

    def keep(self, answer: Answer) -> None:
        self._line(asdict(answer))

    def _line(self, entry: dict[str, object]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


async def _main(base_url: str, journal: Path, rows: int) -> None:
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
    answered = {json.loads(line).get("key") for line in lines}
    requests = [request(f"row {i}") for i in range(rows)]
    async with Connection(spec(base_url)) as connection:
        await ask_all(
            [one for one in requests if one.key not in answered],
            connection, RATES, MemoryPurse(ENOUGH), FileAnswers(journal), OpenGate(), lambda _: None,
        )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
