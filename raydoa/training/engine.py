"""What a training loop drives: gradients from micro-batches, then one step.

`PlainEngine` is one process with torch's AdamW. `raydoa.on_ray.deepspeed_engine` is the same
interface over DeepSpeed; `fit` cannot tell them apart.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from raydoa.errors import UserError
from raydoa.training.batches import MicroBatch
from raydoa.training.distill import Loss
from raydoa.training.manifest import UnusableCheckpoint
from raydoa.training.recipe import Recipe

_MOMENTS = ("exp_avg", "exp_avg_sq")


class Engine(Protocol):
    """The moving parts of a training.

    Attributes:
        target_cost: the loss's, by which rows are sorted.
    """

    target_cost: int

    def accumulate(self, batch: MicroBatch, scale: float) -> float:
        """Add the gradients of one of this rank's micro-batches; returns its part of the loss.

        ``scale`` is one over the target tokens of the global batch (0 for a batch that only fills
        in).
        """

    def step(self) -> None:
        """Take the optimiser step of the gradients accumulated, and forget them."""

    def save(self, folder: Path) -> None:
        """Write everything that `load` needs to go on exactly from here."""

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote. Raises `UnusableCheckpoint`: of another model; then nothing is changed."""


def learning_rate(recipe: Recipe, step: int, total_steps: int) -> float:
    """The learning rate of ``step`` (from 0): linear warm-up, then constant or linear to zero."""
    warmup = round(recipe.warmup_fraction * total_steps)
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    if recipe.schedule == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * (total_steps - step) / max(1, total_steps - warmup)


def parameter_groups(
    model: torch.nn.Module,
    weight_decay: float,
    dimensions: Callable[[torch.nn.Parameter], int] = torch.Tensor.dim,
) -> list[dict[str, object]]:
    """Weight decay for matrices only, as is usual; norms' scales are vectors.

    ``dimensions`` tells them apart where a parameter's own tensor does not, being a part of it.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if dimensions(p) > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if dimensions(p) <= 1], "weight_decay": 0.0},
    ]


class PlainEngine:
    """One process, float32 master weights, autocast to bfloat16 where the recipe says so."""

    def __init__(self, loss: Loss, recipe: Recipe, total_steps: int, device: str = "cpu") -> None:
        self._kind = torch.device(device).type
        reduced = recipe.precision == "bfloat16"
        if reduced and self._kind == "cuda" and not torch.cuda.is_bf16_supported():
            raise UserError("precision: found bfloat16; this GPU does not have it, use float32")
        self.target_cost = loss.target_cost
        self._loss = loss.to(device)
        self._recipe = recipe
        self._total_steps = total_steps
        self._device = device
        self._done = 0
        self._optimiser = torch.optim.AdamW(
            parameter_groups(loss, recipe.weight_decay), lr=recipe.learning_rate, fused=True
        )
        self._trained = [p for p in loss.parameters() if p.requires_grad]

    def accumulate(self, batch: MicroBatch, scale: float) -> float:
        reduced = self._recipe.precision == "bfloat16"
        with torch.autocast(self._kind, dtype=torch.bfloat16, enabled=reduced):
            loss = self._loss(batch.to(self._device), scale)
        loss.backward()
        return float(loss.detach())

    def step(self) -> None:
        torch.nn.utils.clip_grad_norm_(self._trained, self._recipe.max_grad_norm)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(self._recipe, self._done, self._total_steps)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self._done += 1

    def save(self, folder: Path) -> None:
        """Weights and optimiser state as safetensors: nothing that executes on load."""
        tensors = {f"weight.{i}": p.detach().contiguous() for i, p in enumerate(self._trained)}
        for i, parameter in enumerate(self._trained):
            for name, value in self._optimiser.state[parameter].items():
                tensors[f"{name}.{i}"] = value.detach().contiguous()
        tensors["done"] = torch.tensor(self._done)
        save_file(tensors, folder / "engine.safetensors")

    def load(self, folder: Path) -> None:
        try:
            tensors = load_file(folder / "engine.safetensors", device=self._device)
        except (FileNotFoundError, SafetensorError) as error:
            raise UnusableCheckpoint("it has no weights") from error
        one = torch.Size([])
        wanted = {"done": one}
        for i, parameter in enumerate(self._trained):
            wanted |= {f"{name}.{i}": parameter.shape for name in ("weight", *_MOMENTS)}
            wanted[f"step.{i}"] = one
        for name, shape in wanted.items():
            if name not in tensors or tensors[name].shape != shape:
                raise UnusableCheckpoint("it is of a model of another shape")
        with torch.no_grad():
            for i, parameter in enumerate(self._trained):
                parameter.copy_(tensors[f"weight.{i}"])
                self._optimiser.state[parameter] = {
                    name: tensors[f"{name}.{i}"] for name in ("step", *_MOMENTS)
                }
        self._done = int(tensors["done"])
