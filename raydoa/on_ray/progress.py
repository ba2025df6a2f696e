"""Live progress of a sweep: trials done, stages running, and what is left: its price, and its time.

The price of what is left is known exactly, since the forecast names every stage; nothing is bought. Time left is what
the missing stages take at the pace of those of their kind and model that were made in this run, as many at a time as so
far; while some kind has not been seen yet, the estimate says "over".
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import ray
from ray.tune import Callback
from ray.tune.experiment import Trial

from raydoa.costs.plan import Plan
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.schedule import Schedule
from raydoa.llm.in_use import Doors
from raydoa.money import shown_usd
from raydoa.on_ray.build_registry import Status, find_registry
from raydoa.on_ray.llm_doors import ClusterDoors
from raydoa.on_ray.plan_trial import trial_plan
from raydoa.pipeline.file_locks import FileLocks
from raydoa.store.store import Store

_EVERY_SECONDS = 5.0


class Progress(Callback):
    """Writes a line to standard error every few seconds, and when the last trial is done.

    Args:
        forecast: of the sweep.
        store: where its stages are.
        finished: plans that have their rows from an earlier run.
        doors: who counts what LLMs are asked, if any are.
        order: of the plans, where one seed comes after the other.
    """

    def __init__(
        self,
        forecast: Forecast,
        store: Store,
        finished: Iterable[Plan],
        doors: Doors | None = None,
        order: Schedule | None = None,
    ) -> None:
        self._doors = doors
        self._order = order
        self._forecast = forecast
        self._store = store
        self._locks = FileLocks(store)
        self._done: set[Plan] = set()
        self._terminated: set[str] = set()
        self._missing = set(forecast.stages)
        self._unbought = {plan: t.purchased_usd for plan, t in forecast.trials.items()}
        self._pace: defaultdict[str, list[float]] = defaultdict(list)
        self._started = time.monotonic()
        self._written = 0.0
        self._seen: int | None = None
        self._asking_since: dict[str, tuple[float, int]] = {}
        for plan in finished:
            self._finish(plan)

    def setup(self, **info: Any) -> None:
        """Tune calls this before the first trial: what earlier sweeps made is not left to make."""
        self._missing -= set(self._store.keys())

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune calls this several times a second."""
        if time.monotonic() - self._written >= _EVERY_SECONDS:
            self._look(trials)
            self._write()

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """The last line."""
        self._look(trials)
        self._write()

    def _look(self, trials: list[Any]) -> None:
        """What finished trials needed exists, whoever made it."""
        for trial in trials:
            if trial.status == Trial.TERMINATED and trial.trial_id not in self._terminated:
                self._terminated.add(trial.trial_id)
                self._finish(trial_plan(trial.config))

    def _finish(self, plan: Plan) -> None:
        self._done.add(plan)
        self._missing -= self._forecast.needs(plan)
        self._unbought.pop(plan, None)

    def _write(self) -> None:
        job = ray.get_runtime_context().get_job_id()
        status: Status = ray.get(find_registry().status.remote(job, self._seen))
        self._seen = status.count
        made = {str(self._locks.path(key)): key for key in self._missing}
        for label, lock, seconds in status.made:
            if lock in made:
                self._missing.discard(made[lock])
                self._pace[label].append(seconds)
        running = ", ".join(f"{n} x {label}" for label, n in sorted(status.running.items()))
        elapsed = time.monotonic() - self._started
        line = (
            f"[{_clock(elapsed)}] {len(self._done)}/{len(self._forecast.trials)} trials; {self._seed()}"
            f"running: {running or 'nothing'}; what is left is priced at ${self._dollars_left():,.2f}; {self._time_left(elapsed)}"
        )
        sys.stderr.write("\n".join([line, *self._llm_lines(elapsed)]) + "\n")
        sys.stderr.flush()
        self._written = time.monotonic()

    def _seed(self) -> str:
        """The seed that is being measured: the first in the order that lacks a plan."""
        if self._order is None:
            return ""
        seeds = self._order.seeds
        left = (plan.seed for plan in self._order.plans if plan not in self._done)
        seed = next(left, seeds[-1])
        return f"seed {seed} ({seeds.index(seed) + 1} of {len(seeds)}); "

    def _llm_lines(self, elapsed: float) -> list[str]:
        """Of each LLM that is being asked: answers, dollars, and the time that is left at this pace.

        The first answers tell how long one takes and nothing of the pace.
        """
        lines = []
        for name, asked in (
            self._doors.asked() if isinstance(self._doors, ClusterDoors) else {}
        ).items():
            if not 0 <= asked.answered < asked.wanted:
                self._asking_since.pop(name, None)
                continue
            since, before = self._asking_since.setdefault(name, (elapsed, asked.answered))
            answered, time_left = asked.answered - before, "time left: not known yet"
            if answered >= asked.at_a_time:
                left = (asked.wanted - asked.answered) * (elapsed - since) / answered
                time_left = f"about {_clock(left)} left"
            lines.append(
                f"  LLM {name}: {asked.answered:,} of {asked.wanted:,} calls answered, {shown_usd(asked.micro_usd)}; {time_left}"
            )
        return lines

    def _dollars_left(self) -> float:
        stages = sum(self._forecast.stages[key].cost_usd for key in self._missing)
        return stages + sum(self._unbought.values())

    def _time_left(self, elapsed: float) -> str:
        if not self._missing:
            return "no stages left"
        made_seconds = sum(sum(seconds) for seconds in self._pace.values())
        at_a_time = max(1.0, made_seconds / elapsed) if elapsed > 0 else 1.0
        labels = [self._forecast.stages[key].label for key in self._missing]
        timed = [label for label in labels if self._pace[label]]
        if not timed:
            return "time left: not known yet"
        seconds = (
            sum(sum(self._pace[label]) / len(self._pace[label]) for label in timed) / at_a_time
        )
        return f"{'over' if len(timed) < len(labels) else 'about'} {_clock(seconds)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
