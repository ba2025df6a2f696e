"""Who writes a segment of a journal: what `asked` and `keep` were told is in the store when they return.

In a folder, a segment is one file that grows, a line at a time; a line is with the kernel when it was told, and on the disk
when the writer closes. Behind a URL it is write-once objects, numbered, each with what came in while the one before it was
written. There a call waits for the network (`waits`), so call it in a thread: many that wait at once share an object.
"""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from raydoa.errors import UserError
from raydoa.llm.answer import Answer
from raydoa.llm.segment import Asked, Line, NotBilled, head, to_line
from raydoa.store.appending import AppendedFile
from raydoa.store.layout import Storage
from raydoa.store.local_storage import LocalStorage
from raydoa.store.remote_storage import RemoteStorage


class SegmentWriter(ABC):
    """Keeps what was asked and answered; for several threads at once.

    Attributes:
        waits: whether a call waits for the network.
    """

    waits: bool

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def asked(self, request_key: str, highest_micro_usd: int) -> None:
        """A call is about to be sent, and may cost so much. Once for each call that may be billed."""
        self._last[request_key] = highest_micro_usd
        self._add(Asked(request_key, highest_micro_usd))

    def refused(self, request_key: str) -> None:
        """The call of this key that was `asked` last was refused, or never sent: nothing is owed for it."""
        self._add(NotBilled(request_key, self._last.pop(request_key)))

    def keep(self, answer: Answer) -> None:
        """An answer, whose ``micro_usd`` covers all calls that were asked under its key here and may be billed."""
        self._last.pop(answer.key, None)
        self._add(answer)

    @abstractmethod
    def _add(self, line: Line) -> None:
        """Write a line; it is durable when this returns."""

    @abstractmethod
    def close(self) -> None:
        """Write no more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_segment(place: Storage, path: str, writer: str, whom: str) -> SegmentWriter:
    """Begin the segment at ``path`` (without a suffix). Raises `UserError`: it is there already, or cannot be written."""
    if isinstance(place, LocalStorage):
        return _GrowingFile(place.appended(f"{path}.jsonl"), head(writer, whom))
    return _Objects(place, path, head(writer, whom))


class _GrowingFile(SegmentWriter):
    waits = False

    def __init__(self, file: AppendedFile, first: bytes) -> None:
        super().__init__()
        self._file = file
        self._mutex = threading.Lock()
        self._file.append(first)

    def _add(self, line: Line) -> None:
        content = to_line(line)
        with self._mutex:
            self._file.append(content)

    def close(self) -> None:
        with self._mutex:
            self._file.close()


class _Objects(SegmentWriter):
    waits = True

    def __init__(self, place: RemoteStorage, path: str, first: bytes) -> None:
        super().__init__()
        self._place, self._path = place, path
        self._mutex = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[bytes] = []
        self._came = self._written = self._objects = 0
        self._put(first)

    def _add(self, line: Line) -> None:
        self._put(to_line(line))

    def _put(self, content: bytes) -> None:
        with self._mutex:
            self._waiting.append(content)
            self._came += 1
            mine = self._came
        with self._writing:  # Whoever has it writes for all who wait.
            if self._written < mine:
                self._write_waiting()

    def _write_waiting(self) -> None:
        with self._mutex:
            batch = list(self._waiting)
        while batch:
            path = f"{self._path}/{self._objects + 1:08d}.jsonl"
            wrote = len(batch)
            if not self._place.create(path, b"".join(batch)):
                # Of an attempt of ours whose answer was lost: nobody else writes here.
                there = self._place.read(path)
                wrote = there.count(b"\n")
                if there != b"".join(batch[:wrote]) or not wrote:
                    raise UserError(
                        f"{self._place.url}/{path}: somebody else writes this segment; run again, and look who does"
                    )
            batch = batch[wrote:]
            self._objects += 1
            self._written += wrote
            with self._mutex:
                del self._waiting[:wrote]

    def close(self) -> None:
        assert not self._waiting, "a writer is closed after its calls"
