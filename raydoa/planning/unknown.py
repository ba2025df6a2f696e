"""What is said where nothing is known of a task's scores: no score, no rank, and no price that follows from one."""

from collections.abc import Sequence

from raydoa.costs.tariffs import MICRO
from raydoa.experiment.result_row import plan_columns
from raydoa.planning.first_measurements import FirstMeasurement
from raydoa.planning.purchases import Purchase, usd
from raydoa.planning.scenario import Scenario
from raydoa.strategies import STRATEGIES


def unknown_sentence(
    scenario: Scenario, bought: Sequence[Purchase], first: Sequence[FirstMeasurement]
) -> str:
    """What the budget buys with its baseline, that its score is not known, and what finding out costs."""
    task = scenario.question.task
    parts = [
        f"Nothing of {task} has been measured, so the {scenario.metric} that {usd(scenario.budget_usd)} would bring with "
        f"any of these plans is {not_known(scenario)}",
    ]
    baseline = [row for row in bought if STRATEGIES.get(row.variant.strategy).is_baseline]
    if baseline:
        row = baseline[0]
        order = STRATEGIES.get(row.variant.strategy).order(plan_columns(row.plan))
        parts.append(f"without a teacher you would {order} for {usd(row.ledger.cost_usd)}")
    if first:
        total = sum(m.ledger.cost_micro_usd for m in first) / MICRO
        many = (
            f"these {len(first)} measurements tell, for {usd(total)} in all"
            if len(first) > 1
            else f"one measurement tells, for {usd(total)}"
        )
        parts.append(f"measure before you buy: {many}")
    return "; ".join(parts) + "."


def not_known(scenario: Scenario) -> str:
    """Between which scores the unknown lies."""
    least = scenario.question.constant_score
    what = "chance" if scenario.metric == "accuracy" else "a constant answer's"
    return f"not known: between {f'{what} ({least:.2f})' if least else '0'} and 1"
