"""Where a worker group keeps its place, in Ray Train's run folder, for whatever group comes after it.

A checkpoint is every worker's fragments (`raydoa.on_ray.sharded_checkpoint`) and a note of rank 0's: the loss of every step that
was done, and the micro-batch, on which dropout depends. Beside the checkpoints lies a pulse, which is written at every
look: from it the next group knows how far this one had come when it was lost, and what it had cost.
"""

import json
import logging
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray.train
import torch
from ray.train import Checkpoint
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

from raydoa.training.engine import Engine

logger = logging.getLogger(__name__)

_NOTE = "note.json"
_PULSE = "pulse.json"


@dataclass(frozen=True)
class _Pulse:
    """Steps done, those among them that had been done before, and seconds times workers, over all groups so far."""

    steps: int = 0
    repeated: int = 0
    device_seconds: float = 0.0


class TrainCheckpoints:
    """`raydoa.training.fit.Checkpoints` of one worker of a group; all of them have one.

    Args:
        run: the run's folder, which all nodes reach.
        wanted: workers of a whole group.
        each: what one worker needs, by the name of the resource.
    """

    def __init__(self, run: Path, wanted: int, each: dict[str, int]) -> None:
        context = ray.train.get_context()
        self._rank, self._world = context.get_world_rank(), context.get_world_size()
        self._pulse_file = run / _PULSE
        self._lacking, self._each = wanted - self._world, each
        self._asked: PlacementGroup | None = None
        self._started = time.perf_counter()
        self._kept = ray.train.get_checkpoint()
        note: dict[str, Any] = {"losses": [], "micro_batch_size": None}
        if self._kept is not None:
            with self._kept.as_directory() as folder:
                note = json.loads((Path(folder) / _NOTE).read_text(encoding="utf-8"))
        self._losses: list[float] = note["losses"]
        self._parts: list[float] = []
        self.micro_batch_size: int | None = note["micro_batch_size"]
        lost = self._last_pulse()
        self._before: float = lost.device_seconds
        self.repeated = lost.repeated + max(0, lost.steps - len(self._losses))
        self.nodes = 1 + round(self.agreed(context.get_node_rank()))

    @property
    def device_seconds(self) -> float:
        """What this training took so far, lost steps included: seconds times workers."""
        here = time.perf_counter() - self._started
        return self._before + here * float(self._world)

    def heard(self, _step: int, loss: float) -> None:
        """This worker's part of a step's loss."""
        self._parts.append(loss)

    def losses(self) -> list[float]:
        """The global batch's loss at each step since the first; every worker must call it."""
        if self._parts:
            parts = torch.tensor(self._parts, dtype=torch.float64, device=_device())
            torch.distributed.all_reduce(parts)
            self._losses.extend(parts.tolist())
            self._parts = []
        return self._losses

    def restore(self, engine: Engine) -> int:
        """See `Checkpoints.restore`."""
        if self._kept is None:
            return 0
        with self._kept.as_directory() as folder:
            engine.load(Path(folder))
        return len(self._losses)

    def save(self, engine: Engine, steps_done: int) -> None:
        """See `Checkpoints.save`."""
        losses = self.losses()
        assert len(losses) == steps_done, "a loss for each step"
        with tempfile.TemporaryDirectory(prefix="raydoa-") as folder:
            engine.save(Path(folder))
            if self._rank == 0:
                note = {"losses": losses, "micro_batch_size": self.micro_batch_size}
                (Path(folder) / _NOTE).write_text(json.dumps(note), encoding="utf-8")
            ray.train.report(
                {"steps_done": steps_done}, checkpoint=Checkpoint.from_directory(folder)
            )

    def must_leave(self, steps_done: int) -> bool:
        """See `Checkpoints.must_leave`: Ray Train's watcher has seen one of the group's nodes being drained."""
        if self._rank == 0:
            self._beat(steps_done)
        notice = ray.train.get_preemption_info()
        if notice is None:
            return False
        if self._rank == 0:
            nodes = ", ".join(node[:8] for node in notice.preempted_node_ids)
            logger.warning("step %d: nodes %s are taken away; saving now", steps_done, nodes)
        return True

    def may_grow(self) -> bool:
        """See `Checkpoints.may_grow`: the workers that this group lacks would find room now."""
        if self._lacking <= 0:
            return False
        return bool(self.agreed(self._rank == 0 and self._room_came()))

    def _room_came(self) -> bool:
        """Whether Ray has room for what is lacking; being asked for it, a cluster that grows replaces what it lost."""
        if self._asked is None:
            # Should this worker die before it gives that back, `raydoa.on_ray.leaked_placement_groups` does.
            each = {name: float(amount) for name, amount in self._each.items() if amount}
            self._asked = placement_group([each] * self._lacking)
        came = bool(self._asked.wait(0))
        if came:
            self.ask_no_more()
        return came

    def ask_no_more(self) -> None:
        """Give back what was asked for beside the group; the next group asks for all that it needs."""
        if self._asked is not None:
            remove_placement_group(self._asked)
            self._asked = None

    def agreed(self, number: float) -> float:
        """See `Checkpoints.agreed`."""
        largest = torch.tensor(float(number), dtype=torch.float64, device=_device())
        torch.distributed.all_reduce(largest, torch.distributed.ReduceOp.MAX)
        return float(largest)

    def _beat(self, steps_done: int) -> None:
        pulse = _Pulse(steps_done, self.repeated, self.device_seconds)
        aside = self._pulse_file.with_suffix(".aside")
        aside.write_text(json.dumps(asdict(pulse)), encoding="utf-8")
        aside.replace(self._pulse_file)

    def _last_pulse(self) -> _Pulse:
        if not self._pulse_file.exists():
            return _Pulse()
        return _Pulse(**json.loads(self._pulse_file.read_text(encoding="utf-8")))


def _device() -> str:
    """Where numbers must lie that workers exchange."""
    return "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
