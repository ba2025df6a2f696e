"""Prices that are a table and not a book: dollars of a unit, by cost item and teacher."""

from dataclasses import dataclass
from functools import cached_property

from raydoa.costs.plan import Choices, Plan
from raydoa.costs.question import Question, Supply
from raydoa.costs.schedules import Recipes
from raydoa.costs.tariffs import Tariff

STUDENT = "student"
_LABELLING_BATCH = 32


@dataclass(frozen=True)
class Training:
    """Batch size and epochs of a training."""

    batch_size: int
    epochs: int


@dataclass(frozen=True)
class TeacherPrices:
    """A teacher, and what a unit of its work costs.

    Attributes:
        name: the model's name.
        parameters: how large it is.
        step_usd: one step of its fine-tuning.
        row_usd: one pool row labelled.
        student_step_usd: one step of the student on its soft labels.
    """

    name: str
    parameters: float
    step_usd: float
    row_usd: float
    student_step_usd: float


@dataclass(frozen=True)
class TabulatedPrices:
    """A `raydoa.costs.question.Prices`; a GPU-second is a dollar.

    Attributes:
        label_usd: one label more.
        student_step_usd: one step of the student on gold labels alone.
        teachers: smallest first.
    """

    label_usd: float
    student_step_usd: float
    teachers: tuple[TeacherPrices, ...]

    def tariff(self, item: str, choices: Choices) -> Tariff:
        """See `Prices.tariff`."""
        if (item, choices) not in self._tariffs:
            usd = self._usd(item, dict(choices).get("teacher"))
            seconds = None if item == "labels" else usd
            self._tariffs[item, choices] = Tariff(item, "unit", seconds, usd)
        return self._tariffs[item, choices]

    def _usd(self, item: str, teacher: str | None) -> float:
        if item == "labels":
            return self.label_usd
        if teacher is None:
            return self.student_step_usd
        prices = next(prices for prices in self.teachers if prices.name == teacher)
        by_item = {"teacher": prices.step_usd, "pseudo_labels": prices.row_usd}
        return by_item.get(item, prices.student_step_usd)

    @cached_property
    def _tariffs(self) -> dict[tuple[str, Choices], Tariff]:
        return {}


def recipes_of(teacher: Training, on_labels: Training, on_soft_labels: Training) -> Recipes:
    """The three trainings."""
    return Recipes(teacher, on_labels, on_soft_labels, _LABELLING_BATCH)


def question_at(
    prices: TabulatedPrices,
    task: str,
    owned: int,
    recipes: Recipes,
    supply: Supply,
    shard_rows: int,
) -> Question:
    """A question at tabulated prices."""
    return Question(
        task=task,
        n=owned,
        student=STUDENT,
        recipes=recipes,
        prices=prices,
        supply=supply,
        teachers=tuple(teacher.name for teacher in prices.teachers),
        sizes={teacher.name: teacher.parameters for teacher in prices.teachers},
        shard_rows=shard_rows,
    )


def plan_of(
    question: Question, labels: int, teacher: str | None, rows: int, steps: int | None = None
) -> Plan:
    """The plan that learns from so many labels, owned ones first, pool rows, and steps (the recipe's, unless given)."""
    owned = min(labels, question.n)
    plan = Plan(
        question.task,
        owned,
        question.student,
        question.seed,
        question.repeat,
        (("teacher", teacher),) if teacher else (),
        (),
    ).with_quantities(labels=labels - owned)
    if teacher:
        teacher_steps = question.limits("teacher", plan)[1]
        plan = plan.with_quantities(teacher=teacher_steps, pseudo_labels=rows)
    if steps is None:
        steps = question.limits("student", plan)[1]
    return plan.with_quantities(student=steps)


def labels_of(plan: Plan) -> int:
    """Gold labels that a plan learns from."""
    return plan.n + plan.quantity("labels")


def epochs_share(plan: Plan, question: Question) -> float:
    """The share of the recipe's steps that the student gets."""
    return plan.quantity("student") / question.limits("student", plan)[1]
