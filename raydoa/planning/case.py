"""What is asked: one task, the labels owned and a budget, at the prices of a resolved study.

A `Case` knows every allocation that its budget pays, by strategy and teacher, and what one of them costs exactly.
Another price makes another case; what is believed about scores stays the same.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from raydoa.costs.plan import Plan
from raydoa.costs.prices import Cluster, PriceBook
from raydoa.experiment.study import Study
from raydoa.search.cells import Cells
from raydoa.search.costs import ROUNDING_USD, Costs, Point, Supply
from raydoa.search.holdings import Candidate
from raydoa.search.pricing import ShardedSpace, costs_of
from raydoa.search.space import Space


@dataclass(frozen=True, order=True)
class Face:
    """A strategy with its teacher; "" where it has none."""

    strategy: str
    teacher: str = ""


def face_of(point: Point, owned: int) -> Face:
    """The strategy and teacher of an allocation."""
    if not point.teacher:
        return Face("annotate")
    return Face("mixed" if point.labels > owned else "distill", point.teacher)


@dataclass(frozen=True)
class Case:
    """One question.

    Attributes:
        study: its prices, models and recipes.
        task: the task's name.
        owned: N.
        budget_usd: B.
        pool_rows: rows to pseudo-label at most; None: as many as can be counted.
        gpus: of the cluster, for wall-clock time.
    """

    study: Study
    task: str
    owned: int
    budget_usd: float
    pool_rows: int | None = None
    gpus: int = 1

    @property
    def book(self) -> PriceBook:
        """The prices."""
        return self.study.unit_costs.book

    @cached_property
    def costs(self) -> Costs:
        """Prices and schedules."""
        costs = costs_of(self.study, self.task, self.owned)
        if self.pool_rows is None:
            return costs
        supply = costs.supply
        least = Supply(supply.labels, min(supply.u, self.pool_rows), supply.together)
        return replace(costs, supply=least)

    @property
    def space(self) -> Space:
        """Everything that the budget pays for."""
        return self._space(self.costs)

    @property
    def annotating(self) -> Space:
        """The plans without a teacher."""
        return self._space(replace(self.costs, teachers=()))

    @property
    def distilling(self) -> Space:
        """The plans that buy no label; the one without teacher and labels is among them."""
        supply = self.costs.supply
        return self._space(
            replace(self.costs, supply=Supply(self.owned, supply.u, supply.together))
        )

    def _space(self, costs: Costs) -> Space:
        return ShardedSpace(costs, self._budget_usd, self.study.sweep.shard_rows)

    @property
    def _budget_usd(self) -> float:
        return max(0.0, self.budget_usd - ROUNDING_USD)

    @property
    def faces(self) -> list[Face]:
        """All strategies, with each teacher."""
        names = [teacher.name for teacher in self.costs.teachers]
        return [Face("annotate"), *(Face(s, t) for s in ("distill", "mixed") for t in names)]

    def by_face(self) -> Mapping[Face, Sequence[Point]]:
        """The plans of each strategy and teacher that can be paid.

        Raises:
            UserError: no plan can; the line says what the cheapest costs.
        """
        found: dict[Face, list[Point]] = {}
        for point in self.space.plans():
            found.setdefault(face_of(point, self.owned), []).append(point)
        return found

    def with_more_labels(self, point: Point) -> list[Point]:
        """A mixed plan with as many labels as its unspent money buys; none if there are no more.

        A space's labels stand on a ladder, so that plans share teachers; a buyer wants the last one. Where labels
        come from the pool, it makes room for them.
        """
        if face_of(point, self.owned).strategy != "mixed":
            return []
        full = self.costs.full_steps(point.labels, point.teacher, point.u)
        share = point.student_steps / full

        def having(labels: int) -> Point:
            room = self.costs.supply.together - labels
            u = min(point.u, room - room % self.study.sweep.shard_rows)
            steps = round(share * self.costs.full_steps(labels, point.teacher, u))
            return Point(labels, point.teacher, u, steps)

        least = point.labels
        most = least + int(self._budget_usd / self.costs.label_usd)
        while least < most:
            middle = (least + most + 1) // 2
            more = having(middle)
            payable = self.costs.allowed(more) and self.costs.items(more).total <= self._budget_usd
            least, most = (middle, most) if payable else (least, middle - 1)
        return [having(least)] if least > point.labels else []

    def cheapest(self, face: Face) -> Plan | None:
        """The plan of a strategy and teacher that takes the least money; None if there are no rows for it."""
        labels = self.owned + (face.strategy == "mixed")
        if face.teacher:
            u = min(self.study.sweep.shard_rows, self.costs.supply.u)
            point = Point(labels, face.teacher, u, self.costs.one_epoch(labels, u))
        else:
            point = Point(labels, "", 0, self.costs.full_steps(labels, "", 0))
        return self.plan(point) if self.costs.allowed(point) else None

    def plan(self, point: Point) -> Plan:
        """What an allocation costs, from the planner that cells are run by: exact to the micro-dollar."""
        plan = self.study.plan(Cells(self.study, self.task, self.owned).of(Candidate(point)))
        assert plan.feasible, f"{point} was asked for with the money it takes: {plan}"
        return plan

    def wall_clock_hours(self, plan: Plan) -> float:
        """The least time on the cluster."""
        sweep = self.study.sweep
        cluster = Cluster(name=sweep.name, accelerator=sweep.accelerator, gpus=self.gpus)
        return cluster.wall_clock_seconds(plan.ledger.gpu_seconds) / 3600

    def kgco2e(self, plan: Plan) -> float:
        """Emissions of the computing."""
        sweep = self.study.sweep
        return plan.ledger.kgco2e(self.book, sweep.accelerator, sweep.region)

    @property
    def label_usd(self) -> float:
        """The price of a label."""
        return self.book.label_usd(self.task)

    @property
    def gpu_hour_usd(self) -> float:
        """The price of a GPU-hour."""
        return self.book.gpu_hour_usd(self.study.sweep.accelerator)

    def with_label_price(self, usd: float, why: str) -> "Case":
        """The same question at another price of a label."""
        return self._at(self.book.with_label_price(self.task, usd, why, _today()))

    def with_gpu_price(self, usd: float, why: str, accelerator: str | None = None) -> "Case":
        """The same at another price of a GPU-hour, maybe on another accelerator."""
        name = accelerator or self.study.sweep.accelerator
        return self._at(self.book.with_gpu_price(name, usd, why, _today()), accelerator=name)

    def with_grid_intensity(self, region: str, kgco2e_per_kwh: float, why: str) -> "Case":
        """The same where electricity emits more or less."""
        book = self.book.with_grid_intensity(region, kgco2e_per_kwh, why, _today())
        return self._at(book, region=region)

    def _at(self, book: PriceBook, **fields: str) -> "Case":
        sweep = self.study.sweep.model_copy(update=fields)
        unit_costs = replace(self.study.unit_costs, book=book, accelerator=sweep.accelerator)
        return replace(self, study=replace(self.study, sweep=sweep, unit_costs=unit_costs))


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()
