"""A search whose every step is on disk before anybody acts on it.

The log is a file of JSON lines: what the search is about, what was asked, what was told, and why it stopped. A process
that dies at any moment loses nothing: the next one reads the log and goes on, and what was pending is measured again.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raydoa.mistakes import UserMistake
from raydoa.search.asking import Proposal, Search

LOG_FILE = "search.jsonl"
_MOST_FAILURES = 3


class Logbook:
    """A search and its log.

    Args:
        search: one that has not begun; if the log has lines, it goes on from them.
        path: the log.
        about: what the search is about: it is written at the top, and a log about something else is refused.

    Attributes:
        search: what is asked and told.
        pending: what was asked and is not told yet, by number.
        trials: the trial that was last given each proposal, by number.
    """

    def __init__(self, search: Search, path: Path, about: Mapping[str, Any]) -> None:
        self.search = search
        self.pending: dict[int, Proposal] = {}
        self.trials: dict[int, str] = {}
        self._path = path
        self._labels = search.space.costs.owned
        self._bought: dict[int, int] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        entries = read(path)
        if not entries:
            self._write({"about": dict(about), "limit_usd": search.limit_usd})
            return
        if entries[0].get("about") != dict(about):
            raise UserMistake(
                f"{path}: this log is about another search: {entries[0].get('about')}; give another folder"
            )
        self._bring_back(entries)

    def ask(self, trial: str) -> Proposal | None:
        """The next proposal, for a trial; None while what is pending has to be waited for, and after the end."""
        before = self.search.stopped
        proposal = self.search.ask()
        if proposal is not None:
            self.pending[proposal.number] = proposal
            self.trials[proposal.number] = trial
            self._buy(proposal.number, proposal.candidate.point.labels)
            state = self.search.state()
            entry = {**state["log"][-1], "number": proposal.number, "queue": state["queue"]}
            self._write({**entry, "trial": trial})
        elif self.search.stopped is None and not self.pending:
            self.search.stopped = "nothing is pending, and nothing more is proposed"
        self._note_end(before)
        return proposal

    def again(self, number: int, trial: str) -> Proposal:
        """A pending proposal, for another trial than the one that was lost."""
        self.trials[number] = trial
        self._write({"again": True, "number": number, "trial": trial})
        return self.pending[number]

    def tell(
        self, number: int, score: float | None, cost_usd: float | None = None, why: str = ""
    ) -> None:
        """What came out of a proposal; told twice, it is heard once.

        Args:
            number: the proposal's.
            score: None for a failure.
            cost_usd: what it took; None: what was expected.
            why: it failed.
        """
        if number not in self.pending:
            return
        before = self.search.stopped
        self.search.tell(number, score, cost_usd)
        del self.pending[number]
        entry = self.search.state()["log"][-1]
        self._write({**entry, **({"why": why} if why else {})})
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

    def _buy(self, number: int, labels: int) -> None:
        self._bought[number] = max(0, labels - self._labels)
        self._labels = max(self._labels, labels)

    def _bring_back(self, entries: list[dict[str, Any]]) -> None:
        """Go on from the log. A search that has stopped goes on if its limit was changed since."""
        steps = [entry for entry in entries if "asked" in entry or "told" in entry]
        asked = [entry for entry in steps if "asked" in entry]
        limit, stopped = None, None
        for entry in entries:
            limit = entry.get("limit_usd", limit)
            stopped = None if "limit_usd" in entry else entry.get("stopped", stopped)
        same_limit = limit == self.search.limit_usd
        state = {
            "log": steps,
            "queue": asked[-1]["queue"] if asked else [],
            "stopped": stopped if same_limit else None,
        }
        self.pending = {p.number: p for p in self.search.restore(state)}
        for entry in asked:
            self._buy(entry["number"], entry["asked"]["point"]["labels"])
        for entry in entries:
            if "trial" in entry:
                self.trials[entry["number"]] = entry["trial"]
        if not same_limit:
            self._write({"limit_usd": self.search.limit_usd})

    def _write(self, entry: Mapping[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())


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
            raise UserMistake(f"{path}:{number}: no line of a search's log ({error})") from error
    return entries
