"""Questions for property tests, at the prices of the shipped public book."""

import re
from dataclasses import dataclass, field

from hypothesis import strategies as st

from raydoa.costs.book_files import open_book
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.pricing import Pricing
from raydoa.costs.question import Question, Supply
from raydoa.costs.schedules import Recipes
from raydoa.costs.tariffs import MICRO, micro_budget
from raydoa.costs.unit_costs import UnitCosts
from raydoa.strategies import STRATEGIES


def missing(why: Infeasible) -> tuple[int, int]:
    """Micro-dollars that a reason says are missing, and those of its last digit."""
    said = re.search(r": \$(\d+)\.(\d+) is missing$", why.reason)
    assert said is not None, why.reason
    digit = 10 ** (6 - len(said[2]))
    return int(said[1] + said[2]) * digit, digit


def short_of_labels(why: Infeasible) -> bool:
    """Whether a budget is infeasible since it pays for more labels than are in hand; more money does not help."""
    return why.reason.endswith("(labels: gold)")


@dataclass(frozen=True)
class Task:
    name: str = "wlp"
    source_length: int = 128
    target_length: int = 64


@dataclass(frozen=True)
class Training:
    batch_size: int
    epochs: int


PAPER = Recipes(Training(32, 20), Training(32, 50), Training(32, 50), labelling_batch_size=32)
SMALL, XXL = "google/t5-v1_1-small", "google/t5-v1_1-xxl"
COSTS = UnitCosts(open_book("2026-11-09"), "a100-40gb")
TASKS = ("wlp", "stanceosaurus", "fever", "multipit_id", "multipit_gen", "nq")

tasks = st.builds(Task, st.sampled_from(TASKS), st.integers(1, 512), st.integers(1, 128))
trainings = st.builds(Training, st.integers(1, 64), st.integers(1, 50))
recipes = st.builds(Recipes, trainings, trainings, trainings, st.integers(1, 256))
budgets = st.floats(0, 20) | st.floats(0, 5000) | st.integers(0, 500).map(float)


@dataclass(frozen=True)
class Asked:
    """A strategy, its question and a budget."""

    strategy: str
    budget_usd: float
    n: int
    task: Task = Task()
    recipes: Recipes = PAPER
    teacher: str | None = None
    u: int | None = None
    label_share: float | None = None
    supply: Supply = field(default_factory=Supply)
    student: str = SMALL
    unit_costs: UnitCosts = COSTS

    @property
    def question(self) -> Question:
        return Question(
            task=self.task.name,
            n=self.n,
            student=self.student,
            recipes=self.recipes,
            prices=Pricing(self.task, self.student, self.recipes, self.unit_costs),
            supply=self.supply,
            axes={"teacher": self.teacher, "u": self.u, "label_share": self.label_share},
        )

    def plan(self) -> Plan | Infeasible:
        return STRATEGIES.get(self.strategy).plan(self.question, self.budget_usd)

    def cost(self, plan: Plan) -> float:
        return self.question.ledger(plan).cost_usd

    @property
    def budget_micro_usd(self) -> int:
        return micro_budget(self.budget_usd)

    def with_micro_usd(self, micro_usd: int) -> Plan | Infeasible:
        return STRATEGIES.get(self.strategy).plan(self.question, micro_usd / MICRO)


annotates = st.builds(
    Asked,
    strategy=st.just("annotate"),
    task=tasks,
    recipes=recipes,
    budget_usd=budgets,
    n=st.integers(0, 5000),
    supply=st.builds(Supply, st.none() | st.integers(5001, 9000)),
)
distills = st.builds(
    Asked,
    strategy=st.sampled_from(["distill", "self_distill"]),
    task=tasks,
    recipes=recipes,
    budget_usd=budgets,
    n=st.integers(1, 3000),
    u=st.integers(1, 50_000),
).map(
    lambda a: Asked(
        **{**vars(a), "teacher": XXL if a.strategy == "distill" else SMALL},
    )
)
mixes = st.builds(
    Asked,
    strategy=st.just("mixed"),
    task=tasks,
    recipes=recipes,
    budget_usd=budgets,
    n=st.integers(1, 3000),
    u=st.integers(1, 50_000),
    teacher=st.just(XXL),
    label_share=st.floats(0, 1),
    supply=st.builds(Supply, st.integers(3001, 9000), st.just(50_000)),
)
asked = annotates | distills | mixes
