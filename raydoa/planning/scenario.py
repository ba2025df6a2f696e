"""What a plan is asked for: a question and its budget, at the prices of a resolved study.

Other prices make another scenario; what is believed about scores stays the same.
"""

import datetime
from dataclasses import dataclass, replace
from functools import cached_property

from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Plan
from raydoa.costs.prices import Cluster, PriceBook
from raydoa.costs.question import Question
from raydoa.experiment.study import Study
from raydoa.search.space import Space


@dataclass(frozen=True)
class Scenario:
    """A question, what may be spent on its answer, and what that costs and takes.

    Attributes:
        study: its prices, models and recipes.
        question: the task, what is owned and what there is to buy, at the study's prices.
        budget_usd: B.
        gpus: of the cluster, for wall-clock time.
    """

    study: Study
    question: Question
    budget_usd: float
    gpus: int = 1

    @cached_property
    def space(self) -> Space:
        """Every plan that the budget pays for."""
        return Space(self.question, self.budget_usd)

    @property
    def book(self) -> PriceBook:
        """The prices."""
        return self.study.unit_costs.book

    @property
    def metric(self) -> str:
        """What scores are, for people."""
        name = self.study.tasks[self.question.task].spec.metric
        return name.replace("_", " ").replace("f1", "F1").replace("bert ibleu", "BERT-iBLEU")

    def plan_id(self, plan: Plan) -> str | None:
        """What commands name a plan by; None where rows or models cannot be reached, which are part of it."""
        return None if self.study.unreachable else self.study.plan_id(plan)

    def wall_clock_hours(self, ledger: Ledger) -> float:
        """The least time on the cluster."""
        sweep = self.study.sweep
        cluster = Cluster(name=sweep.name, accelerator=sweep.accelerator, gpus=self.gpus)
        return cluster.wall_clock_seconds(ledger.gpu_seconds) / 3600

    @property
    def label_usd(self) -> float:
        """The price of a label."""
        return self.book.label_usd(self.question.task)

    @property
    def gpu_hour_usd(self) -> float:
        """The price of a GPU-hour."""
        return self.book.gpu_hour_usd(self.study.sweep.accelerator)

    def with_label_price(self, usd: float, why: str) -> "Scenario":
        """The same question at another price of a label."""
        return self._at(self.book.with_label_price(self.question.task, usd, why, _today()))

    def with_gpu_price(self, usd: float, why: str, accelerator: str | None = None) -> "Scenario":
        """The same at another price of a GPU-hour, maybe on another accelerator."""
        name = accelerator or self.study.sweep.accelerator
        return self._at(self.book.with_gpu_price(name, usd, why, _today()), accelerator=name)

    def with_grid_intensity(self, region: str, kgco2e_per_kwh: float, why: str) -> "Scenario":
        """The same where electricity emits more or less."""
        book = self.book.with_grid_intensity(region, kgco2e_per_kwh, why, _today())
        return self._at(book, region=region)

    def _at(self, book: PriceBook, **fields: str) -> "Scenario":
        sweep = self.study.sweep.model_copy(update=fields)
        unit_costs = replace(self.study.unit_costs, book=book, accelerator=sweep.accelerator)
        study = replace(self.study, sweep=sweep, unit_costs=unit_costs)
        question = self.question
        prices = study.question(question.task, question.n, student=question.student).prices
        return replace(self, study=study, question=replace(question, prices=prices))


def scenario_of(
    study: Study, task: str, n: int, budget_usd: float, pool_rows: int | None = None, gpus: int = 1
) -> Scenario:
    """A scenario of a task of the study with ``n`` labels owned.

    Args:
        study: a resolved sweep.
        task: a task of it.
        n: labels owned.
        budget_usd: B.
        pool_rows: rows to pseudo-label at most; None: as many as can be counted.
        gpus: of the cluster.
    """
    question = study.question(task, n, seed=study.sweep.grid.seeds[0])
    supply = replace(question.supply, pool_limit=pool_rows)
    return Scenario(study, replace(question, supply=supply), budget_usd, gpus)


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()
