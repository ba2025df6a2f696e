"""Measures the unit costs of a sweep on this machine's GPU: of its training steps, its steps on soft labels and its
labelled rows.

Models are built from their shapes with random weights and rows are random tokens at the task's full lengths, so a
calibration downloads nothing and does the work that an estimate counts. It runs on one GPU, in the plain loop: what
does not fit there keeps its estimate, and is named.
"""

import datetime
import gc
import logging
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from raydoa.costs.unit_costs import UnitCost, UnitCosts, Work, unit_cost
from raydoa.experiment.placement import Placer
from raydoa.experiment.study import Study
from raydoa.models import FAMILIES
from raydoa.models.family import Model
from raydoa.models.model_shape import ModelShape
from raydoa.models.naming import ModelName
from raydoa.training.batches import collate
from raydoa.training.engine import PlainEngine
from raydoa.training.recipe import Execution, Recipe
from raydoa.training.soft_labels import AlignedLabels, HiddenLabels, SharedTokens, SoftLabels

logger = logging.getLogger(__name__)

_REPEATS = 5
_TRAINING_BYTES, _INFERENCE_BYTES = (
    16,
    2,
)  # a parameter; fp32 weights, gradients and Adam; bf16 weights


@dataclass(frozen=True)
class Calibrated:
    """What was measured, and the work that does not fit on this GPU."""

    unit_costs: tuple[UnitCost, ...]
    too_large: tuple[Work, ...]


def calibrate(study: Study, execution: Execution, placer: Placer, free_bytes: int) -> Calibrated:
    """Measure every unit of work of ``study`` on ``execution.device``, which has ``free_bytes``.

    What worker groups fine-tune is measured by their means: micro-batches, and activations computed again.
    """
    measured, too_large = [], []
    for work in study.works():
        shape = study.unit_costs.shape(work.model)
        try:
            if _needed(work, shape) > free_bytes:
                raise torch.OutOfMemoryError
            _let_go(execution.device)
            sharded = work.operation == "train_step" and work.model in placer.sharded
            means = placer.runtime.of_teachers(execution) if sharded else execution
            seconds = _seconds(work, study.unit_costs, means)
        except torch.OutOfMemoryError:
            logger.info("%s of %s does not fit", work.operation, work.model)
            too_large.append(work)
            continue
        measured.append(_measured(work, seconds, study.unit_costs.accelerator, means))
    return Calibrated(tuple(measured), tuple(too_large))


def _needed(work: Work, shape: ModelShape) -> float:
    """Bytes of weights, and of gradients and moments where it is trained."""
    if work.operation == "label_sequence":
        return _INFERENCE_BYTES * shape.parameters
    frozen = shape.parameters if shape.trained_parameters < shape.parameters else 0
    return _INFERENCE_BYTES * frozen + _TRAINING_BYTES * shape.trained_parameters


def _let_go(device: str) -> None:
    """Give back what the work before held: a model's parts know each other, so it outlives its last user."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def _measured(work: Work, seconds: list[float], accelerator: str, means: Execution) -> UnitCost:
    name = torch.cuda.get_device_name() if means.device == "cuda" else platform.machine()
    source = (
        f"raydoa calibrate on {name}, {datetime.date.today().isoformat()}, {_recipe(work).precision}{_how(means)}: "
        f"median of {len(seconds)}, {min(seconds):.3g} to {max(seconds):.3g}"
    )
    return unit_cost(work, accelerator, statistics.median(seconds), "measured", source)


def _recipe(work: Work) -> Recipe:
    assert work.recipe is not None, "a sweep's work is by a recipe"
    return work.recipe


def _how(means: Execution) -> str:
    """What else a step's time depends on, and much: a step in four micro-batches launches four times the kernels."""
    micro = f", micro-batches of {means.micro_batch_size}" if means.micro_batch_size else ""
    return micro + (", activations computed again" if means.activation_checkpointing else "")


def _seconds(work: Work, costs: UnitCosts, execution: Execution) -> list[float]:
    """Seconds of each repeat; the first, which warms up, is left out."""
    shape = costs.shape(work.model)
    if work.operation == "label_sequence":
        once, each = _labelling(work, shape, execution), work.batch_size
    else:
        once, each = _training(work, shape, costs, execution), 1
    seconds = []
    for _ in range(_REPEATS + 1):
        started = time.perf_counter()
        once()
        if execution.device == "cuda":
            torch.cuda.synchronize()
        seconds.append((time.perf_counter() - started) / each)
    return seconds[1:]


def _labelling(work: Work, shape: ModelShape, execution: Execution) -> Callable[[], None]:
    model = _random_model(shape, execution.device, getattr(torch, _recipe(work).precision))
    model.network.eval()
    rows = model.random_examples(work.batch_size, work.source_length, work.target_length)

    def once() -> None:
        written = model.generate(rows, most_tokens=work.target_length, batch_size=work.batch_size)
        assert len(list(written)) == work.batch_size

    return once


def _training(
    work: Work, shape: ModelShape, costs: UnitCosts, execution: Execution
) -> Callable[[], None]:
    lora = ModelName.of(work.model).settings.lora
    held = _recipe(work).precision if lora is not None else "float32"
    model = _random_model(shape, execution.device, getattr(torch, held))
    if lora is not None:
        from raydoa.models.adapter import add_adapter

        add_adapter(model, lora, base=work.model, seed=0, dtype=torch.float32)
        model.network.to(execution.device)
    rows = model.random_examples(work.batch_size, work.source_length, work.target_length)
    options: dict[str, Any] = {}
    teacher = costs.shape(work.teacher) if work.teacher is not None else None
    if teacher is not None and (shared := costs.shared_tokens(teacher, shape)):
        options["teacher_head"] = torch.randn(teacher.outputs, teacher.width)
        states = torch.randn(work.target_length, teacher.width)
        soft: SoftLabels = HiddenLabels(states)
        if teacher.outputs != shape.outputs:
            options["shared"] = SharedTokens(torch.arange(shared).expand(2, -1).T)
            places = torch.arange(len(states))
            soft = AlignedLabels(states, places, torch.zeros(len(states), dtype=torch.bool))
        rows = [replace(row, soft=soft) for row in rows]
    loss = model.loss(
        **options,
        temperature=_recipe(work).temperature,
        activation_checkpointing=execution.activation_checkpointing,
    )
    size = execution.micro_batch_size or work.batch_size
    engine = PlainEngine(loss, _recipe(work), _REPEATS + 1, execution.device)

    def once() -> None:
        for start in range(0, work.batch_size, size):
            engine.accumulate(collate(rows[start : start + size]), 1.0 / work.batch_size)
        engine.step()

    return once


def _random_model(shape: ModelShape, device: str, dtype: torch.dtype) -> Model:
    """Built where and as it is used: T5-XXL in float32 fits on few hosts."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return FAMILIES.get(shape.family).build(shape)
    finally:
        torch.set_default_dtype(before)
