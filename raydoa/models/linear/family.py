"""The entry of linear models in the families: they are made for a task, from nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from raydoa.errors import UserError
from raydoa.models.family import AS_IS, Family, Model, Opening
from raydoa.models.hub import read_config
from raydoa.models.linear.shape import MODEL_TYPE, LinearShape
from raydoa.models.model_shape import ModelShape
from raydoa.models.objective import Objective


class Linear(Family):
    """See `Family`: one class a row, by a weight for each n-gram and class."""

    name = "linear"
    own = ("linear",)
    shapes: ClassVar = {"linear": LinearShape()}

    def takes(self, config: Mapping[str, Any]) -> bool:
        return config.get("model_type") == MODEL_TYPE

    def objective(self, of_task: Objective | None) -> Objective | None:
        if of_task is None or of_task.kind != "classes":
            raise UserError(
                "a linear model gives a row one of a few classes, and learns no other task"
            )
        return of_task

    def shape(self, config: Mapping[str, Any], where: str) -> ModelShape:
        return LinearShape(len(_classes(config, where)), _buckets(config, where))

    def own_shape(self, name: str, outputs: int) -> ModelShape:
        return LinearShape(outputs)

    def output_space(self, folder: Path) -> str:
        return "classes"

    def open(self, folder: Path, how: Opening = AS_IS) -> Model:
        """See `Family.open`; it is small, and computes in float32 without dropout."""
        from raydoa.models.linear.model import load_linear

        config, where = read_config(folder), str(folder / "config.json")
        classes = _classes(config, where)
        objective = how.objective
        if objective is not None and tuple(classes) != objective.names:
            raise UserError(
                f"{folder}: a linear model of the classes {', '.join(classes)}; the task has {', '.join(objective.names)}"
            )
        return load_linear(folder, _buckets(config, where), classes)

    def build(self, shape: ModelShape) -> Model:
        from raydoa.models.linear.model import LinearModel, LinearNetwork

        assert isinstance(shape, LinearShape)
        classes = [str(index) for index in range(shape.outputs)]
        return LinearModel(LinearNetwork(shape.buckets, shape.outputs), classes)

    def initialize(self, name: str, classes: Sequence[str], seed: int) -> Model:
        """See `Family.initialize`; all its weights are 0, whatever the seed."""
        from raydoa.models.linear.model import LinearModel, LinearNetwork

        if not classes:
            raise UserError(f"model {name}: the task has no classes, and a linear model gives one")
        return LinearModel(LinearNetwork(LinearShape().buckets, len(classes)), classes)


def _classes(config: Mapping[str, Any], where: str) -> list[str]:
    classes = config.get("classes")
    if not isinstance(classes, list) or not all(isinstance(one, str) for one in classes):
        raise UserError(f"{where}: classes: found {classes!r}; expected a list of names")
    return classes


def _buckets(config: Mapping[str, Any], where: str) -> int:
    buckets = config.get("buckets")
    if not isinstance(buckets, int) or not 2 <= buckets < 2**31:
        raise UserError(f"{where}: buckets: found {buckets!r}; expected a whole number from 2")
    return buckets
