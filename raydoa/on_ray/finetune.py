"""Fine-tune one model on a worker group with Ray Train and DeepSpeed, fault-tolerant and elastic.

A worker group has a fixed size. It ends when the training is done, when a worker is lost, or of its own accord: on a
preemption notice it saves a checkpoint and exits at once. The next group resumes from the newest checkpoint, with as
many workers as fit on the nodes that are left. The retries are ours and not Ray Train's, because its elastic groups
are sized by reservations that still count a node which is being drained, and because a group of ours can exit before
the machine is gone, so that no step is computed twice.

A run is named after the stage's key: the same training resumes, another never picks up its state.
"""

import logging
import shutil
from pathlib import Path

import ray.train
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig

from raydoa.experiment.config import RuntimeConfig
from raydoa.on_ray.cluster import capacity_for, check_capacity
from raydoa.on_ray.error_causes import actionable_cause, last_line
from raydoa.on_ray.finetune_worker import Job, work
from raydoa.on_ray.full_disk import full_disk, is_full_disk
from raydoa.on_ray.gang_scheduling import QueuedGang
from raydoa.on_ray.ray_internals import is_startup_timeout
from raydoa.on_ray.run_folder import forget_what_is_broken
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import FineTune

logger = logging.getLogger(__name__)

_MAX_FAILURES = 3
"""Consecutive groups that may be lost without a new checkpoint."""


def fine_tune(
    stage: FineTune,
    context: ExecutionContext,
    runtime: RuntimeConfig,
    gang: QueuedGang | None = None,
) -> None:
    """Train and publish ``stage``; returns when its artifact is in the store.

    ``gang`` queues for resources before each group.

    Raises:
        UserError: the cluster can never hold the worker group, or an input is wrong.
        DamagedArtifact, MissingArtifact: an input is damaged or gone.
        TrainingFailedError: groups kept failing at the same checkpoint.
    """
    # A single process has checkpoints under the same key, but in another format.
    run = Path(runtime.train_folder) / f"{stage.kind}-{stage.key[:20]}-group"
    job = Job(stage, context, runtime, run, gang)
    forget_what_is_broken(run)
    checkpoints, failures = _checkpoints(run), 0
    resuming = bool(checkpoints)
    while True:
        workers = _size(job, resuming)
        if gang is not None:
            gang.enqueue(workers, job.needs(workers))
        try:
            _run_group(job, workers)
        except ray.train.TrainingFailedError as failure:
            causes = map(actionable_cause, getattr(failure, "worker_failures", {}).values())
            if (cause := next(filter(None, causes), None)) is not None:
                raise cause from None
            if is_full_disk(failure):
                # Another group would meet the same.
                raise full_disk(runtime) from failure
            # A pending group is sized again now and then; one that was preempted is no failure, and neither is one
            # that came further than the one before.
            if _never_started(failure):
                continue
            newest = _checkpoints(run)
            preempted = isinstance(failure, ray.train.PreemptionError)
            failures = 0 if preempted or newest != checkpoints else failures + 1
            if failures > _MAX_FAILURES:
                raise
            checkpoints = newest
            why = last_line(failure).split(". ")[0]
            logger.warning("%s: lost a group of %d workers: %s", stage.model, workers, why)
            forget_what_is_broken(run)
        resuming = True
        if context.store.find(stage.key) is not None:
            break
    # A checkpoint of T5-XXL takes 130 GB, and the model is in the store.
    shutil.rmtree(run, ignore_errors=True)


def _size(job: Job, resuming: bool) -> int:
    """Workers of the next group: all, or, if it resumes after another, as many as fit.

    Raises:
        InsufficientResources: they do not fit on the nodes, and the cluster does not grow.
    """
    runtime = job.runtime
    most = runtime.train_workers
    for workers in range(most, runtime.least_train_workers - 1, -1) if resuming else ():
        if capacity_for(job.needs(workers)) >= workers:
            if workers < most:
                logger.warning("%s resumes with %d of %d workers", job.stage.model, workers, most)
            return workers
    what = f"fine-tuning {job.stage.model}"
    check_capacity(job.needs(most), most, what, runtime, "change train_workers")
    return most


def _run_group(job: Job, workers: int) -> None:
    """One group from its start to its end; Ray Train raises what it ended with."""
    # A late import: it loads torch, and for most trials the teacher is a cache hit.
    from ray.train.torch import TorchTrainer

    TorchTrainer(
        work,
        train_loop_config={"job": job},
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=job.runtime.gpus_per_worker > 0,
            resources_per_worker={name: float(n) for name, n in job.needs(workers).items() if n},
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
    """Names of the run's checkpoints."""
    return frozenset(path.name for path in run.glob("checkpoint_*"))


def _never_started(failure: Exception) -> bool:
    """Whether the group was still pending."""
    return isinstance(failure, ray.train.ControllerError) and is_startup_timeout(
        failure.controller_failure
    )
