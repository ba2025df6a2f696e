"""The search for the best plan, as Ray Tune sees it: a `Searcher` whose every step is in a log.

Tune asks for a configuration per trial and is given the plan of a proposal. The log (`raydoa.search.journal`) is written
at every step, before anybody acts on it, and is all that a search goes on from: after a kill -9, whatever was pending is
proposed again to new trials, and what the old ones have made is in the store.
"""

import sys
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from raydoa.costs.plan import Plan
from raydoa.experiment.accounting import bought_items
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.result_row import row_of
from raydoa.experiment.search_accounting import IncurredCosts
from raydoa.on_ray.plan_trial import trial_config
from raydoa.search.ask_tell import Proposal
from raydoa.search.journal import Journal
from raydoa.search.setup import cell_of


class PlanSearcher(Searcher):
    """Suggests the plans of proposals, ``at_once`` trials at a time, and tells the log what came out."""

    def __init__(self, journal: Journal, resolved: Resolved, at_once: int) -> None:
        super().__init__()
        self.journal = journal
        self._study = resolved.study
        self._at_once = at_once
        self._running: dict[str, int] = {}
        self._incurred = IncurredCosts(resolved.study, resolved.context.store, journal.began)
        for number, entry in enumerate(journal.search.to_json()["log"]):
            if "asked" in entry:
                self._incurred.asked(number, journal.asked[number].plan)
            elif entry["score"] is None:
                self._incurred.failed(entry["told"])

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
            return str(Searcher.FINISHED) if self.journal.search.stopped is not None else None
        self._running[trial_id] = proposal.number
        self._incurred.asked(proposal.number, proposal.plan)
        cell = cell_of(proposal.plan, self.journal.search.space)
        self._say(f"measuring {cell.name} for ${proposal.cost_usd:,.4f}: {proposal.why}")
        return trial_config(proposal.plan, [cell], self._purchased(proposal), self._study)

    def _next(self) -> Proposal | None:
        """What lost its trial in a crash, first; then what the search asks."""
        lost = sorted(set(self.journal.pending) - set(self._running.values()))
        return self.journal.pending[lost[0]] if lost else self.journal.ask()

    def _purchased(self, proposal: Proposal) -> dict[str, int]:
        """Units of what is bought and not made that a proposal was the first to ask for."""
        bought = bought_items(proposal.plan, self.journal.search.space.question)
        return {item: proposal.units[item] for item in bought}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell what came out. A trial that ends without a row or an error was interrupted, and stays pending."""
        number = self._running.pop(trial_id, None)
        if number is None:
            return
        if error:
            plan = self.journal.asked[number].plan
            self.journal.tell(number, None, why=f"trial {trial_id} failed")
            self._incurred.failed(number)
            self._say(f"trial {trial_id} failed, {self._name(plan)}")
        elif result is not None and "schema" in result:
            self._tell_row(self.journal.asked[number], row_of(result))

    def _tell_row(self, proposal: Proposal, row: dict[str, Any]) -> None:
        number, score = proposal.number, row["score"]
        cost = self._incurred.usd(number, proposal.plan, self._purchased(proposal))
        self.journal.tell(number, score, cost, row=row, why="" if score is not None else "no score")
        if score is None:
            self._incurred.failed(number)
        came_out = "no score" if score is None else f"{score:.4f}"
        self._say(f"{came_out} from {self._name(proposal.plan)}")

    def _name(self, plan: Plan) -> str:
        return cell_of(plan, self.journal.search.space).name

    def save(self, checkpoint_path: str) -> None:
        """Nothing: Tune calls this now and then, and the log is written already."""
        Path(checkpoint_path).touch()

    def _say(self, what: str) -> None:
        search = self.journal.search
        priced = f"priced at ${search.spent_usd:,.2f} of ${search.limit_usd:,.2f}"
        sys.stderr.write(f"[{len(search.observations)} measured, {priced}] {what}\n")
        sys.stderr.flush()
