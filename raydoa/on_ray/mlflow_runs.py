"""Tune's MLflow logger with one run per cell, also where a killed sweep is resumed. Imported only if it is wanted."""

from typing import Any

import mlflow
from ray.air.integrations.mlflow import MLflowLoggerCallback

from raydoa.on_ray.ray_internals import attach_mlflow_run


class MlflowRuns(MLflowLoggerCallback):
    """Resumes the runs of a killed process, instead of leaving them "running" for ever.

    A run is recognised by its name, which is its cell's and unique within a sweep.
    """

    def __init__(self, experiment: str) -> None:
        super().__init__(experiment_name=experiment)
        self._interrupted: dict[str, str] = {}

    def setup(self, *args: Any, **info: Any) -> None:
        """Look up the interrupted runs."""
        super().setup(*args, **info)
        runs = mlflow.search_runs(
            experiment_names=[self.experiment_name],
            filter_string="attributes.status = 'RUNNING'",
            output_format="list",
        )
        self._interrupted = {run.info.run_name: run.info.run_id for run in runs}

    def log_trial_start(self, trial: Any) -> None:
        """Start a run, or resume one."""
        if str(trial) in self._interrupted:
            attach_mlflow_run(self, trial, self._interrupted.pop(str(trial)))
        super().log_trial_start(trial)
