"""Experiment tracking in MLflow, Weights & Biases or TensorBoard, by Tune's own loggers.

A trial reports one row, at its end, so a tracker gets a table rather than curves: one run per cell, named after it, with
the cell as parameters and what was measured and paid as metrics. These are copies. The rows are in the result dir,
nothing of ours reads a tracker, and one that fails is dropped while the sweep continues.
"""

import importlib.util
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ray.tune.logger import LoggerCallback, TBXLoggerCallback
from ray.tune.result import TRAINING_ITERATION

from raydoa.errors import UserError
from raydoa.experiment.cell import Cell
from raydoa.experiment.result_row import columns_of, items_in

logger = logging.getLogger(__name__)

_MLFLOW_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_PARAMETERS = {field.name for field in fields(Cell)} | {"schema"}


class Trackers(LoggerCallback):
    """Forwards trials to Tune's loggers (``names`` of `TRACKERS`), and of a result the row's numbers.

    They are created when the experiment starts, so that what they need is loaded only then.
    """

    def __init__(self, names: Sequence[str], experiment: str) -> None:
        self._names = tuple(names)
        self._experiment = experiment
        self._loggers: dict[str, LoggerCallback] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Trackers, (self._names, self._experiment)

    def setup(self, **info: Any) -> None:
        """Tune calls this first. Raises `UserError`: a tracker refuses to start, as Weights & Biases does without a key."""
        for name in self._names:
            tracker = TRACKERS[name].logger(self._experiment)
            try:
                tracker.setup(**info)
            except ValueError as error:
                raise UserError(f"trackers: {name}: {' '.join(str(error).split())}") from error
            self._loggers[name] = tracker

    def log_trial_start(self, trial: Any) -> None:
        """Start a run, with the cell as its parameters."""
        self._forward(lambda tracker: tracker.log_trial_start(trial))

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Log the row: each number is a request or a file entry, so what the parameters have is left out."""
        numbers = measured_numbers(result)
        self._forward(lambda tracker: tracker.log_trial_result(iteration, trial, dict(numbers)))

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """End the run."""
        self._forward(lambda tracker: tracker.log_trial_end(trial, failed=failed))

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Wait for uploads."""
        self._forward(lambda tracker: tracker.on_experiment_end(trials, **info))

    def _forward(self, call: Callable[[LoggerCallback], object]) -> None:
        for name, tracker in list(self._loggers.items()):
            try:
                call(tracker)
            # Any error: a tracker is somebody else's code and server, and must not cost what the sweep has paid for.
            except Exception:
                del self._loggers[name]
                logger.warning(
                    "%s failed and is not used any more in this run; the sweep continues, and its rows are in its result dir",
                    name,
                    exc_info=True,
                )


def measured_numbers(result: Mapping[str, Any]) -> dict[str, float]:
    """The row's numbers that are not part of the cell, and Tune's count of results, which its loggers need."""
    names = [name for name in columns_of(items_in(result)) if name not in _PARAMETERS]
    numbers = {
        name: float(result[name]) for name in names if isinstance(result.get(name), int | float)
    }
    return {**numbers, TRAINING_ITERATION: result[TRAINING_ITERATION]}


def check_trackers(names: Sequence[str]) -> None:
    """Check trackers before anything runs. Raises `UserError`: a package is missing, or MLflow's server does not answer."""
    for name in names:
        package = TRACKERS[name].package
        if importlib.util.find_spec(package) is None:
            raise UserError(
                f"trackers: {name} needs the package {package}, which is not installed; "
                f'pip install "raydoa[{name}]"'
            )
    if "mlflow" in names:
        _check_mlflow()


def _check_mlflow() -> None:
    from mlflow import MlflowClient, get_tracking_uri
    from mlflow.exceptions import MlflowException

    retries = os.environ.get(_MLFLOW_RETRIES)
    # By default it retries for minutes, which suits a server that is busy.
    os.environ[_MLFLOW_RETRIES] = "0"
    try:
        MlflowClient().search_experiments(max_results=1)
    except MlflowException as error:
        cause = " ".join(str(error).split())
        raise UserError(
            f"trackers: MLflow at {get_tracking_uri()} does not answer; start it, or set MLFLOW_TRACKING_URI: {cause}"
        ) from error
    finally:
        if retries is None:
            del os.environ[_MLFLOW_RETRIES]
        else:
            os.environ[_MLFLOW_RETRIES] = retries


def _mlflow(experiment: str) -> LoggerCallback:
    """Logs to MLFLOW_TRACKING_URI, as its users expect, and to a file in this folder without it."""
    # Standard output is for a command's results, not for an address of every cell.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from raydoa.on_ray.mlflow_runs import MlflowRuns

    return MlflowRuns(experiment)


def _wandb(experiment: str) -> LoggerCallback:
    """WANDB_PROJECT and WANDB_MODE apply, if they are set."""
    from ray.air.integrations.wandb import WandbLoggerCallback

    project = os.environ.get("WANDB_PROJECT", "raydoa")
    return WandbLoggerCallback(project=project, group=experiment)


def _tensorboard(experiment: str) -> LoggerCallback:
    """Its files are beside each cell's row: `tensorboard --logdir` takes the result dir."""
    return TBXLoggerCallback()


@dataclass(frozen=True)
class _Tracker:
    """The package that it needs, and a factory of Tune's logger."""

    package: str
    logger: Callable[[str], LoggerCallback]


TRACKERS = {
    "mlflow": _Tracker("mlflow", _mlflow),
    "wandb": _Tracker("wandb", _wandb),
    "tensorboard": _Tracker("tensorboardX", _tensorboard),
}
