"""Tasks from cells that our own sweeps measured: the embedded task (126 cells, 3 seeds) and WLP (18 cells, 2 seeds).

`measured_cells.csv` holds them: quantities, scores and dollars, as `python sweeps/main_grid.py` wrote them. Between
measured cells scores are interpolated, see `curve`. What that assumes, since no cell says it:
- a teacher on more labels than were measured is as good as the best measured one;
- a purchase of labels helps the teacher only (the sweeps had no `mixed` cells);
- a shorter training costs as much per halving as it did in the one cell that the budget cut short (`nano-l`, N = 100,
  $0.50);
- `self_distill` is a teacher of the student's own size.
In WLP one teacher was measured at one N and one U: there it is the same everywhere.
"""

import csv
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raydoa.costs.items.teacher import teacher_of
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question, Supply
from raydoa.search.space import Space
from raydoa.search.surrogate.surface import Measured

from .curve import Curve, spread
from .curves import curve_tasks
from .prices import (
    TabulatedPrices,
    TeacherPrices,
    Training,
    epochs_share,
    labels_of,
    plan_of,
    question_at,
    recipes_of,
)
from .problems import Noise, Problem

MEASURED = Path(__file__).parent / "measured_cells.csv"
_PARAMETERS = {"nano-s": 58e3, "nano-m": 0.22e6, "nano-l": 0.9e6}
_BATCH = 32
_BUDGETS = {
    ("lexicon", 100): (0.5, 5, 50, 300),
    ("lexicon", 400): (1.5, 5, 50, 300),
    ("wlp", 500): (1000,),
}
_POOLS = {"lexicon": (1000, 3000), "wlp": (1250, 5000)}
"""The smallest pool that may be proposed, which others are multiples of, and the largest."""


def table_tasks(curves: Path) -> list[Problem]:
    """Tasks from cells and from real curves; the curves are skipped, with a message, where their folder is absent."""
    problems = []
    for (task, owned), budgets in _BUDGETS.items():
        cells = Cells.read(task)
        problems += [cells.problem(owned, budget) for budget in budgets]
    return [*problems, *curve_tasks(curves)]


@dataclass(frozen=True)
class Table:
    """The surface of measured cells.

    Attributes:
        question: for full steps.
        annotate: score by labels.
        teachers: by teacher and measured N, score by U.
        halving: score that half of the student's steps costs.
    """

    question: Question
    annotate: Curve
    teachers: Mapping[str, Mapping[int, Curve]]
    halving: float

    def __call__(self, plan: Plan) -> float:
        """The expected score."""
        teacher, labels = plan.choice("teacher"), labels_of(plan)
        if teacher is None:
            return max(0.0, self.annotate(labels))
        rows = plan.quantity("pseudo_labels")
        at_rows = {owned: curve(rows) for owned, curve in self.teachers[teacher].items()}
        halvings = -math.log2(epochs_share(plan, self.question))
        return max(0.0, Curve.of(at_rows)(labels) - self.halving * halvings)


@dataclass(frozen=True)
class Cells:
    """The rows of one task; infeasible ones have no score and are left out."""

    task: str
    rows: tuple[dict[str, str], ...]

    @classmethod
    def read(cls, task: str) -> "Cells":
        """Of the file beside this module."""
        with MEASURED.open(newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if row["task"] == task and row["score"]]
        return cls(task, tuple(rows))

    def problem(self, owned: int, budget_usd: float) -> Problem:
        """The task with so many labels at that budget."""
        question = self.question(owned)
        surface = Table(question, self._annotate(), self._teachers(question), self._halving())
        name = f"{self.task} N={owned} B={budget_usd:g}"
        space = Space(question, budget_usd)
        return Problem(name, f"cells of {self.task}", space, surface, self._noise())

    def trainings(self, owned: int) -> list[Measured]:
        """Each training once: a larger budget that buys the same plan reads the same student back."""
        question, trainings = self.question(owned), dict[tuple[Plan, str], Measured]()
        for row in self.rows:
            if int(row["n"]) != owned or row["strategy"] == "self_distill":
                continue
            labels, teacher = owned + int(row["labels"]), row["teacher"]
            rows, steps = int(row["pseudo_labels"]), int(row["student_steps"])
            plan = plan_of(question, labels, teacher, rows, steps)
            key = (teacher_of(plan), row["seed"]) if teacher else None
            least, most = question.limits("student", plan)
            if least <= steps <= most:
                measured = Measured(plan, float(row["score"]), key)
                trainings.setdefault((plan, row["seed"]), measured)
        return list(trainings.values())

    def question(self, owned: int) -> Question:
        """Prices are dollars by quantity, schedules steps by batches, as the rows have them."""
        taught = {row["teacher"]: row for row in self.rows if row["teacher"]}
        alone = next(row for row in self.rows if row["strategy"] == "annotate")
        teachers = [
            TeacherPrices(
                name,
                _PARAMETERS[name],
                _each(row, "cost_teacher", "teacher_steps"),
                _each(row, "cost_pseudo_labels", "pseudo_labels"),
                _each(row, "cost_student", "student_steps"),
            )
            for name, row in taught.items()
        ]
        full = max(self.rows, key=lambda row: int(row["student_steps"]) if row["teacher"] else 0)
        most = max(int(row["n"]) + int(row["labels"]) for row in self.rows)
        recipes = recipes_of(
            _schedule(int(full["teacher_steps"]), int(full["n"])),
            _schedule(int(alone["student_steps"]), int(alone["n"]) + int(alone["labels"])),
            _schedule(int(full["student_steps"]), int(full["u"])),
        )
        prices = TabulatedPrices(
            _each(alone, "cost_labels", "labels"),
            _each(alone, "cost_student", "student_steps"),
            tuple(sorted(teachers, key=lambda teacher: teacher.parameters)),
        )
        least, pool = _POOLS[self.task]
        return question_at(prices, self.task, owned, recipes, Supply(most, pool), least)

    def _scores(self) -> dict[tuple[str, int, int, int], list[float]]:
        """Over seeds and budgets, each seed once: by teacher, labels, U and steps."""
        by_seed: dict[tuple[str, int, int, int], dict[str, float]] = defaultdict(dict)
        for row in self.rows:
            labels = int(row["n"]) + int(row["labels"])
            key = (row["teacher"], labels, int(row["u"] or 0), int(row["student_steps"]))
            by_seed[key][row["seed"]] = float(row["score"])
        return {key: list(scores.values()) for key, scores in by_seed.items()}

    def _annotate(self) -> Curve:
        scores = self._scores()
        return Curve.of({k[1]: statistics.fmean(v) for k, v in scores.items() if not k[0]})

    def _teachers(self, question: Question) -> dict[str, dict[int, Curve]]:
        by_u: dict[str, dict[int, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
        for (teacher, labels, u, steps), scores in self._scores().items():
            if teacher and steps == plan_of(question, labels, teacher, u).quantity("student"):
                by_u[teacher][labels][u] = statistics.fmean(scores)
        return {
            teacher: {labels: Curve.of(values) for labels, values in by_labels.items()}
            for teacher, by_labels in by_u.items()
        }

    def _halving(self) -> float:
        """From cells that differ in the student's steps alone; 0 where there are none."""
        scores = self._scores()
        costs = [
            (statistics.fmean(long) - statistics.fmean(short)) / math.log2(key[3] / other[3])
            for key, long in scores.items()
            for other, short in scores.items()
            if key[0] and key[:3] == other[:3] and key[3] > other[3]
        ]
        return statistics.fmean(costs) if costs else 0.0

    def _noise(self) -> Noise:
        """The seeds' spread: of `annotate` the student's; what students of a teacher have more is the teacher's."""
        scores = self._scores()
        student = spread([seeds for key, seeds in scores.items() if not key[0]])
        both = spread([seeds for key, seeds in scores.items() if key[0]])
        return Noise(math.sqrt(max(0.0, both**2 - student**2)), student)


def _each(row: Mapping[str, str], dollars: str, quantity: str) -> float:
    return float(row[dollars]) / int(row[quantity])


def _schedule(steps: int, rows: int) -> Training:
    return Training(_BATCH, round(steps / math.ceil(rows / _BATCH)))
