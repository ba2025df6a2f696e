"""How long trainings take: batches, epochs, and the steps that follow from them."""

import math
from dataclasses import dataclass

from raydoa.models.naming import ModelName
from raydoa.training.recipe import Recipe


@dataclass(frozen=True)
class Recipes:
    """The trainings of a plan, and how many rows a teacher labels at a time."""

    teacher: Recipe
    student_on_labels: Recipe
    student_on_soft_labels: Recipe
    labelling_batch_size: int

    def on_labels(self, model: str, student: str) -> Recipe:
        """A model's training on the labels; a student that is its own teacher has one, whatever it is trained for."""
        return self.student_on_labels if model == student else self.teacher


def steps_for(recipe: Recipe, rows: int) -> int:
    """Optimiser steps of a recipe over that many rows: epochs x ceil(rows / batch)."""
    return recipe.epochs * one_epoch(recipe, rows)


def one_epoch(recipe: Recipe, rows: int) -> int:
    """Steps that see each of ``rows`` once."""
    return math.ceil(rows / recipe.batch_size)


def in_format_of(model: str, recipe: Recipe) -> Recipe:
    """The recipe of a training, in the number format that the model's name asks for."""
    dtype = ModelName.of(model).settings.dtype
    return recipe if dtype is None else recipe.model_copy(update={"precision": dtype})
