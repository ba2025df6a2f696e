"""DeepSpeed behind the training loop's `Engine`: ZeRO 0 to 3, offload, bf16.

DeepSpeed divides gradients by the accumulation steps and averages them over workers, so a loss that is already
divided by the tokens of the global batch is multiplied by both before it is handed over. The numbers are then
those of the plain loop on one process.

`raydoa.experiment.hardware` works out what T5-XXL needs, and what fits where.
"""

from pathlib import Path
from typing import Any

import deepspeed
import torch

from raydoa.on_ray.deepspeed_internals import consolidated_state, full_dimensions
from raydoa.on_ray.sharded_checkpoint import load_fragments, save_fragments
from raydoa.training.batches import MicroBatch
from raydoa.training.distill import Loss
from raydoa.training.engine import learning_rate, parameter_groups
from raydoa.training.recipe import Recipe


def deepspeed_config(
    recipe: Recipe, *, world: int, rounds: int, zero_stage: int, offload: bool
) -> dict[str, Any]:
    """The DeepSpeed configuration of a fine-tuning over ``world`` workers with ``rounds`` micro-batches each per step.

    ``zero_stage`` says what is sharded over them: 1 optimiser state, 2 gradients as well, 3 weights as well.
    """
    zero: dict[str, Any] = {"stage": zero_stage}
    if zero_stage == 3:
        zero["stage3_gather_16bit_weights_on_model_save"] = True
    if offload:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": torch.cuda.is_available()}
    return {
        # Rows per micro-batch vary; the three only have to agree.
        "train_batch_size": world * rounds,
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": rounds,
        "gradient_clipping": recipe.max_grad_norm,
        "bf16": {"enabled": recipe.precision == "bfloat16"},
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 10**9,
        "wall_clock_breakdown": False,
    }


class DeepSpeedEngine:
    """`Engine` over DeepSpeed; every rank of the group has one."""

    def __init__(
        self, loss: Loss, recipe: Recipe, total_steps: int, config: dict[str, Any], device: str
    ) -> None:
        self.target_cost = loss.target_cost
        self._recipe = recipe
        self._total_steps = total_steps
        self._device = device
        self._done = 0
        self._factor = config["train_batch_size"]
        optimiser = torch.optim.AdamW(
            parameter_groups(loss, recipe.weight_decay, full_dimensions), lr=recipe.learning_rate
        )
        self.engine, _, _, _ = deepspeed.initialize(model=loss, optimizer=optimiser, config=config)

    def accumulate(self, batch: MicroBatch, scale: float) -> float:
        loss = self.engine(batch.to(self._device), scale * self._factor)
        self.engine.backward(loss)
        if not self.engine.is_gradient_accumulation_boundary():
            self.engine.step()
        return float(loss.detach()) / float(self._factor)

    def step(self) -> None:
        """See `Engine.step`; DeepSpeed steps at its accumulation boundary."""
        assert self.engine.is_gradient_accumulation_boundary(), "a step before its micro-batches"
        for group in self.engine.optimizer.param_groups:
            group["lr"] = learning_rate(self._recipe, self._done, self._total_steps)
        self.engine.step()
        self._done += 1

    def save(self, folder: Path) -> None:
        """Every rank writes what its optimiser holds into ``folder``."""
        save_fragments(self.engine, folder, self._done)

    def load(self, folder: Path) -> None:
        """See `Engine.load`; the group that saved may have been of another size or ZeRO stage."""
        self._done = load_fragments(self.engine, folder)

    def consolidated(self) -> dict[str, torch.Tensor] | None:
        """The whole model's weights on rank 0, None elsewhere; every rank must call it."""
        state = consolidated_state(self.engine)
        if torch.distributed.get_rank() != 0:
            return None
        prefix = "model."
        return {
            name.removeprefix(prefix): tensor.detach().cpu()
            for name, tensor in state.items()
            if name.startswith(prefix)
        }
