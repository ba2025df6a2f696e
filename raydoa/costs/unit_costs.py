"""GPU-seconds per unit of work: measured where a calibration run has been, else estimated, and
saying which.

Three operations have a unit cost. A `train_step` is one optimiser step on gold labels over a global
batch; a `distill_step` is the same on soft labels, where the teacher's output head multiplies the
stored hidden states; `label_sequence` is one pool row through the teacher's encoder and its greedy
decoding. GPU-seconds are summed over GPUs, so they do not depend on how many share a step.

Estimates count the operations of T5's matrix products (2 per weight and token, attention scores
included; a training step is three forward passes, as in appendix B of arXiv 2204.02311) at the
accelerator's training utilisation, and at least the time in which the layers' kernels can be
launched, which is what bounds small models. A generated token takes the longest of its operations,
of reading the decoder's weights and caches from memory, and of launching the decoder's kernels.
Embedding look-ups, norms, softmax and the optimiser are inside the utilisation, which was measured
over whole steps.

Under a book with `priced_as` a toy model costs what its large counterpart does, at the book's
lengths.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from raydoa.costs.prices import Accelerator, PriceBook
from raydoa.errors import UserError, did_you_mean
from raydoa.models.shapes import T5_SHAPES, ModelShape
from raydoa.settings import Settings, read_yaml

Operation = Literal["train_step", "label_sequence", "distill_step"]
Basis = Literal["measured", "estimated", "scaled"]

_BF16_BYTES = 2
_FORWARDS_PER_TRAINING_STEP = 3


class UnitCost(Settings):
    """GPU-seconds of a step over the global batch, or of one sequence in a batch of that size."""

    operation: Operation
    model: str
    teacher: str | None = None
    """Whose head a `distill_step` multiplies with; None for the other operations."""
    batch_size: int = Field(ge=1)
    source_length: int = Field(ge=1)
    target_length: int = Field(ge=1)
    accelerator: str
    gpu_seconds: float = Field(gt=0)
    basis: Basis
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _teacher_where_one_is_needed(self) -> Self:
        if (self.teacher is not None) != (self.operation == "distill_step"):
            raise ValueError("teacher is given for distill_step, and only for it")
        return self

    @property
    def work(self) -> tuple[str | int | None, ...]:
        """What the cost is of: every field but the cost itself, where it ran, and its origin."""
        lengths = (self.source_length, self.target_length)
        return (self.operation, self.model, self.teacher, self.batch_size, *lengths)


class Calibration(Settings):
    """The unit costs that a calibration run measured, as it writes them."""

    unit_costs: tuple[UnitCost, ...]


def read_calibration(path: Path) -> tuple[UnitCost, ...]:
    """Read the unit costs that a calibration run measured (YAML, or JSON, which is YAML).

    Raises:
        UserError: the file is missing or wrong, or a row is not measured or there twice.
    """
    rows = read_yaml(path, Calibration).unit_costs
    seen: set[tuple[str, tuple[str | int | None, ...]]] = set()
    for position, row in enumerate(rows):
        if row.basis != "measured":
            raise UserError(
                f"{path}: unit_costs.{position}.basis: found {row.basis!r}; a calibration file "
                "holds 'measured' rows only"
            )
        if (row.accelerator, row.work) in seen:
            raise UserError(
                f"{path}: unit_costs.{position}: the {row.operation} of {row.model!r} on "
                f"{row.accelerator!r} is there twice; keep one of the two rows"
            )
        seen.add((row.accelerator, row.work))
    return rows


def write_calibration(rows: Sequence[UnitCost], path: Path) -> None:
    """Write what `read_calibration` reads."""
    text = Calibration(unit_costs=tuple(rows)).model_dump_json(indent=2, exclude_none=True)
    path.write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class UnitCosts:
    """Unit costs on one accelerator of a book: measured rows first, estimates for the rest."""

    book: PriceBook
    accelerator: str
    measured: tuple[UnitCost, ...] = ()
    shapes: Mapping[str, ModelShape] = field(default_factory=dict)
    """Shapes of models beyond T5 v1.1: the user's own checkpoints, by the name they go by."""

    def lookup(
        self,
        operation: Operation,
        model: str,
        batch_size: int,
        source_length: int,
        target_length: int,
        teacher: str | None = None,
    ) -> UnitCost:
        """The unit cost of that work; ``teacher`` is given for a `distill_step` only.

        Raises:
            UserError: a model of unknown shape, or a teacher of another vocabulary.
        """
        stand_ins = self.book.priced_as
        if stand_ins is None or model not in stand_ins.models:
            return self._own_cost(
                operation, model, batch_size, source_length, target_length, teacher
            )
        counterpart = stand_ins.models[model]
        lengths = (stand_ins.source_length, stand_ins.target_length)
        large_teacher = stand_ins.models.get(teacher, teacher) if teacher is not None else None
        cost = self._own_cost(operation, counterpart, batch_size, *lengths, large_teacher)
        names = {"model": model, "teacher": teacher}
        own_lengths = {"source_length": source_length, "target_length": target_length}
        at = f"at {lengths[0]} source and {lengths[1]} target tokens"
        source = f"priced as {counterpart} {at}; {cost.basis}: {cost.source}"
        return cost.model_copy(update={**names, **own_lengths, "basis": "scaled", "source": source})

    def _own_cost(
        self,
        operation: Operation,
        model: str,
        batch: int,
        source: int,
        target: int,
        teacher: str | None,
    ) -> UnitCost:
        known = self._measured_by_work.get((operation, model, teacher, batch, source, target))
        if known is not None:
            return known
        accelerator = self.book.accelerator(self.accelerator)
        shape = self.shape(model)
        if operation == "label_sequence":
            gpu_seconds = _generation_seconds(shape, accelerator, batch, source, target) / batch
        else:
            teacher_head = (
                self._teacher_head(teacher, model, shape) if operation == "distill_step" else 0
            )
            flops = (
                _FORWARDS_PER_TRAINING_STEP * shape.forward_flops(source, target)
                + 2 * target * teacher_head
            )
            gpu_seconds = max(batch * flops / _compute(accelerator), _launching(shape, accelerator))
        return UnitCost(
            operation=operation,
            model=model,
            teacher=teacher,
            batch_size=batch,
            source_length=source,
            target_length=target,
            accelerator=self.accelerator,
            gpu_seconds=gpu_seconds,
            basis="estimated",
            source=_origin(accelerator),
        )

    @cached_property
    def _measured_by_work(self) -> dict[tuple[str | int | None, ...], UnitCost]:
        return {row.work: row for row in self.measured if row.accelerator == self.accelerator}

    def shape(self, model: str) -> ModelShape:
        """The dimensions of a model by its name.

        Raises:
            UserError: they are not known.
        """
        shape = self.shapes.get(model) or T5_SHAPES.get(model)
        if shape is None:
            known = sorted({*self.shapes, *T5_SHAPES, *_toy_models(self.book)})
            raise UserError(
                f"model: no unit cost and no shape for {model!r} under price book "
                f"{self.book.book_id!r}; known are {', '.join(known)}{did_you_mean(model, known)}"
            )
        return shape

    def _teacher_head(self, teacher: str | None, student: str, shape: ModelShape) -> int:
        assert teacher is not None, "a distill_step has a teacher"
        head = self.shape(teacher)
        if head.vocabulary != shape.vocabulary:
            raise UserError(
                f"teacher {teacher!r} has a vocabulary of {head.vocabulary} and student "
                f"{student!r} one of {shape.vocabulary}; soft labels need the same on both sides"
            )
        return head.head_weights


def _toy_models(book: PriceBook) -> list[str]:
    return list(book.priced_as.models) if book.priced_as is not None else []


def _origin(accelerator: Accelerator) -> str:
    share, floor = accelerator.training_utilisation, accelerator.seconds_per_layer
    least = f"at least {floor.value:g} s per layer ({floor.source})"
    return f"{share.value:g} of the peak ({share.source}); {least}"


def _compute(accelerator: Accelerator) -> float:
    """Operations per second that training reaches."""
    return accelerator.peak_bf16_tflops.value * 1e12 * accelerator.training_utilisation.value


def _launching(shape: ModelShape, accelerator: Accelerator) -> float:
    """Seconds in which one GPU is given the kernels of a training step, whatever their size."""
    layers = shape.encoder_layers + shape.decoder_layers
    return _FORWARDS_PER_TRAINING_STEP * layers * accelerator.seconds_per_layer.value


def _generation_seconds(
    shape: ModelShape, accelerator: Accelerator, batch: int, source: int, target: int
) -> float:
    """Seconds in which one GPU labels a batch: the encoder, then a decoder step per target token.

    Keys and values of the source are cached from the start and those of the target grow, so on
    average half of the target's are read.
    """
    compute = _compute(accelerator)
    bandwidth = (
        accelerator.memory_gb_per_second.value * 1e9 * accelerator.bandwidth_utilisation.value
    )
    once = batch * (shape.encoder_flops(source) + shape.cross_attention_flops(source)) / compute
    caches = 2 * shape.decoder_layers * shape.d_kv * shape.heads * batch * (source + target / 2)
    step = max(
        batch * shape.decoder_flops_per_token(source, math.ceil(target / 2)) / compute,
        _BF16_BYTES * (shape.decoder_parameters + shape.head_weights + caches) / bandwidth,
        shape.decoder_layers * accelerator.seconds_per_layer.value,
    )
    return once + target * step
