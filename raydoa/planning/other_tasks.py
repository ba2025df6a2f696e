"""Other tasks that finished sweeps have measured: with the sizes and recipes that their rows tell, they make a prior."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from raydoa.costs.items.student import trained_share
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question, Supply
from raydoa.costs.schedules import Recipes
from raydoa.errors import UserError
from raydoa.experiment.result_row import ResultRow
from raydoa.experiment.study import Study
from raydoa.planning.measurements import measurements
from raydoa.search.surrogate.surface import Measured
from raydoa.tasks.catalog import TASKS


@dataclass(frozen=True)
class OtherTask:
    """Another task that was measured: its name and where, the measurements, and what they answer."""

    name: str
    measured: tuple[Measured, ...]
    question: Question


def other_tasks(
    rows: Sequence[ResultRow], question: Question, study: Study, sweep: str
) -> list[OtherTask]:
    """The tasks of a sweep beside the question's."""
    names = sorted({row["task"] for row in rows} - {question.task})
    tasks = (
        _other([row for row in rows if row["task"] == n], question, study, sweep) for n in names
    )
    return [task for task in tasks if task is not None]


def _other(
    rows: Sequence[ResultRow], question: Question, study: Study, sweep: str
) -> OtherTask | None:
    """One of them; its prices do not matter."""
    names = {row["teacher"] for row in rows} - {None}
    sizes: dict[str, float] = {}
    for name in names:
        # Rows of a model whose size its name does not tell are left out.
        with suppress(UserError):
            sizes[name] = float(study.shape(name).parameters)
    recipes = question.recipes
    asked = replace(
        question,
        task=rows[0]["task"],
        n=max(row["n"] for row in rows),
        supply=Supply(),
        teachers=tuple(sorted(sizes, key=lambda name: (sizes[name], name))),
        sizes=sizes,
        recipes=_trained_for(recipes, on_labels=1, on_soft_labels=1),
        constant_score=_constant_score(rows[0]["task"], study),
    )
    usable = [row for row in rows if row["teacher"] is None or row["teacher"] in sizes]
    measured = tuple(measurements(usable, asked, sweep))
    if not measured:
        return None
    alone = [m.plan for m in measured if not m.plan.choices]
    taught = [m.plan for m in measured if m.plan.choices]
    longest = _trained_for(recipes, _epochs(alone, asked), _epochs(taught, asked))
    return OtherTask(f"{asked.task} in {sweep}", measured, replace(asked, recipes=longest))


def _constant_score(task: str, study: Study) -> float:
    """Of a task that is known here; of another one, 0: its rows do not tell its classes."""
    spec = study.tasks[task].spec if task in study.tasks else TASKS.get(task)
    return spec.constant_score if spec is not None else 0.0


def _trained_for(recipes: Recipes, on_labels: int, on_soft_labels: int) -> Recipes:
    """The recipes with other epochs of the student."""
    return replace(
        recipes,
        student_on_labels=recipes.student_on_labels.model_copy(update={"epochs": on_labels}),
        student_on_soft_labels=recipes.student_on_soft_labels.model_copy(
            update={"epochs": on_soft_labels}
        ),
    )


def _epochs(plans: Iterable[Plan], once: Question) -> int:
    """The epochs of the student who was trained the longest: what the recipe seems to have been.

    ``once`` is a question whose recipes have one epoch.
    """
    return math.ceil(max([1.0, *(trained_share(plan, once) for plan in plans)]))
