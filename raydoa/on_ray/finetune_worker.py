"""What each worker of a fine-tuning runs: its micro-batches of every global batch, under DeepSpeed.

However many workers there are, a step is the same: the global batch follows from the step, and the micro-batch, on
which dropout depends, is that of a whole group. Rank 0 publishes the consolidated model into the store itself, so
weights never travel through the driver.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray.train

from raydoa.experiment.config import RuntimeConfig
from raydoa.on_ray.gang_scheduling import QueuedGang
from raydoa.on_ray.warnings_to_driver import warnings_to_driver
from raydoa.pipeline.context import (
    ExecutionContext,
    Facts,
    labelled_examples,
    publish,
)
from raydoa.pipeline.host_memory import Sharding, host_bytes
from raydoa.pipeline.opened_models import facts_of, model_to_train
from raydoa.pipeline.scratch import scratch_folder
from raydoa.pipeline.stages import FineTune, training_seed

if TYPE_CHECKING:
    from raydoa.models.family import Model


@dataclass(frozen=True)
class Job:
    """A fine-tuning, the folder of its run, and its place in the queue for resources."""

    stage: FineTune
    context: ExecutionContext
    runtime: RuntimeConfig
    run: Path
    gang: QueuedGang | None

    def needs(self, workers: int) -> dict[str, int]:
        """What each of so many workers needs, by the name of the resource."""
        runtime = self.runtime
        sharding = Sharding(workers, runtime.zero_stage, runtime.offload)
        memory = host_bytes(self.stage, self.context, sharding)
        return {"CPU": runtime.cpus_per_worker, "GPU": runtime.gpus_per_worker, "memory": memory}


def work(config: dict[str, Any]) -> None:
    """Train, and publish what came of it, unless the group had to leave its machines before."""
    import torch

    from raydoa.on_ray.deepspeed_engine import DeepSpeedEngine, deepspeed_config
    from raydoa.on_ray.train_checkpoints import TrainCheckpoints
    from raydoa.training.fit import fit

    warnings_to_driver()
    job: Job = config["job"]
    stage, context, runtime = job.stage, job.context, job.runtime
    train_context = ray.train.get_context()
    rank, world = train_context.get_world_rank(), train_context.get_world_size()
    if rank == 0 and job.gang is not None:
        job.gang.dequeue()
    checkpoints = TrainCheckpoints(job.run, runtime.train_workers, job.needs(runtime.train_workers))
    size = _micro_batch_size(job, checkpoints.micro_batch_size)
    checkpoints.micro_batch_size = size
    execution = replace(runtime.of_teachers(context.execution), micro_batch_size=size)
    settings = deepspeed_config(
        stage.recipe,
        world=world,
        rounds=-(-stage.recipe.batch_size // (size * world)),
        zero_stage=runtime.zero_stage,
        offload=runtime.offload,
    )
    model = load_sharded(stage, context, settings, runtime)
    device = f"cuda:{torch.cuda.current_device()}" if runtime.gpus_per_worker else "cpu"
    loss = model.loss(activation_checkpointing=execution.activation_checkpointing)
    engine = DeepSpeedEngine(loss, stage.recipe, stage.steps, settings, device)
    summary = fit(
        engine,
        labelled_examples(stage, context, model),
        batch_size=stage.recipe.batch_size,
        steps=stage.steps,
        seed=training_seed(stage),
        execution=execution,
        rank=rank,
        world=world,
        checkpoints=checkpoints,
        on_step=checkpoints.record_loss,
    )
    checkpoints.cancel_growth()
    if summary.steps_done < stage.steps:
        return
    losses, state = checkpoints.losses(), engine.consolidated()
    if rank == 0:
        facts: Facts = {
            "losses": losses,
            "first_step": summary.first_step,
            "steps_repeated": checkpoints.steps_repeated,
            **facts_of(stage, model),
        }
        with scratch_folder() as scratch:
            model.save(scratch, state)
            seconds = checkpoints.device_seconds / world
            publish(stage, context, scratch, facts, seconds=seconds, devices=world)
    torch.distributed.barrier()


def _micro_batch_size(job: Job, of_before: int | None) -> int:
    """Rows of a micro-batch: as configured, or as the groups before had it, or a whole group's share of a batch."""
    share = -(-job.stage.recipe.batch_size // job.runtime.train_workers)
    return job.runtime.micro_batch_size or of_before or share


def load_sharded(
    stage: FineTune, context: ExecutionContext, settings: dict[str, Any], runtime: RuntimeConfig
) -> "Model":
    """The model as the ZeRO stage wants it; under ZeRO-3 no worker ever holds it whole."""
    from transformers.integrations import HfDeepSpeedConfig

    from raydoa.on_ray.deepspeed_internals import init_distributed

    # Before the weights, which ZeRO-3 cuts into as many parts as there are workers.
    init_distributed()
    # transformers looks for this object while it loads; it must live until the model is loaded.
    config = HfDeepSpeedConfig(settings) if runtime.zero_stage == 3 else None
    # DeepSpeed wants one number format, and keeps float32 copies of what it trains.
    precision = stage.recipe.precision
    model = model_to_train(stage, context, weights=precision, trained=precision)
    del config
    return model
