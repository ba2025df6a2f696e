"""Fine-tune one model on W workers with Ray Train and DeepSpeed.

Every worker reads the same rows and takes its micro-batches of each global batch. Checkpoints go to the run's
folder beside the results, a shard per rank; after a worker's death Ray Train starts the group again and
everybody resumes from the last whole checkpoint. Rank 0 publishes the consolidated model into the store itself,
so weights never travel through the driver.

A run is named after the stage's key: the same training resumes, another never picks up its state.
"""

import json
import logging
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray.train
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, RunConfig, ScalingConfig

from raydoa.bench import Bench, Facts, labelled_examples, model_folder, publish
from raydoa.config import Running
from raydoa.on_ray.causes import understood
from raydoa.on_ray.cluster import check_room
from raydoa.on_ray.turnstile import WaitingGroup
from raydoa.stages import FineTune, training_seed

if TYPE_CHECKING:
    from raydoa.learning.engine import Engine

logger = logging.getLogger(__name__)

_MOST_FAILURES = 3


@dataclass(frozen=True)
class _Job:
    stage: FineTune
    bench: Bench
    running: Running
    group: WaitingGroup | None


def worker_needs(running: Running) -> dict[str, int]:
    """What one worker of a group holds."""
    return {"CPU": running.cpus_per_worker, "GPU": running.gpus_per_worker}


def fine_tune(
    stage: FineTune, bench: Bench, running: Running, group: WaitingGroup | None = None
) -> None:
    """Train and publish ``stage``; returns when its artifact is in the store.

    ``group`` is told when the workers are there.

    Raises:
        UserMistake: the cluster can never hold the worker group, or an input is wrong.
        DamagedArtifact, MissingArtifact: an input is damaged or gone.
    """
    # Here and not above: it imports torch, and most trials find their teacher in the store.
    from ray.train.torch import TorchTrainer

    resources = worker_needs(running)
    check_room(
        resources, running.train_workers, f"fine-tuning {stage.model}", "lower train_workers"
    )
    # Ranks keep shards of their own, so a checkpoint serves groups of one size and ZeRO stage.
    name = f"fine_tune-{stage.key[:20]}-{running.train_workers}-zero{running.zero_stage}"
    trainer = TorchTrainer(
        _work,
        train_loop_config={"job": _Job(stage, bench, running, group)},
        scaling_config=ScalingConfig(
            num_workers=running.train_workers,
            use_gpu=running.gpus_per_worker > 0,
            resources_per_worker={name: float(n) for name, n in resources.items() if n},
        ),
        run_config=RunConfig(
            name=name,
            storage_path=running.train_folder,
            failure_config=FailureConfig(
                max_failures=_MOST_FAILURES, controller_failure_limit=_MOST_FAILURES
            ),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
    )
    try:
        trainer.fit()
    except ray.train.TrainingFailedError as failure:
        raise _cause(failure) from failure
    # A checkpoint of T5-XXL takes 150 GB, and the model is in the store.
    shutil.rmtree(Path(running.train_folder) / name, ignore_errors=True)


class _TrainCheckpoints:
    """`Checkpoints` in Ray Train's run folder; each rank brings and takes its own files.

    ``seconds`` is the time that this worker and those before it have spent.
    """

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._before = 0.0
        # All ranks' files go into one folder.
        self._done_file = f"done-{ray.train.get_context().get_world_rank()}.json"

    @property
    def seconds(self) -> float:
        return self._before + time.perf_counter() - self._started

    def restore(self, engine: "Engine") -> int:
        """See `Checkpoints.restore`."""
        found = ray.train.get_checkpoint()
        if found is None:
            return 0
        with found.as_directory() as folder:
            engine.load(Path(folder))
            done = json.loads((Path(folder) / self._done_file).read_text(encoding="utf-8"))
        self._before = float(done["seconds"])
        return int(done["steps"])

    def save(self, engine: "Engine", steps_done: int) -> None:
        """See `Checkpoints.save`."""
        with tempfile.TemporaryDirectory(prefix="raydoa-") as folder:
            engine.save(Path(folder))
            done = json.dumps({"steps": steps_done, "seconds": self.seconds})
            (Path(folder) / self._done_file).write_text(done, encoding="utf-8")
            ray.train.report(
                {"steps_done": steps_done}, checkpoint=Checkpoint.from_directory(folder)
            )


def _work(config: dict[str, Any]) -> None:
    """What each worker runs."""
    import torch

    from raydoa.learning.distill import Loss
    from raydoa.learning.fit import fit
    from raydoa.models.family import save_model
    from raydoa.models.tokenizer import load_tokenizer
    from raydoa.on_ray.deepspeed_engine import DeepSpeedEngine, deepspeed_config

    job: _Job = config["job"]
    stage, bench, running = job.stage, job.bench, job.running
    context = ray.train.get_context()
    rank, world = context.get_world_rank(), context.get_world_size()
    if rank == 0 and job.group is not None:
        job.group.began()
    checkpoints = _TrainCheckpoints()
    execution = running.of_teachers(bench.execution)
    folder = model_folder(stage.initial, bench)
    tokenizer = load_tokenizer(folder)
    size = execution.micro_batch_size or -(-stage.recipe.batch_size // world)
    settings = deepspeed_config(
        stage.recipe,
        world=world,
        rounds=-(-stage.recipe.batch_size // (size * world)),
        zero_stage=running.zero_stage,
        offload=running.offload,
    )
    model = _load_sharded(folder, stage, settings, running)
    device = f"cuda:{torch.cuda.current_device()}" if running.gpus_per_worker else "cpu"
    loss = Loss(model, activation_checkpointing=execution.activation_checkpointing)
    engine = DeepSpeedEngine(loss, stage.recipe, stage.steps, settings, device)
    summary = fit(
        engine,
        labelled_examples(stage, bench, tokenizer),
        batch_size=stage.recipe.batch_size,
        steps=stage.steps,
        seed=training_seed(stage),
        execution=execution,
        rank=rank,
        world=world,
        checkpoints=checkpoints,
    )
    losses = _summed(summary.losses, device)
    state = engine.consolidated()
    if rank == 0:
        facts: Facts = {
            "losses": losses,
            "first_step": summary.first_step,
            "tokenizer": tokenizer.fingerprint,
        }
        with tempfile.TemporaryDirectory(prefix="raydoa-") as scratch:
            save_model(model, tokenizer, Path(scratch), state=state)
            publish(stage, bench, Path(scratch), facts, seconds=checkpoints.seconds, devices=world)
    torch.distributed.barrier()


def _load_sharded(folder: Path, stage: FineTune, settings: dict[str, Any], running: Running) -> Any:
    """The model as the ZeRO stage wants it; under ZeRO-3 no worker ever holds it whole."""
    import deepspeed
    import torch
    from transformers.integrations import HfDeepSpeedConfig

    from raydoa.models.family import load_model

    # Before the weights, which ZeRO-3 cuts into as many parts as there are workers.
    deepspeed.init_distributed()
    # transformers looks for this object while it loads; it must live until the model is loaded.
    config = HfDeepSpeedConfig(settings) if running.zero_stage == 3 else None
    model = load_model(
        folder, dropout=stage.recipe.dropout, dtype=getattr(torch, stage.recipe.precision)
    )
    del config
    return model


def _summed(losses: tuple[float, ...], device: str) -> list[float]:
    """The global batch's loss at each step: the sum of every rank's part."""
    import torch

    parts = torch.tensor(losses, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(parts)
    return [float(loss) for loss in parts]


def _cause(failure: Exception) -> Exception:
    """The workers' own error where it is one that callers understand, else Ray's."""
    for error in getattr(failure, "worker_failures", {}).values():
        cause = understood(error)
        if cause is not None:
            return cause
    return failure
