"""Fine-tune one model on a worker group with Ray Train and DeepSpeed, whatever happens to its machines.

A group has a fixed size while it lives. It ends when the training is done, when a worker is lost, or of its own accord:
on a machine's notice it saves and leaves at once. Then the next group goes on from the newest checkpoint, with as many
workers as the nodes that are left have room for. The retrying is ours and not Ray Train's, because its elastic groups
are sized by reservations that still count a node which is being drained, and because a group of ours can leave before
the machine is gone, so that no step is computed twice.

A run is named after the stage's key: the same training resumes, another never picks up its state.
"""

import logging
import shutil
from pathlib import Path

import ray.train
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.v2._internal.exceptions import WorkerGroupStartupTimeoutError

from raydoa.experiment.config import RuntimeConfig
from raydoa.on_ray.cluster import check_room, room_for
from raydoa.on_ray.error_causes import understood
from raydoa.on_ray.finetune_worker import Job, work
from raydoa.on_ray.gang_scheduling import WaitingGroup
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import FineTune

logger = logging.getLogger(__name__)

_MOST_FAILURES = 3
"""Groups that may be lost one after the other without a new checkpoint."""


def fine_tune(
    stage: FineTune,
    context: ExecutionContext,
    runtime: RuntimeConfig,
    group: WaitingGroup | None = None,
) -> None:
    """Train and publish ``stage``; returns when its artifact is in the store.

    ``group`` is told when workers are asked for, and when they are there.

    Raises:
        UserError: the cluster can never hold the worker group, or an input is wrong.
        DamagedArtifact, MissingArtifact: an input is damaged or gone.
        TrainingFailedError: groups kept failing at the same place.
    """
    # A single process keeps its place under the same key, but not in the same form.
    run = Path(runtime.train_folder) / f"{stage.kind}-{stage.key[:20]}-group"
    job = Job(stage, context, runtime, run, group)
    checkpoints, failures = _checkpoints(run), 0
    resuming = bool(checkpoints)
    while True:
        workers = _size(job, resuming)
        if group is not None:
            group.asks(workers, job.each)
        try:
            _run_group(job, workers)
        except ray.train.TrainingFailedError as failure:
            cause = _cause(failure)
            if cause is not None:
                raise cause from failure
            # A group that waits for machines looks at the cluster again now and then; one that was interrupted
            # did nothing wrong, and neither did one that came further than the one before.
            if _never_started(failure):
                continue
            newest = _checkpoints(run)
            interrupted = isinstance(failure, ray.train.PreemptionError)
            failures = 0 if interrupted or newest != checkpoints else failures + 1
            if failures > _MOST_FAILURES:
                raise
            checkpoints = newest
            why = str(failure).strip().splitlines()[-1].split(". ")[0]
            logger.warning("%s: a group of %d was lost: %s", stage.model, workers, why)
        resuming = True
        if context.store.find(stage.key) is not None:
            break
    # A checkpoint of T5-XXL takes 130 GB, and the model is in the store.
    shutil.rmtree(run, ignore_errors=True)


def _size(job: Job, resuming: bool) -> int:
    """Workers of the next group: all, or, if it goes on where another was lost, as many as there is room for.

    Raises:
        InsufficientResources: the nodes have no room for it, and the cluster does not grow.
    """
    runtime = job.runtime
    room = room_for(job.each)
    if resuming and runtime.least_train_workers <= room < runtime.train_workers:
        logger.warning(
            "%s goes on with %d of %d workers", job.stage.model, room, runtime.train_workers
        )
        return room
    what = f"fine-tuning {job.stage.model}"
    check_room(job.each, runtime.train_workers, what, runtime, "lower train_workers")
    return runtime.train_workers


def _run_group(job: Job, workers: int) -> None:
    """One group from its start to its end; Ray Train raises what it ended with."""
    # Here and not above: it imports torch, and most trials find their teacher in the store.
    from ray.train.torch import TorchTrainer

    TorchTrainer(
        work,
        train_loop_config={"job": job},
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=job.runtime.gpus_per_worker > 0,
            resources_per_worker={name: float(n) for name, n in job.each.items() if n},
        ),
        run_config=RunConfig(
            name=job.run.name,
            storage_path=str(job.run.parent),
            failure_config=FailureConfig(
                max_failures=0, max_preemption_failures=0, controller_failure_limit=0
            ),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
    ).fit()


def _checkpoints(run: Path) -> frozenset[str]:
    """Names of the checkpoints that are there."""
    return frozenset(path.name for path in run.glob("checkpoint_*"))


def _never_started(failure: Exception) -> bool:
    """Whether the group was still waiting for machines."""
    return isinstance(failure, ray.train.ControllerError) and isinstance(
        failure.controller_failure, WorkerGroupStartupTimeoutError
    )


def _cause(failure: Exception) -> Exception | None:
    """The workers' own error where it is one that callers understand."""
    for error in getattr(failure, "worker_failures", {}).values():
        cause = understood(error)
        if cause is not None:
            return cause
    return None
