"""The journal of a question: answers that were paid for, at ``answers/<task>/<question>/`` in a store.

Each writer adds to a segment of its own, named after the reservation that it spends: ``<id>.jsonl`` in a folder, numbered
objects ``<id>/00000001.jsonl`` behind a URL; either is read wherever it lies. Nothing is ever changed or removed here, and
what cannot be read is an error: an answer that is lost would be paid for again.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from raydoa.errors import UserError
from raydoa.llm.answer import Answer
from raydoa.llm.segment import BadLine, Line, Segment, head, parse_segment, to_line
from raydoa.llm.segment_writers import SegmentWriter, open_segment
from raydoa.money import shown_usd
from raydoa.store.names import shown
from raydoa.store.store import Store

logger = logging.getLogger(__name__)

_FOLDER = re.compile(r"answers/[a-z0-9_-]+/[0-9a-f]{64}")
_ID = r"[A-Za-z0-9][A-Za-z0-9-]{0,99}"
_FILE = re.compile(rf"({_ID})\.jsonl")
_OBJECT = re.compile(rf"({_ID})/([0-9]{{8}})\.jsonl")


class DamagedJournal(UserError):
    """A file of a journal that cannot be what was written; the message names it, and what was paid for."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(
            f"{where}: {problem}; it holds answers that were paid for: bring it back from a backup, or move it out of the "
            "store, and what only it holds is bought again"
        )


@dataclass(frozen=True)
class Unanswered:
    """Calls for one request that were about to be sent and have no answer: they may cost so much, together."""

    key: str
    writer: str
    micro_usd: int


class Journal:
    """What was asked and answered under one ``folder`` of a store; see `Journal.of`. Making one opens nothing.

    Raises:
        UserError: it is no folder of a journal. From methods that read: a file is damaged (`DamagedJournal`), or a newer
            raydoa's.
    """

    def __init__(self, store: Store, folder: str) -> None:
        if _FOLDER.fullmatch(folder) is None:
            raise UserError(
                f"{store.url}/{shown(folder, 200)}: no journal; expected answers/TASK/QUESTION"
            )
        self.store, self.folder = store, folder
        self._read: dict[str, tuple[Mapping[str, int], Segment]] = {}

    @classmethod
    def of(cls, store: Store, task: str, question: str) -> Self:
        """The journal of a task's ``question``, which is a fingerprint: 64 hexadecimal digits."""
        return cls(store, f"answers/{task}/{question}")

    def writer(self, reservation: str, whom: str) -> SegmentWriter:
        """Begin the segment of a reservation; ``whom``: who writes, for people."""
        self.store.prepare()
        return open_segment(self.store.place, f"{self.folder}/{reservation}", reservation, whom)

    def put(self, reservation: str, whom: str, lines: Sequence[Line]) -> bool:
        """Write the whole segment of a reservation, at once; False: somebody has."""
        content = head(reservation, whom) + b"".join(map(to_line, lines))
        return self.store.place.create(f"{self.folder}/{reservation}.jsonl", content)

    def segment(self, reservation: str) -> Segment | None:
        """What was written for a reservation; None: nothing."""
        return self._segments().get(reservation)

    def answers(self) -> dict[str, Answer]:
        """All answers by the key of their request.

        Of several to one key the first counts that is not ``failed``, and the others are told with what they cost.
        """
        found: dict[str, list[Answer]] = {}
        for segment in self._segments().values():
            for answer in (*segment.answers.values(), *segment.again):
                found.setdefault(answer.key, []).append(answer)
        chosen, others = {}, []
        for key, answers in found.items():
            chosen[key], *rest = sorted(answers, key=_rank)
            others += [answer for answer in rest if answer.state != "failed"]
        if others:
            logger.warning(
                "%s/%s: %d requests were answered more than once; the first answers count, the others cost %s",
                self.store.url, self.folder, len({answer.key for answer in others}),
                shown_usd(sum(answer.micro_usd for answer in others)),
            )  # fmt: skip
        return chosen

    def unanswered(self) -> list[Unanswered]:
        """Calls without an answer: those in flight, and those whose process died before it came."""
        return [
            Unanswered(key, writer, micro_usd)
            for writer, segment in sorted(self._segments().items())
            for key, micro_usd in segment.asked.items()
        ]

    def spent(self, reservation: str) -> int | None:
        """What a reservation's calls cost, at most: bills, and calls without an answer at their highest; None: no segment."""
        segment = self.segment(reservation)
        if segment is None:
            return None
        if segment.torn:
            logger.warning(
                "%s/%s/%s.jsonl: its last line is torn: an answer was lost as its process died; its call stays owed",
                self.store.url, self.folder, reservation,
            )  # fmt: skip
        return segment.spent

    def _segments(self) -> Mapping[str, Segment]:
        """Read what is there, by writer; what has not grown since the last time is not read again."""
        for writer, sizes in self._listed().items():
            if writer not in self._read or self._read[writer][0] != sizes:
                self._read[writer] = sizes, self._segment(writer, list(sizes))
        return {writer: segment for writer, (_, segment) in self._read.items()}

    def _listed(self) -> dict[str, dict[str, int]]:
        """The files of each writer in their order, with their sizes."""
        found: dict[str, dict[str, int]] = {}
        for path, listed in sorted(self.store.place.listing(self.folder).items()):
            name = path.removeprefix(f"{self.folder}/")
            if name.rpartition("/")[2].startswith("."):
                continue  # An empty folder, or what NFS keeps of somebody's.
            match = _FILE.fullmatch(name) or _OBJECT.fullmatch(name)
            if match is None or listed.odd is not None:
                raise DamagedJournal(
                    self._where(path), f"{listed.odd or 'a file'} that is no segment"
                )
            files = found.setdefault(match[1], {})
            if match.re is _OBJECT and int(match[2]) != len(files) + 1:
                missing = f"{self.folder}/{match[1]}/{len(files) + 1:08d}.jsonl"
                raise DamagedJournal(self._where(missing), f"missing, but {name} is there")
            files[path] = listed.bytes
        return found

    def _segment(self, writer: str, paths: Sequence[str]) -> Segment:
        contents = dict(self.store.place.read_all(paths))
        for path in paths:
            if path not in contents:
                raise DamagedJournal(self._where(path), "removed while it was read")
            if path.endswith(f"/{writer}.jsonl"):
                continue  # It grows: its end may be on its way.
            if not contents[path].endswith(b"\n"):
                raise DamagedJournal(self._where(path), "its end is missing")
        where = self._where(paths[0])
        try:
            return parse_segment(b"".join(contents[path] for path in paths), writer, where)
        except BadLine as bad:
            before = bad.before
            raise DamagedJournal(
                where + (f" and the {len(paths) - 1} after it" if len(paths) > 1 else ""),
                f"line {bad.number}: {bad.problem} (before it: {len(before.answers):,} answers for "
                f"{shown_usd(before.spent)})",
            ) from bad

    def _where(self, path: str) -> str:
        return f"{self.store.url}/{shown(path, 300)}"


def _rank(answer: Answer) -> tuple[bool, float, str]:
    return answer.state == "failed", answer.asked_at, answer.text
