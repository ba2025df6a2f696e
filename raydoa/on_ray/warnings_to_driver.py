"""What trials, tasks and workers warn of, said by the driver: what was damaged and is made again, is gone, or was passed over.

Ray could print all that its processes write, but that is mostly others'. So each process that runs code of ours has a
handler on our loggers alone. It tells the cluster's `BuildRegistry`, and the driver asks that while Tune runs, and logs
each warning once, under its own logger: where a user hears of what the driver itself warns of.
"""

import logging
import time
from functools import cache
from typing import Any

import ray
from ray.exceptions import RayError
from ray.tune import Callback

from raydoa.on_ray.build_registry import find_registry

_EVERY_SECONDS = 5.0


class _ToDriver(logging.StreamHandler[Any]):
    """Writes into the process's own log, as Python does where there is no handler, and tells the registry."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if not ray.is_initialized():  # To ask Ray anything would start one.
            return
        try:
            job = ray.get_runtime_context().get_job_id()
            # It waits: what is said must be there before the trial that it is about has ended.
            ray.get(find_registry().warn.remote(job, record.name, self.format(record)))
        except (RayError, ValueError, AttributeError):
            # The cluster is ending, or its registry is no sweep's of today: the log has it.
            self.handleError(record)


@cache
def warnings_to_driver() -> None:
    """From now on whoever runs the trials hears what this process warns of. Asks nobody anything until it does."""
    handler = _ToDriver()
    handler.setLevel(logging.WARNING)
    logging.getLogger("raydoa").addHandler(handler)


class WarningsOfWorkers(Callback):
    """Logs in the driver what its trials, and whatever works for them, have warned of since it last asked.

    Several may find the same, and a trial that is run again finds it again; it is said once.
    """

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()
        self._asked = 0.0

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune calls this several times a second."""
        if time.monotonic() - self._asked >= _EVERY_SECONDS:
            self._ask()

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """What was not asked for yet."""
        self._ask()

    def _ask(self) -> None:
        job = ray.get_runtime_context().get_job_id()
        for name, text in ray.get(find_registry().warnings.remote(job)):
            if (name, text) not in self._said:
                self._said.add((name, text))
                logging.getLogger(name).warning("%s", " ".join(text.split()))
        self._asked = time.monotonic()
