"""A sweep in MLflow, Weights & Biases or TensorBoard, by Tune's own loggers, for those who watch their work there.

A trial reports one row, at its end, so what arrives is a table rather than curves: a run a cell, named after it, with
the cell as parameters and what was measured and paid as metrics. These are copies. Rows are in the result dir whoever
watches, nothing of ours reads a tracker, and one that breaks down is let go of while the sweep goes on.
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
from raydoa.experiment.result_row import COLUMNS

logger = logging.getLogger(__name__)

_MLFLOW_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_PARAMETERS = {field.name for field in fields(Cell)} | {"schema"}


class Trackers(LoggerCallback):
    """Tells Tune's loggers what happens, and of a result the row's numbers.

    Tune would pickle its loggers with the experiment, and MLflow's holds a module that may be gone by the time a
    sweep goes on. What is kept is which of them are wanted; they are made when the experiment begins.

    Args:
        names: keys of `TRACKERS`.
        experiment: what trackers call it: the sweep's id.
    """

    def __init__(self, names: Sequence[str], experiment: str) -> None:
        self._names = tuple(names)
        self._experiment = experiment
        self._loggers: dict[str, LoggerCallback] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Trackers, (self._names, self._experiment)

    def setup(self, **info: Any) -> None:
        """Tune calls this before the first trial.

        Raises:
            UserError: a tracker refuses to begin, as Weights & Biases does without a key.
        """
        for name in self._names:
            tracker = TRACKERS[name].logger(self._experiment)
            try:
                tracker.setup(**info)
            except ValueError as error:
                raise UserError(f"trackers: {name}: {' '.join(str(error).split())}") from error
            self._loggers[name] = tracker

    def log_trial_start(self, trial: Any) -> None:
        """A run begins, with the cell as its parameters."""
        self._tell(lambda tracker: tracker.log_trial_start(trial))

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """The row: a request or a file entry for each number, so what is in the parameters is left out."""
        numbers = measured(result)
        self._tell(lambda tracker: tracker.log_trial_result(iteration, trial, dict(numbers)))

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """The run ends."""
        self._tell(lambda tracker: tracker.log_trial_end(trial, failed=failed))

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """What is still to be uploaded is waited for."""
        self._tell(lambda tracker: tracker.on_experiment_end(trials, **info))

    def _tell(self, what: Callable[[LoggerCallback], object]) -> None:
        for name, tracker in list(self._loggers.items()):
            try:
                what(tracker)
            # Whatever it is: a tracker is somebody else's code and server, and what the sweep has paid for is not.
            except Exception:
                del self._loggers[name]
                logger.warning(
                    "%s failed and is told no more in this run; the sweep goes on, and rows are in its result dir",
                    name,
                    exc_info=True,
                )


def measured(result: Mapping[str, Any]) -> dict[str, float]:
    """The row's numbers that are no part of the cell, and Tune's count of results, which its loggers ask for."""
    names = [name for name in COLUMNS if name not in _PARAMETERS]
    numbers = {
        name: float(result[name]) for name in names if isinstance(result.get(name), int | float)
    }
    return {**numbers, TRAINING_ITERATION: result[TRAINING_ITERATION]}


def check_trackers(names: Sequence[str]) -> None:
    """Refuse what cannot work, before anything runs.

    Raises:
        UserError: a package is missing, or MLflow's server does not answer.
    """
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

    before = os.environ.get(_MLFLOW_RETRIES)
    os.environ[_MLFLOW_RETRIES] = (
        "0"  # By default it tries for minutes, which suits a server that is busy.
    )
    try:
        MlflowClient().search_experiments(max_results=1)
    except MlflowException as error:
        cause = " ".join(str(error).split())
        raise UserError(
            f"trackers: MLflow at {get_tracking_uri()} does not answer; start it, or set MLFLOW_TRACKING_URI: {cause}"
        ) from error
    finally:
        if before is None:
            del os.environ[_MLFLOW_RETRIES]
        else:
            os.environ[_MLFLOW_RETRIES] = before


def _mlflow(experiment: str) -> LoggerCallback:
    """Where it logs to is MLFLOW_TRACKING_URI, as its users expect, and a file in this folder without."""
    # A command's results go to standard output, and an address for every cell is none.
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from raydoa.on_ray.mlflow_runs import MlflowRuns

    return MlflowRuns(experiment)


def _wandb(experiment: str) -> LoggerCallback:
    """Project and mode are WANDB_PROJECT and WANDB_MODE, if they are set."""
    from ray.air.integrations.wandb import WandbLoggerCallback

    project = os.environ.get("WANDB_PROJECT", "raydoa")
    return WandbLoggerCallback(project=project, group=experiment)


def _tensorboard(experiment: str) -> LoggerCallback:
    """Files lie beside each cell's row: the result dir is what `tensorboard --logdir` wants."""
    return TBXLoggerCallback()


@dataclass(frozen=True)
class _Tracker:
    """What it needs, and how Tune's logger is made."""

    package: str
    logger: Callable[[str], LoggerCallback]


TRACKERS = {
    "mlflow": _Tracker("mlflow", _mlflow),
    "wandb": _Tracker("wandb", _wandb),
    "tensorboard": _Tracker("tensorboardX", _tensorboard),
}
