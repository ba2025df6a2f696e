"""Tune's MLflow logger with one run a cell, where a sweep was killed and goes on too. Imported only if it is wanted."""

from typing import Any

import mlflow
from ray.air.integrations.mlflow import MLflowLoggerCallback


class MlflowRuns(MLflowLoggerCallback):
    """Goes on with runs that a killed process has left, instead of leaving them "running" for ever.

    A run is recognised by its name, which is its cell's and unique within a sweep.
    """

    def __init__(self, experiment: str) -> None:
        super().__init__(experiment_name=experiment)
        self._left: dict[str, str] = {}

    def setup(self, *args: Any, **info: Any) -> None:
        """Find what was left."""
        super().setup(*args, **info)
        runs = mlflow.search_runs(
            [self.mlflow_util.experiment_id],
            filter_string="attributes.status = 'RUNNING'",
            output_format="list",
        )
        self._left = {run.info.run_name: run.info.run_id for run in runs}

    def log_trial_start(self, trial: Any) -> None:
        """Begin a run, or go on with one."""
        if str(trial) in self._left:
            self._trial_runs[trial] = self._left.pop(str(trial))
        super().log_trial_start(trial)
