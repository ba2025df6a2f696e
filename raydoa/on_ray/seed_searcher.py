"""Tune's own searcher of given points, with the turns of seeds: a plan waits while others than its seed's keep all devices at work."""

from collections.abc import Sequence
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.search import BasicVariantGenerator

from raydoa.experiment.schedule import SeedTurns


class SeedSearcher(BasicVariantGenerator):
    """Gives the configurations in their order, at most ``at_once`` at a time.

    Args:
        points: configurations of `raydoa.on_ray.plan_trial.trial_config`.
        at_once: trials that may have begun.
        turns: which seeds wait for which.
    """

    # Not `grid_search`: for each of its trials Tune copies the whole grid, which takes 0.1 s of 10,000 cells.
    def __init__(self, points: Sequence[dict[str, Any]], at_once: int, turns: SeedTurns) -> None:
        super().__init__(list(points), at_once)
        self._seeds = [point["trial"]["seed"] for point in reversed(points)]
        self._turns = turns
        self._seed_of: dict[str, int] = {}

    def next_trial(self) -> Trial | None:
        """Tune calls this until it gets None, for which there may be many reasons; it asks again."""
        if self._seeds and not self._turns.may_begin(self._seeds[-1]):
            return None
        trial = super().next_trial()
        if trial is not None:
            self._seed_of[trial.trial_id] = self._seeds.pop()
            self._turns.begins(self._seed_of[trial.trial_id])
        return trial

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tune calls this when a trial has ended, however; a failure that it tries again is no end."""
        super().on_trial_complete(trial_id, result, error)
        seed = self._seed_of.pop(trial_id, None)
        if seed is not None:
            self._turns.ends(seed)
