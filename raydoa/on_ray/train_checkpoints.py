"""A worker group's checkpoints, in Ray Train's run folder, from which the next group resumes.

A checkpoint is every worker's fragments (`raydoa.on_ray.sharded_checkpoint`), each with a manifest; rank 0's has the loss of
every step so far, and the micro-batch, on which dropout depends. One that is not what was written is passed over, by all
workers alike, and the training begins again. Beside the checkpoints is a progress file, written whenever workers
look for a preemption notice: it tells the next group how far this one had come when it was lost, and what it cost.
"""

import logging
import time
from pathlib import Path
from typing import Any

import ray.train
import torch
from ray.train import Checkpoint
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from raydoa.on_ray.group_notes import (
    CheckpointFacts,
    Progress,
    checkpoint_facts,
    read_progress,
    write_progress,
)
from raydoa.pipeline.scratch import scratch_folder
from raydoa.store.storage import room_for
from raydoa.training.engine import Engine
from raydoa.training.manifest import (
    UnusableCheckpoint,
    check_files,
    check_no_others,
    read_manifest,
    write_manifest,
)

logger = logging.getLogger(__name__)


class TrainCheckpoints:
    """`raydoa.training.fit.Checkpoints` of one worker of a group of at most ``full_size``; all nodes share the folder ``run``."""

    def __init__(self, run: Path, full_size: int, resources_per_worker: dict[str, int]) -> None:
        context = ray.train.get_context()
        self._rank, self._world = context.get_world_rank(), context.get_world_size()
        self._run = run
        self._missing_workers = full_size - self._world
        self._resources_per_worker = resources_per_worker
        self._growth: PlacementGroup | None = None
        self._started = time.perf_counter()
        self._checkpoint = ray.train.get_checkpoint()
        facts: CheckpointFacts | None = None
        if self._checkpoint is not None:
            with self._checkpoint.as_directory() as folder:
                facts = self._checked(Path(folder))
        self._losses: list[float] = facts.losses if facts else []
        self._local_losses: list[float] = []
        self.micro_batch_size: int | None = facts.micro_batch_size if facts else None
        self._restorable = facts is not None
        previous = read_progress(run)
        self._previous_seconds: float = previous.device_seconds
        lost = max(0, previous.steps - len(self._losses))
        self.steps_repeated = previous.steps_repeated + lost
        self.nodes = 1 + round(self.agreed(context.get_node_rank()))

    @property
    def device_seconds(self) -> float:
        """What this training took so far, lost steps included: seconds times workers."""
        elapsed = time.perf_counter() - self._started
        return self._previous_seconds + elapsed * float(self._world)

    def record_loss(self, _step: int, loss: float) -> None:
        """Keep this worker's part of a step's loss."""
        self._local_losses.append(loss)

    def losses(self) -> list[float]:
        """The global batch's loss at each step since the first; every worker must call it."""
        if self._local_losses:
            losses = torch.tensor(self._local_losses, dtype=torch.float64, device=_device())
            torch.distributed.all_reduce(losses)
            self._losses.extend(losses.tolist())
            self._local_losses = []
        return self._losses

    def restore(self, engine: Engine) -> int:
        if self._checkpoint is None or not self._restorable:
            return 0
        with self._checkpoint.as_directory() as folder:
            try:
                engine.load(Path(folder))
            except UnusableCheckpoint as why:
                self._pass_over(Path(folder), str(why))
                self.steps_repeated += len(self._losses)
                self._losses = []
        return len(self._losses)

    def save(self, engine: Engine, steps_done: int) -> None:
        losses = self.losses()
        assert len(losses) == steps_done, "a loss for each step"
        with scratch_folder() as folder:
            engine.save(folder)
            metadata: dict[str, Any] = {"workers": self._world}
            if self._rank == 0:
                metadata |= {"losses": losses, "micro_batch_size": self.micro_batch_size}
            write_manifest(folder, metadata, _manifest_of(self._rank))
            with room_for("a checkpoint", str(self._run)):
                ray.train.report(
                    {"steps_done": steps_done}, checkpoint=Checkpoint.from_directory(folder)
                )

    def _checked(self, folder: Path) -> CheckpointFacts | None:
        """What the manifest of rank 0 says of a checkpoint; None if any worker has found something wrong with it.

        The workers share the reading of the files; each of them must call it.
        """
        facts: CheckpointFacts | None = None
        wrong = None
        try:
            facts = checkpoint_facts(read_manifest(folder, _manifest_of(0)).facts)
            named: set[str] = set()
            for rank in range(facts.workers):
                manifest = read_manifest(folder, _manifest_of(rank))
                named |= {*manifest.files, _manifest_of(rank)}
                if rank % self._world == self._rank:
                    check_files(folder, manifest)
            check_no_others(folder, named)
        except UnusableCheckpoint as why:
            wrong = str(why)
        found: list[str | None] = [None] * self._world
        torch.distributed.all_gather_object(found, wrong)
        if (first := next(filter(None, found), None)) is None:
            return facts
        self._pass_over(folder, first)
        return None

    def _pass_over(self, folder: Path, why: str) -> None:
        if self._rank == 0:
            logger.warning("%s: %s; the training begins again", folder, why)

    def must_leave(self, steps_done: int) -> bool:
        """See `Checkpoints.must_leave`: Ray Train's watcher has seen that one of the group's nodes is being drained."""
        if self._rank == 0:
            write_progress(
                self._run, Progress(steps_done, self.steps_repeated, self.device_seconds)
            )
        notice = ray.train.get_preemption_info()
        if notice is None:
            return False
        if self._rank == 0:
            nodes = ", ".join(node[:8] for node in notice.preempted_node_ids)
            logger.warning("step %d: nodes %s are being preempted; saving now", steps_done, nodes)
        return True

    def may_grow(self) -> bool:
        """See `Checkpoints.may_grow`: the missing workers would fit on the cluster now."""
        if self._missing_workers <= 0:
            return False
        return bool(self.agreed(self._rank == 0 and self._growth_is_ready()))

    def _growth_is_ready(self) -> bool:
        """Whether a placement group for the missing workers is ready; a pending one makes an autoscaler add nodes."""
        if self._growth is None:
            # Should this worker die before it removes the group, `raydoa.on_ray.leaked_placement_groups` does.
            resources = {name: float(n) for name, n in self._resources_per_worker.items() if n}
            self._growth = placement_group([resources] * self._missing_workers)
        ready = bool(self._growth.wait(0))
        if ready:
            self.cancel_growth()
        return ready

    def cancel_growth(self) -> None:
        """Remove the placement group for missing workers; the next worker group asks for all that it needs."""
        if self._growth is not None:
            remove_placement_group(self._growth)
            self._growth = None

    def agreed(self, number: float) -> float:
        largest = torch.tensor(float(number), dtype=torch.float64, device=_device())
        torch.distributed.all_reduce(largest, torch.distributed.ReduceOp.MAX)
        return float(largest)


def _manifest_of(rank: int) -> str:
    return f"rank-{rank}.json"


def _device() -> str:
    """Where tensors must be for the workers' collectives."""
    return "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
