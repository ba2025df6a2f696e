"""GPU-seconds per unit of work: measured where a calibration run has been, else estimated, and
saying which.

Three operations have a unit cost. A `train_step` is one optimiser step on gold labels over a global
batch; a `distill_step` is the same on soft labels, where the teacher's output head multiplies the
stored hidden states; `label_sequence` is one pool row through the teacher's encoder and its greedy
decoding. GPU-seconds are summed over GPUs, so they do not depend on how many share a step.

Estimates are the model family's (`raydoa.models.model_shape.ModelShape`), from the operations that the
accelerator reaches in training, its memory bandwidth, and the least time of a layer.

Under a book with `priced_as` a toy model costs what its large counterpart does, at the book's
lengths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from raydoa.costs.prices import Accelerator, PriceBook
from raydoa.errors import UserError, did_you_mean
from raydoa.models.lookup import known_names, known_shape
from raydoa.models.model_shape import Device, ModelShape
from raydoa.settings import Settings, read_yaml
from raydoa.training.recipe import Recipe

Operation = Literal["train_step", "label_sequence", "distill_step"]
Basis = Literal["measured", "estimated", "scaled"]
UNITS: Mapping[Operation, str] = {
    "train_step": "training step",
    "label_sequence": "labelled row",
    "distill_step": "step on soft labels",
}
"""What people call a unit of each operation."""


@dataclass(frozen=True)
class Work:
    """A unit of computing: what a unit cost is of.

    Attributes:
        operation: what is done.
        model: with which model.
        batch_size: over how many rows at once.
        source_length, target_length: tokens of a row.
        teacher: whose head a `distill_step` multiplies with; None for the other operations.
        recipe: of the training; of labels, the one that their teacher was trained by. The cost is looked up without it.
    """

    operation: Operation
    model: str
    batch_size: int
    source_length: int
    target_length: int
    teacher: str | None = None
    recipe: Recipe | None = field(default=None, compare=False)


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
    def work(self) -> Work:
        """What the cost is of."""
        lengths = (self.source_length, self.target_length)
        return Work(self.operation, self.model, self.batch_size, *lengths, self.teacher)


class Calibration(Settings):
    """The unit costs that a calibration run measured, as it writes them."""

    unit_costs: tuple[UnitCost, ...]


def read_calibration(path: Path) -> tuple[UnitCost, ...]:
    """Read the unit costs that a calibration run measured (YAML, or JSON, which is YAML).

    Raises:
        UserError: the file is missing or wrong, or a row is not measured or there twice.
    """
    rows = read_yaml(path, Calibration).unit_costs
    seen: set[tuple[str, Work]] = set()
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
    """Sizes of models that are not known by their name: the user's own checkpoints, by the name they go by."""
    aligned: bool = False
    """Whether students learn distributions of teachers of another tokenizer as well, over the tokens that both have."""

    def lookup(self, work: Work) -> UnitCost:
        """The unit cost of that work.

        Raises:
            UserError: a model of unknown shape.
        """
        stand_ins = self.book.priced_as
        if stand_ins is None or work.model not in stand_ins.models:
            return self._own_cost(work)
        counterpart, teacher = stand_ins.models[work.model], work.teacher
        large = replace(
            work,
            model=counterpart,
            teacher=teacher and stand_ins.models.get(teacher, teacher),
            source_length=stand_ins.source_length,
            target_length=stand_ins.target_length,
        )
        cost = self._own_cost(large)
        at = f"at {large.source_length} source and {large.target_length} target tokens"
        source = f"priced as {counterpart} {at}; {cost.basis}: {cost.source}"
        return unit_cost(work, cost.accelerator, cost.gpu_seconds, "scaled", source)

    def _own_cost(self, work: Work) -> UnitCost:
        measured = self._measured_by_work.get(work)
        if measured is not None:
            return measured
        accelerator, shape = self.book.accelerator(self.accelerator), self.shape(work.model)
        device, rows = _device(accelerator), work.batch_size
        lengths = work.source_length, work.target_length
        if work.operation == "label_sequence":
            seconds = shape.labelling_seconds(device, rows, *lengths) / rows
        else:
            soft = work.operation == "distill_step"
            head = self._teacher_head(work.teacher, shape) if soft else 0
            seconds = shape.training_seconds(device, rows, *lengths, head)
        return unit_cost(work, self.accelerator, seconds, "estimated", _origin(accelerator))

    @cached_property
    def _measured_by_work(self) -> dict[Work, UnitCost]:
        return {row.work: row for row in self.measured if row.accelerator == self.accelerator}

    def shape(self, model: str) -> ModelShape:
        """The dimensions of a model by its name.

        Raises:
            UserError: they are not known.
        """
        shape = self.shapes.get(model) or known_shape(model)
        if shape is None:
            names = sorted({*self.shapes, *known_names(), *_toy_models(self.book)})
            raise UserError(
                f"model: no unit cost and no shape for {model!r} under price book "
                f"{self.book.book_id!r}; known are {', '.join(names)}{did_you_mean(model, names)}"
            )
        return shape

    def _teacher_head(self, teacher: str | None, shape: ModelShape) -> int:
        """Weights of the teacher's head, which a step on soft labels multiplies with; 0 where classes or text are learnt."""
        assert teacher is not None, "a distill_step has a teacher"
        writer = self.shape(teacher)
        return self.shared_tokens(writer, shape) * writer.width

    def shared_tokens(self, teacher: ModelShape, student: ModelShape) -> int:
        """Of how many tokens a student learns its teacher's distributions, as far as sizes tell; 0: of none."""
        if not teacher.writes == student.writes == "tokens":
            return 0
        # Of two vocabularies no more are shared than the smaller one has.
        together = self.aligned or teacher.outputs == student.outputs
        return min(teacher.outputs, student.outputs) if together else 0


def unit_cost(
    work: Work, accelerator: str, gpu_seconds: float, basis: Basis, source: str
) -> UnitCost:
    """What that work costs."""
    of = {field.name: getattr(work, field.name) for field in fields(work) if field.compare}
    return UnitCost(
        **of, accelerator=accelerator, gpu_seconds=gpu_seconds, basis=basis, source=source
    )


def _toy_models(book: PriceBook) -> list[str]:
    return list(book.priced_as.models) if book.priced_as is not None else []


def _origin(accelerator: Accelerator) -> str:
    share, floor = accelerator.training_utilisation, accelerator.seconds_per_layer
    least = f"at least {floor.value:g} s per layer ({floor.source})"
    return f"{share.value:g} of the peak ({share.source}); {least}"


def _device(accelerator: Accelerator) -> Device:
    return Device(
        flops_per_second=accelerator.peak_bf16_tflops.value
        * 1e12
        * accelerator.training_utilisation.value,
        bytes_per_second=accelerator.memory_gb_per_second.value
        * 1e9
        * accelerator.bandwidth_utilisation.value,
        seconds_per_layer=accelerator.seconds_per_layer.value,
    )
