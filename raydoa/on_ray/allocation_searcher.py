"""The search for the best allocation, as Ray Tune sees it: a `Searcher` whose every step is in a log.

Tune asks for a configuration per trial and is given the cell of a proposal. Tune saves its own state now and then;
the log (`raydoa.search.journal`) is written at every step, before anybody acts on it, and has the last word: after a
kill -9, whatever was pending is proposed again to new trials, and what the old ones have made is in the store.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from raydoa.errors import UserError
from raydoa.experiment.result_row import row_of
from raydoa.search.ask_tell import Proposal
from raydoa.search.cells import score_of
from raydoa.search.journal import Journal, last_limit, read
from raydoa.search.setup import SearchSetup
from raydoa.search.spending import Bills


class AllocationSearcher(Searcher):
    """Suggests the cells of proposals, and tells what came out.

    Tune pickles it with the experiment, and brings it back in another process: what is kept is how to open the log.

    Args:
        seeking: the search.
        at_once: trials at a time.
    """

    def __init__(self, seeking: SearchSetup, at_once: int) -> None:
        super().__init__()
        self._seeking = seeking
        self._at_once = at_once
        self._cells = seeking.cells
        self._book: Journal | None = None
        self._running: dict[str, int] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return AllocationSearcher, (self._seeking, self._at_once)

    @property
    def book(self) -> Journal:
        """The log, opened when it is first needed."""
        if self._book is None:
            # The limit may have been changed since Tune has pickled this: the log knows the last one.
            limit = last_limit(read(self._seeking.log_path))
            limit = self._seeking.limit_usd if limit is None else limit
            self._book = replace(self._seeking, limit_usd=limit).open_log()
            resolved = self._seeking.resolved
            self._bills = Bills(resolved.study, resolved.context.store, self._book.began)
            for number, entry in enumerate(self._book.search.state()["log"]):
                if "asked" in entry:
                    self._bills.asked(number, self._cells.of(self._book.asked[number]))
                elif entry["score"] is None:
                    self._bills.failed(entry["told"])
        return self._book

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Tune calls this with its settings; the search knows what it is for."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The configuration of a trial; None to wait; `FINISHED` once nothing more will come."""
        if len(self._running) >= self._at_once:
            return None
        proposal = self._next()
        if proposal is None:
            return str(Searcher.FINISHED) if self.book.search.stopped is not None else None
        self._running[trial_id] = proposal.number
        cell = self._cells.of(proposal.candidate)
        self._bills.asked(proposal.number, cell)
        self._say(f"measuring {cell.name} for ${proposal.cost_usd:,.4f}: {proposal.why}")
        labels = self.book.labels_incurred(proposal.number)
        return {"cell": {**asdict(cell), "labels_incurred": labels}, "proposal": proposal.number}

    def _next(self) -> Proposal | None:
        """What lost its trial in a crash, first; then what the search asks."""
        lost = sorted(set(self.book.pending) - set(self._running.values()))
        return self.book.pending[lost[0]] if lost else self.book.ask()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """A trial reports once, at its end."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell what came out. A trial that ends without a row or an error was interrupted, and stays pending."""
        number = self._running.pop(trial_id, None)
        if number is None:
            return
        if error:
            self.book.tell(number, None, why=f"trial {trial_id} failed")
            self._bills.failed(number)
            self._say(f"trial {trial_id} failed, {self._cells.of(self.book.asked[number]).name}")
        elif result is not None and "schema" in result:
            self._tell_row(number, result)

    def _tell_row(self, number: int, row: dict[str, Any]) -> None:
        cell, score = self._cells.of(self.book.asked[number]), score_of(row)
        if row["feasible"]:
            cost = self._bills.bill(number, cell, self.book.labels_incurred(number))
            why = "" if score is not None else "no score"
            self.book.tell(number, score, cost, row=row_of(row), why=why)
        else:
            self.book.tell(number, None, 0.0, row=row_of(row), why=row["infeasible_reason"])
        if score is None:
            self._bills.failed(number)
        self._say(f"{'no score' if score is None else f'{score:.4f}'} from {cell.name}")

    def save(self, checkpoint_path: str) -> None:
        """How long the log is; what it says is in it."""
        Path(checkpoint_path).write_text(json.dumps({"entries": self.book.entries}), "utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Read what `save` wrote, and check that the log has lost nothing since.

        Raises:
            UserError: it has.
        """
        saved = json.loads(Path(checkpoint_path).read_text("utf-8"))["entries"]
        if self.book.entries < saved:
            raise UserError(
                f"{self._seeking.result_dir}: the search's log has {self.book.entries} lines, and had {saved}; it was "
                "cut or removed: bring it back, or remove the whole folder to begin again"
            )

    def _say(self, what: str) -> None:
        search = self.book.search
        spent = f"${search.spent_usd:,.2f} of ${search.limit_usd:,.2f}"
        sys.stderr.write(f"[{len(search.observations)} measured, {spent}] {what}\n")
        sys.stderr.flush()
