"""A search whose every step is on disk before anybody acts on it.

The log is a file of JSON lines: what the search is about, when it began and what was in the store by then, what was
asked, what was told, and why it stopped. A process
that dies at any moment loses nothing: the next one reads the log and goes on, and what was pending is measured again.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.search.ask_tell import Proposal, Search, candidate_from, plain
from raydoa.search.costs import Costs
from raydoa.search.holdings import Candidate, Holdings

LOG_FILE = "search.jsonl"
_MOST_FAILURES = 3


class Journal:
    """A search and its log.

    Args:
        search: one that has not begun; if the log has lines, it goes on from them.
        path: the log.
        about: what the search is about: it is written at the top, and a log about something else is refused.

    Attributes:
        search: what is asked and told.
        pending: what was asked and is not told yet, by number.
        asked: every candidate that was ever asked, by number.
        rows: of the cells that were measured, in the order of telling.
        entries: lines of the log.
        began: when the search did.
        ended_once: whether the search has stopped at some time, even if a new limit lets it go on.
    """

    def __init__(self, search: Search, path: Path, about: Mapping[str, Any]) -> None:
        self.search = search
        self.pending: dict[int, Proposal] = {}
        self.asked: dict[int, Candidate] = {}
        self.rows: list[dict[str, Any]] = []
        self.entries = 0
        self.ended_once = False
        self._path = path
        self._labels = search.space.costs.owned
        self._bought: dict[int, int] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = read(path)
        if not entries:
            self.began = datetime.now(UTC)
            top = {"about": dict(about), "limit_usd": search.limit_usd}
            self._write({**top, "began": self.began.isoformat(), "there": _plain(search.there)})
            return
        if entries[0].get("about") != dict(about):
            raise UserError(
                f"{path}: this log is about another search: {entries[0].get('about')}; give another folder"
            )
        if "began" not in entries[0]:
            raise UserError(f"{path}: an older raydoa wrote this log; give another folder")
        self.began = datetime.fromisoformat(entries[0]["began"])
        self._bring_back(entries)

    def ask(self) -> Proposal | None:
        """The next proposal; None while what is pending has to be waited for, and after the end."""
        before = self.search.stopped
        proposal = self.search.ask()
        if proposal is not None:
            self.pending[proposal.number] = proposal
            self._note(proposal.number, proposal.candidate)
            state = self.search.state()
            about = {"number": proposal.number, "queue": state["queue"]}
            self._write({**state["log"][-1], **about})
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
        """What came out of a proposal; told twice, it is heard once.

        Args:
            number: the proposal's.
            score: None for a failure.
            cost_usd: what it took; None: what was expected.
            row: of the cell, where there is one; it is kept in the log.
            why: it failed.
        """
        if number not in self.pending:
            return
        before = self.search.stopped
        self.search.tell(number, score, cost_usd)
        del self.pending[number]
        entry = self.search.state()["log"][-1]
        if row is not None:
            self.rows.append(dict(row))
        more = {"why": why or None, "row": row}
        self._write({**entry, **{name: value for name, value in more.items() if value is not None}})
        self._stop_if_all_fail(why)
        self._note_end(before)

    def labels_incurred(self, number: int) -> int:
        """Labels that a proposal is the first to buy."""
        return self._bought[number]

    def _stop_if_all_fail(self, why: str) -> None:
        told = self.search.observations
        enough = self.search.stopped is None and len(told) >= _MOST_FAILURES
        if enough and all(observation.score is None for observation in told):
            last = f"; the last one: {why}" if why else ""
            self.search.stopped = f"the first {len(told)} measurements have all failed{last}"

    def _note_end(self, before: str | None) -> None:
        if self.search.stopped is not None and before is None:
            self._write({"stopped": self.search.stopped})

    def _note(self, number: int, candidate: Candidate) -> None:
        self.asked[number] = candidate
        labels = candidate.point.labels
        self._bought[number] = max(0, labels - self._labels)
        self._labels = max(self._labels, labels)

    def _bring_back(self, entries: list[dict[str, Any]]) -> None:
        """Go on from the log. A search that has stopped goes on if its limit was changed since."""
        steps = [entry for entry in entries if "asked" in entry or "told" in entry]
        asked = [entry for entry in steps if "asked" in entry]
        stopped = None
        for entry in entries:
            stopped = None if "limit_usd" in entry else entry.get("stopped", stopped)
        same_limit = last_limit(entries) == self.search.limit_usd
        state = {
            "log": steps,
            "queue": asked[-1]["queue"] if asked else [],
            "stopped": stopped if same_limit else None,
        }
        self.pending = {p.number: p for p in self.search.restore(state)}
        for entry in asked:
            self._note(entry["number"], candidate_from(entry["asked"]))
        self.rows = [entry["row"] for entry in entries if "row" in entry]
        self.entries = len(entries)
        self.ended_once = any("stopped" in entry for entry in entries)
        if not same_limit:
            self._write({"limit_usd": self.search.limit_usd})

    def _write(self, entry: Mapping[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.entries += 1


def read(path: Path) -> list[dict[str, Any]]:
    """The entries of a log; a last line that was cut off by a crash is none, and is removed."""
    if not path.exists():
        return []
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        os.truncate(path, len(whole))
    entries: list[dict[str, Any]] = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise UserError(f"{path}:{number}: no line of a search's log ({error})") from error
    return entries


def _plain(there: Holdings) -> dict[str, Any]:
    return {
        "rows": [[*artifact, rows] for artifact, rows in sorted(there.rows.items())],
        "measured": [plain(candidate) for candidate in sorted(there.measured)],
    }


def was_there(path: Path, costs: Costs) -> Holdings | None:
    """What existed before a search began, as its log says; None if it has not begun."""
    begun = read(path)
    if not begun:
        return None
    there = begun[0].get("there", {"rows": [], "measured": []})  # Such a log is refused.
    rows = {(name, labels, repeat): u for name, labels, repeat, u in there["rows"]}
    return Holdings(costs, rows=rows, measured={candidate_from(c) for c in there["measured"]})


def last_limit(entries: Sequence[Mapping[str, Any]]) -> float | None:
    """The limit that was given last."""
    limits = [entry["limit_usd"] for entry in entries if "limit_usd" in entry]
    return limits[-1] if limits else None
