"""What a sweep will take, before anything is made: every plan and every stage once, with its dollars and GPU-seconds.

Keys follow from configuration alone, so the stages that plans share are known exactly in advance; so is what each plan
will be the first to buy.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from raydoa.costs.items.labels import awaited_labels
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.reasons import must_be_bought
from raydoa.costs.stage_graph import StageGraph
from raydoa.costs.tariffs import MICRO
from raydoa.experiment.accounting import Purchases, units_of_each, units_usd
from raydoa.experiment.cell import Cell
from raydoa.experiment.study import Study
from raydoa.pipeline.beginnings import Checkpoint
from raydoa.pipeline.stages import PilotLlm, PseudoLabel
from raydoa.store.key import Stage, closure, stage_label
from raydoa.strategies import STRATEGIES


@dataclass(frozen=True)
class ExpectedStage:
    """A stage that will have to be made. Evaluations and pretraining are nobody's purchase: they cost 0.
    What takes real money costs at most so much.

    Attributes:
        label: what people call the work.
        cost_usd: dollars.
        gpu_seconds: of one GPU.
        inputs: keys of the stages that it reads, those that have to be made.
        real_micro_usd: what of its cost is real money.
        asks: which rows that is for; a shard that ends sooner asks for some of those of another.
    """

    label: str
    cost_usd: float
    gpu_seconds: float
    inputs: tuple[str, ...] = ()
    real_micro_usd: int = 0
    asks: str = ""


@dataclass(frozen=True)
class ExpectedTrial:
    """A plan, and who asked for it.

    Attributes:
        cells: in the order of the grid.
        ends: keys of its last stages.
        purchased: units of what is bought and not made, such as labels, that it is the first to buy, by item.
        purchased_usd: their dollars.
        standalone_micro_usd: what a buyer would pay for it alone.
    """

    cells: tuple[Cell, ...]
    ends: tuple[str, ...]
    purchased: Mapping[str, int]
    purchased_usd: float
    standalone_micro_usd: int


@dataclass(frozen=True)
class AwaitedPlan:
    """A plan that can be paid and not be measured yet, since nobody has written the labels that it buys.

    Attributes:
        plan: what it is.
        reason: how many labels it awaits.
        standalone_micro_usd: what a buyer would pay for it alone.
    """

    plan: Plan
    reason: str
    standalone_micro_usd: int


@dataclass(frozen=True)
class Forecast:
    """The plans of a sweep and the unique stages behind them.

    Attributes:
        cells: every cell, with its plan or why it has none.
        trials: the plans that can be measured, each once.
        stages: what is expected of each key.
        awaiting: the cells whose plans await labels.
    """

    cells: Mapping[Cell, Plan | Infeasible]
    trials: Mapping[Plan, ExpectedTrial]
    stages: Mapping[str, ExpectedStage]
    awaiting: Mapping[Cell, AwaitedPlan] = field(default_factory=dict)

    @property
    def infeasible(self) -> dict[Cell, Infeasible]:
        """The cells whose budget buys nothing."""
        return {cell: why for cell, why in self.cells.items() if isinstance(why, Infeasible)}

    def needs(self, plan: Plan) -> frozenset[str]:
        """Keys of all stages of a plan.

        They are collected when they are asked for: kept, those of ten thousand plans would fill a driver's memory.
        """
        needed: set[str] = set()
        left = list(self.trials[plan].ends)
        while left:
            key = left.pop()
            if key not in needed:
                needed.add(key)
                left += self.stages[key].inputs
        return frozenset(needed)

    def longest_first(self) -> list[Plan]:
        """The plans by the GPU-seconds of their longest chain of stages, falling; ties as they came.

        A long chain that begins last keeps one GPU busy while the others are done (`raydoa.experiment.schedule`).
        """
        lengths: dict[str, float] = {}

        def length(key: str) -> float:
            if key not in lengths:
                stage = self.stages[key]
                lengths[key] = stage.gpu_seconds + max(map(length, stage.inputs), default=0.0)
            return lengths[key]

        return sorted(self.trials, key=lambda plan: -max(map(length, self.trials[plan].ends)))

    @property
    def standalone_usd(self) -> float:
        """What buyers of the cells would pay, each alone."""
        micro = sum(t.standalone_micro_usd * len(t.cells) for t in self.trials.values())
        return micro / MICRO + self.awaiting_usd

    @property
    def awaiting_usd(self) -> float:
        """What of it is for cells that await labels, of which the sweep makes nothing."""
        return sum(awaited.standalone_micro_usd for awaited in self.awaiting.values()) / MICRO

    @property
    def incurred_usd(self) -> float:
        """What the sweep costs: every stage once, every label once."""
        purchased = sum(trial.purchased_usd for trial in self.trials.values())
        return purchased + sum(stage.cost_usd for stage in self.stages.values())

    @property
    def real_micro_usd(self) -> int:
        """What of that is real money, at most, if nothing was asked before."""
        most: dict[str, int] = {}
        for stage in self.stages.values():
            most[stage.asks] = max(most.get(stage.asks, 0), stage.real_micro_usd)
        return sum(most.values())

    @property
    def gpu_seconds(self) -> float:
        """GPU-seconds of all unique stages."""
        return sum(stage.gpu_seconds for stage in self.stages.values())


def forecast(study: Study, cells: Sequence[Cell]) -> Forecast:
    """Plan every cell and work out what the plans share."""
    plans = {cell: study.plan(cell) for cell in cells}
    awaiting = _awaiting(plans, study)
    by_plan: dict[Plan, list[Cell]] = {}
    for cell, plan in plans.items():
        if isinstance(plan, Plan) and cell not in awaiting:
            by_plan.setdefault(plan, []).append(cell)
    trials: dict[Plan, ExpectedTrial] = {}
    stages: dict[str, ExpectedStage] = {}
    purchases = Purchases()
    for plan, asked in by_plan.items():
        graph, ledger = study.graph(plan), study.ledger(plan)
        added = {i: u for i, u in purchases.add(plan).items() if i not in graph.paid}
        trials[plan] = ExpectedTrial(
            cells=tuple(asked),
            ends=tuple(stage.key for stage in graph.ends),
            purchased=added,
            purchased_usd=units_usd(ledger, added),
            standalone_micro_usd=ledger.cost_micro_usd,
        )
        stages |= _expected(graph, study, stages)
    return Forecast(plans, trials, stages, awaiting)


def _awaiting(plans: Mapping[Cell, Plan | Infeasible], study: Study) -> dict[Cell, AwaitedPlan]:
    awaiting = {}
    for cell, plan in plans.items():
        if not isinstance(plan, Plan):
            continue
        labels = awaited_labels(plan, study.tasks[cell.task].supply)
        if labels:
            short = STRATEGIES.get(cell.strategy).short_of_labels(study.asked(cell), cell.budget)
            cost = study.ledger(plan).cost_micro_usd
            awaiting[cell] = AwaitedPlan(plan, must_be_bought(labels, short), cost)
    return awaiting


def _expected(
    graph: StageGraph, study: Study, expected_keys: Container[str]
) -> dict[str, ExpectedStage]:
    """What is expected of those stages of a plan that are not known yet."""
    paid = _paid(graph, study)
    expected: dict[str, ExpectedStage] = {}
    for stage in closure(graph.ends):
        if stage.key not in expected_keys and not isinstance(stage, Checkpoint):
            cost, seconds = paid.get(stage.key, (0.0, 0.0))
            inputs = [s.key for s in stage.inputs() if not isinstance(s, Checkpoint)]
            asked = study.asked_micro_usd(stage)
            if isinstance(stage, PilotLlm):
                cost = asked / MICRO
            real = asked if study.takes_real_money(stage) else 0
            label = stage_label(stage)
            asks = _rows_asked(stage) if real else ""
            expected[stage.key] = ExpectedStage(label, cost, seconds, tuple(inputs), real, asks)
    return expected


def _rows_asked(stage: Stage) -> str:
    """Names the rows that a stage asks an LLM about, but for how many they are."""
    if isinstance(stage, PseudoLabel):
        return repr((stage.data.key, stage.source, stage.seed, stage.owned, stage.start))
    return stage.key


def _paid(graph: StageGraph, study: Study) -> dict[str, tuple[float, float]]:
    """Dollars and GPU-seconds of each paid stage of a plan, by key."""
    paid: dict[str, tuple[float, float]] = {}
    for line in study.ledger(graph.plan).lines:
        stages = graph.paid.get(line.item, ())
        for stage, units in zip(stages, units_of_each(stages, line.quantity), strict=True):
            share = units / line.quantity
            paid[stage.key] = (share * line.cost_usd, share * line.gpu_seconds)
    return paid
