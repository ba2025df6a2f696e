"""A search whose every step is on disk before anybody acts on it.

The log is a file of JSON lines: what the search is about, when it began and what existed by then, what was asked, what
was told, and why it stopped. A process that dies at any moment loses nothing: the next one reads the log and goes on,
and what was pending is measured again.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from raydoa.costs.plan import plan_from_json
from raydoa.errors import UserError
from raydoa.experiment.accounting import ExistingUnits
from raydoa.search.ask_tell import Proposal, Search
from raydoa.search.journal_entries import entry_of
from raydoa.store.local_storage import LocalStorage
from raydoa.store.storage import OddEntry, mendable

LOG_FILE = "search.jsonl"
_MOST_FAILURES = 3


class Journal:
    """A search and its log.

    Args:
        search: one that has not begun; if the log has lines, it goes on from them.
        path: the log. The caller holds its folder against other processes: a last line that a crash has cut is removed here.
        about: what the search is about: it is written at the top, and a log about something else is refused.
        existing: what existed before it began.

    Attributes:
        search: what is asked and told.
        rows: of the cells that were measured, in the order of telling.
        began: when the search did.
    """

    def __init__(
        self,
        search: Search,
        path: Path,
        about: Mapping[str, Any],
        existing: Sequence[ExistingUnits] = (),
    ) -> None:
        self.search = search
        self.rows: list[dict[str, Any]] = []
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = read_journal(path)
        if not entries:
            self._remove_cut_line()
            self.began = datetime.now(UTC)
            top = {"about": dict(about), "limit_usd": search.limit_usd}
            plain = [{"plan": e.plan.to_json(), "units": dict(e.units)} for e in existing]
            self._write({**top, "began": self.began.isoformat(), "existing": plain})
            return
        _check_version(path, entries)
        if entries[0].get("about") != dict(about):
            raise UserError(
                f"{path}: this log is about another search: {entries[0].get('about')}; give another folder"
            )
        self.began = datetime.fromisoformat(entries[0]["began"])
        self._restore(entries)

    @property
    def asked(self) -> dict[int, Proposal]:
        """Every proposal, by number."""
        return self.search.proposals

    @property
    def pending(self) -> dict[int, Proposal]:
        """What was asked and is not told yet, by number."""
        return self.search.pending

    def ask(self) -> Proposal | None:
        """The next proposal; None while what is pending has to be waited for, and after the end."""
        before = self.search.stopped
        proposal = self.search.ask()
        if proposal is not None:
            self._write({**self.search.to_json()["log"][-1], "number": proposal.number})
        elif self.search.stopped is None and not self.pending:
            self.search.stopped = "nothing is pending, and nothing more is proposed"
        self._note_end(before)
        return proposal

    def tell(
        self,
        number: int,
        score: float | None,
        cost_usd: float | None = None,
        *,
        row: Mapping[str, Any] | None = None,
        why: str = "",
    ) -> None:
        """What came out of a proposal; a second telling changes nothing.

        Args:
            number: the proposal's.
            score: None for a failure.
            cost_usd: what it took; None: what was expected.
            row: of its cell, where there is one; it is kept in the log.
            why: it failed.
        """
        if number not in self.pending:
            return
        before = self.search.stopped
        self.search.tell(number, score, cost_usd)
        entry = self.search.to_json()["log"][-1]
        if row is not None:
            self.rows.append(dict(row))
        more = {"why": why or None, "row": row}
        self._write({**entry, **{name: value for name, value in more.items() if value is not None}})
        self._stop_if_all_fail(why)
        self._note_end(before)

    def _stop_if_all_fail(self, why: str) -> None:
        observed = self.search.observations
        enough = self.search.stopped is None and len(observed) >= _MOST_FAILURES
        if enough and all(observation.score is None for observation in observed):
            last = f"; the last one: {why}" if why else ""
            self.search.stopped = f"the first {len(observed)} measurements have all failed{last}"

    def _note_end(self, before: str | None) -> None:
        if self.search.stopped is not None and before is None:
            self._write({"stopped": self.search.stopped})

    def _restore(self, entries: list[dict[str, Any]]) -> None:
        """Go on from the log. A search that has stopped goes on if its limit was changed since."""
        steps = [entry for entry in entries if "asked" in entry or "told" in entry]
        stopped = None
        for entry in entries:
            stopped = None if "limit_usd" in entry else entry.get("stopped", stopped)
        same_limit = last_limit(entries) == self.search.limit_usd
        saved = {"log": steps, "stopped": stopped if same_limit else None}
        try:
            self.search.restore(saved)
        except UserError as error:
            raise UserError(f"{self._path}: {error}; give another folder") from error
        self.rows = [entry["row"] for entry in entries if "row" in entry]
        self._remove_cut_line()
        if not same_limit:
            self._write({"limit_usd": self.search.limit_usd})

    def _remove_cut_line(self) -> None:
        content = _content(self._path)
        whole = _whole_lines(content)
        if len(whole) < len(content):
            LocalStorage(self._path.parent).write(self._path.name, whole)

    def _write(self, entry: Mapping[str, Any]) -> None:
        with mendable(str(self._path.parent)):
            append = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            with os.fdopen(os.open(self._path, append, 0o666), "w", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
                file.flush()
                os.fsync(file.fileno())


def read_journal(path: Path) -> list[dict[str, Any]]:
    """The entries of a log; none if it is not there. A last line without its end, which is being written or was cut, is none.

    Raises:
        UserError: a line is none of a log; or it is a folder or a symbolic link, through which nothing is read.
    """
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(_whole_lines(_content(path)).splitlines(), start=1):
        try:
            entries.append(entry_of(line))
        except ValueError as error:
            raise UserError(f"{path}:{number}: no line of a search's log ({error})") from error
    return entries


def _content(path: Path) -> bytes:
    try:
        return LocalStorage(path.parent).read(path.name)
    except FileNotFoundError:
        return b""
    except OddEntry as odd:
        raise UserError(f"{odd}; expected the log of a search") from odd


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def read_existing(path: Path) -> list[ExistingUnits] | None:
    """What existed before a search began, as its log says; None if it has not begun."""
    entries = read_journal(path)
    if not entries:
        return None
    _check_version(path, entries)
    return [ExistingUnits(plan_from_json(e["plan"]), e["units"]) for e in entries[0]["existing"]]


def _check_version(path: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a log whose plans are none: it is of a raydoa whose logs had no ``existing``."""
    if "existing" not in entries[0]:
        raise UserError(f"{path}: an older raydoa wrote this log; give another folder")


def last_limit(entries: Sequence[Mapping[str, Any]]) -> float | None:
    """The limit that was given last."""
    limits = [entry["limit_usd"] for entry in entries if "limit_usd" in entry]
    return limits[-1] if limits else None
