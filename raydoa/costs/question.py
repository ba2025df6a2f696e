"""What is asked, apart from the budget: a task, what is owned, what there is to buy, and at which prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger, LineItem
from raydoa.costs.plan import Choices, Plan
from raydoa.costs.schedules import Recipes
from raydoa.costs.tariffs import NO_LIMIT, Tariff


class Prices(Protocol):
    """Says what a unit costs; `raydoa.costs.pricing.Pricing` does."""

    def tariff(self, item: str, choices: Choices) -> Tariff:
        """The tariff of a cost item under some choices."""
        ...


Sale = Literal["in_hand", "pool", "none"]
"""Which labels are for sale: those of labelled rows beyond N, in hand and hidden until they are bought (gold); any that
people can write for rows of the pool; or none, as where the latter have not been written yet."""


@dataclass(frozen=True)
class Supply:
    """The rows of a task.

    Attributes:
        train_rows: labelled rows; None if they cannot be counted, and then there is no end of them.
        pool_rows: rows of a pool that is a file of its own; 0 where the pool is the rest of the labelled rows.
        unlabelled: rows of the labelled rows' file that nobody has labelled, which such a pool takes first.
        pool_limit: the most pool rows that may be used, where that is fewer than there are, or they cannot be counted.
        sale: which labels can be bought. Of a pool, people label rows from its back, and a teacher from its front.
    """

    train_rows: int | None = None
    pool_rows: int = 0
    unlabelled: int = 0
    pool_limit: int | None = None
    sale: Sale = "in_hand"

    def labels(self, u: int) -> int:
        """The most labels, owned and bought, beside ``u`` pool rows: no row is both."""
        if self.train_rows is None:
            return NO_LIMIT
        if self.sale == "pool":
            return self.train_rows + max(0, self.pool_rows - u)
        if self.pool_rows:
            return self.train_rows
        return max(0, self.train_rows - max(0, u - self.unlabelled))

    def to_buy(self, n: int, u: int) -> int:
        """The most labels that can be bought beside ``n`` owned ones and ``u`` pool rows."""
        return 0 if self.sale == "none" else max(0, self.labels(u) - n)

    def pool(self, labels: int) -> int:
        """The most pool rows beside that many labels; where people label rows of it, all of ``train`` is owned."""
        limit = NO_LIMIT if self.pool_limit is None else self.pool_limit
        if self.train_rows is None:
            return limit
        bought = max(0, labels - self.train_rows) if self.sale == "pool" else 0
        if self.pool_rows:
            return min(limit, max(0, self.pool_rows - bought))
        return min(limit, max(0, self.train_rows - labels) + self.unlabelled)

    @property
    def existing(self) -> "Supply":
        """Without labels that do not exist yet: what can be measured today."""
        return replace(self, sale="none") if self.sale == "pool" else self


@dataclass(frozen=True, eq=False)
class Question:
    """A question that a strategy answers with a plan, given a budget.

    Attributes:
        task: the task's name.
        n: labelled examples owned at the start.
        student: the model that is shipped.
        recipes: how long each training takes.
        prices: what a unit of each cost item costs.
        supply: the rows that there are.
        seed, repeat: those of the plan.
        axes: what a cell fixes, such as ``{"teacher": "nano-l", "u": 3000}``; a search leaves that open.
        teachers: the models that may be the teacher where it is left open, smallest first.
        sizes: parameters of the teachers; a law of scores needs them, a price does not.
        llms: the LLMs that may be asked where that is left open, each with its shots.
        shard_rows: pool rows of one artifact; pools that end with one share all of it.
        constant_score: what the best constant answer scores at least: no model that can be had is worse.
    """

    task: str
    n: int
    student: str
    recipes: Recipes
    prices: Prices
    supply: Supply = Supply()
    seed: int = 0
    repeat: int = 0
    axes: Mapping[str, Any] = field(default_factory=dict)
    teachers: tuple[str, ...] = ()
    sizes: Mapping[str, float] = field(default_factory=dict)
    llms: tuple[tuple[str, int], ...] = ()
    shard_rows: int = 1000
    constant_score: float = 0.0

    def plan(self, choices: Mapping[str, str] | None = None, **quantities: int) -> Plan:
        """A plan for this question."""
        return Plan(
            self.task,
            self.n,
            self.student,
            self.seed,
            self.repeat,
            tuple(sorted((choices or {}).items())),
            tuple(sorted((item, quantity) for item, quantity in quantities.items() if quantity)),
        )

    def owning(self, n: int) -> "Question":
        """The same question with another number of labels owned."""
        return self if n == self.n else replace(self, n=n)

    def tariff(self, item: str, choices: Choices) -> Tariff:
        """What a unit of a cost item costs under some choices."""
        return self.prices.tariff(item, choices)

    def ledger(self, plan: Plan) -> Ledger:
        """What a plan costs, item by item."""
        return Ledger(
            tuple(
                LineItem(self.tariff(item.name, plan.choices), plan.quantity(item.name))
                for item in ITEMS
                if plan.quantity(item.name)
            )
        )

    def cost_micro_usd(self, plan: Plan) -> int:
        """The total of `ledger`, for whoever asks of thousands of plans."""
        choices = plan.choices
        return sum(
            self.tariff(item, choices).micro_usd(quantity) for item, quantity in plan.quantities
        )

    def gpu_seconds(self, plan: Plan) -> float:
        """GPU-seconds of the plan's computing; on one accelerator its kgCO2e are proportional to them."""
        choices = plan.choices
        return sum(
            quantity * (self.tariff(item, choices).unit_gpu_seconds or 0.0)
            for item, quantity in plan.quantities
        )

    def limits(self, item: str, plan: Plan) -> tuple[int, int]:
        """The least and the most of a cost item that make sense, given what the plan has of those before it."""
        return ITEMS.get(item).limits(self, plan)
