"""What a sweep will take, before anything is made: every stage once, with its dollars and GPU-seconds.

Keys follow from configuration alone, so the stages that cells share are known exactly in advance; so is what each
cell will be the first to buy.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from raydoa.costs.ledger import MICRO
from raydoa.costs.plan import Plan
from raydoa.experiment.cell import Cell
from raydoa.experiment.study import Study
from raydoa.experiment.trial import Chains
from raydoa.pipeline.stages import Checkpoint, PseudoLabel
from raydoa.store.key import Stage


@dataclass(frozen=True)
class Expected:
    """A stage that will have to be made. Evaluations and pretraining are nobody's purchase: they cost 0."""

    label: str
    cost_usd: float
    gpu_seconds: float
    inputs: tuple[str, ...] = ()
    """Keys of the stages that it reads, those that have to be made."""


@dataclass(frozen=True)
class Forecast:
    """The plans of a sweep and the unique stages behind them.

    Attributes:
        plans: of every cell.
        ends: keys of the last stages of a feasible cell.
        stages: what is expected of each key.
        labels_incurred: labels that a cell is the first to buy; others bought the same rows before it.
        label_usd: the price of a label, by task.
    """

    plans: Mapping[Cell, Plan]
    ends: Mapping[Cell, tuple[str, ...]]
    stages: Mapping[str, Expected]
    labels_incurred: Mapping[Cell, int]
    label_usd: Mapping[str, float]

    def needs(self, cell: Cell) -> frozenset[str]:
        """Keys of all stages of a cell; none of an infeasible one.

        They are found when they are asked for: kept, those of ten thousand cells would fill a driver's memory.
        """
        found: set[str] = set()
        left = list(self.ends.get(cell, ()))
        while left:
            key = left.pop()
            if key not in found:
                found.add(key)
                left += self.stages[key].inputs
        return frozenset(found)

    @property
    def standalone_usd(self) -> float:
        """What buyers of the cells would pay, each alone."""
        return sum(plan.ledger.cost_micro_usd for plan in self.plans.values()) / MICRO

    @property
    def incurred_usd(self) -> float:
        """What the sweep spends: every stage once, every label once."""
        labels = sum(
            self.label_usd[cell.task] * count for cell, count in self.labels_incurred.items()
        )
        return labels + sum(stage.cost_usd for stage in self.stages.values())

    @property
    def gpu_seconds(self) -> float:
        """GPU-seconds of all unique stages."""
        return sum(stage.gpu_seconds for stage in self.stages.values())


def forecast(study: Study, cells: Sequence[Cell]) -> Forecast:
    """Plan every cell and find what they share."""
    plans = {cell: study.plan(cell) for cell in cells}
    chains = Chains(study)
    ends: dict[Cell, tuple[str, ...]] = {}
    stages: dict[str, Expected] = {}
    for cell, plan in plans.items():
        if plan.feasible:
            made = chains.of(cell, plan)
            last = [end for end in (made.teacher, made.student) if end is not None]
            ends[cell] = tuple(end.key for end in last)
            if not all(key in stages for key in ends[cell]):
                stages |= _expected(last, _paid(plan, made.paid()), stages)
    return Forecast(
        plans=plans,
        ends=ends,
        stages=stages,
        labels_incurred=_first_buyers(plans),
        label_usd={name: study.unit_costs.book.label_usd(name) for name in study.tasks},
    )


def _expected(
    last: Sequence[Stage], paid: Mapping[str, tuple[float, float]], known: Container[str]
) -> dict[str, Expected]:
    """What is expected of those stages behind the ``last`` ones that are not known yet."""
    found: dict[str, Expected] = {}
    for stage in (stage for end in last for stage in end.closure()):
        if stage.key not in known and not isinstance(stage, Checkpoint):
            cost, seconds = paid.get(stage.key, (0.0, 0.0))
            inputs = [s.key for s in stage.inputs() if not isinstance(s, Checkpoint)]
            found[stage.key] = Expected(stage_label(stage), cost, seconds, tuple(inputs))
    return found


def stage_label(stage: Stage) -> str:
    """What people call the work: the kind and the model."""
    return " ".join([stage.kind, *filter(None, [getattr(stage, "model", None)])])


def _paid(plan: Plan, by_item: Mapping[str, Sequence[Stage]]) -> dict[str, tuple[float, float]]:
    """Dollars and GPU-seconds of each paid stage of a cell, by key."""
    found: dict[str, tuple[float, float]] = {}
    for item in plan.ledger.items:
        stages = by_item.get(item.stage, ())
        for stage in stages:
            share = (
                (stage.stop - stage.start) / item.quantity
                if isinstance(stage, PseudoLabel)
                else 1.0
            )
            found[stage.key] = (share * item.cost_usd, share * item.gpu_seconds)
    return found


def _first_buyers(plans: Mapping[Cell, Plan]) -> dict[Cell, int]:
    """Labels that each cell buys and no cell before it has bought, for the same task and seed.

    Bought labels are the rows after the N owned ones, in one order: N = 100 with 900 bought and N = 500 with 500
    bought are the same thousand rows.
    """
    bought: dict[tuple[str, int], set[int]] = {}
    first: Counter[Cell] = Counter()
    for cell, plan in plans.items():
        rows = range(cell.n, cell.n + plan.quantities.labels)
        owned = bought.setdefault((cell.task, cell.seed), set())
        first[cell] = sum(row not in owned for row in rows)
        owned.update(rows)
    return dict(first)
