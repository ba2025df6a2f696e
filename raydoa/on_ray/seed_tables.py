"""First answers: when all plans of a seed are measured, the sweep says its table so far and writes its page.

Tune's loop waits for nothing of that: rows are read, and the page is written, in a thread. Rows of this run are where Tune has
them first: it copies them into the result dir every few minutes. What cannot be said, because a
row is damaged or a disk is full, is a warning; the rows stay, and the sweep goes on.

Each seed is said once, in the run that measures its last plan. A sweep that goes on after a stop does not repeat those that
were done before; the next table has them. The last seed is the end of the sweep, which has a table and a page of its own.
"""

import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ray.tune import Callback

from raydoa.costs.plan import Plan
from raydoa.errors import UserError
from raydoa.experiment.schedule import Schedule
from raydoa.experiment.study import Study
from raydoa.on_ray.plan_trial import trial_plan

logger = logging.getLogger(__name__)


class SeedTables(Callback):
    """Writes the table after each seed but the last to standard error.

    Args:
        order: of all plans of the sweep.
        finished: those that have their rows from an earlier run.
        study: the sweep's.
        result_dir: where rows are, and the page goes.
    """

    def __init__(
        self, order: Schedule, finished: Iterable[Plan], study: Study, result_dir: Path
    ) -> None:
        self._study = study
        self._result_dir = result_dir
        self._earlier = frozenset(finished)
        self._measured = set(self._earlier)
        self._failed: set[Plan] = set()
        self._plans: Mapping[int, set[Plan]] = {
            seed: {plan for plan in order.plans if plan.seed == seed} for seed in order.seeds
        }
        self._done = [seed for seed in self._plans if self._plans[seed] <= self._measured]
        self._saying = threading.Thread()

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune calls this when a trial has ended, and has written its rows; one that was stopped may lack them."""
        if "schema" in (trial.last_result or {}):
            self._measured.add(trial_plan(trial.config))
            self._look(trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune calls this when it gives a trial up."""
        self._failed.add(trial_plan(trial.config))
        self._look(trial)

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """What follows is the end of the sweep."""
        self._finish_saying()

    def _look(self, ended: Any) -> None:
        seed = trial_plan(ended.config).seed
        if seed in self._done or not self._plans[seed] <= self._measured | self._failed:
            return
        self._done.append(seed)
        self._finish_saying()
        if len(self._done) < len(self._plans):
            done = {plan for s in self._done for plan in self._plans[s]} & self._measured
            places = {
                self._result_dir: self._ids(done & self._earlier),
                Path(ended.local_experiment_path): self._ids(done - self._earlier),
            }
            said = (self._line(seed), tuple(self._done), places)
            self._saying = threading.Thread(target=self._say, args=said, daemon=True)
            self._saying.start()

    def _ids(self, plans: Iterable[Plan]) -> frozenset[str]:
        return frozenset(self._study.plan_id(plan) for plan in plans)

    def _finish_saying(self) -> None:
        """One table after the other; by the next seed's end the last one was said long ago."""
        if self._saying.ident is not None:
            self._saying.join()

    def _line(self, seed: int) -> str:
        plans, counted = self._plans[seed], f"{len(self._done)} of {len(self._plans)}"
        failed = len(plans & self._failed)
        came_out = (
            f"{len(plans) - failed} of {len(plans)} plans are measured, {failed} failed"
            if failed
            else f"all {len(plans)} plans are measured"
        )
        return f"seed {seed} is done ({counted}): {came_out}; table so far:"

    def _say(self, line: str, seeds: tuple[int, ...], plans: Mapping[Path, frozenset[str]]) -> None:
        # Imported here: what reckons with seeds takes a second, which is the thread's.
        from raydoa.report.answers import cells_of_seeds, sweep_lines, write_sweep_page

        listed = ", ".join(map(str, seeds))
        goes_on = f"the sweep goes on: these are seeds {listed}, {len(seeds)} of {len(self._plans)}"
        try:
            cells = cells_of_seeds(self._result_dir, seeds, plans)
            lines = [line, *sweep_lines(cells, self._study.unit_costs.book.scaled)]
            lines.append(str(write_sweep_page(cells, self._result_dir, [goes_on])))
        except (UserError, OSError) as error:
            logger.warning("%s no table of it, the sweep goes on: %s", line, error)
            return
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
