"""Plans that have everything but the student's steps, which the rest of a budget buys."""

from collections.abc import Callable, Iterator

from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.costs.reasons import unaffordable
from raydoa.strategies.ladders import Ladders


def trained_with_the_rest(
    question: Question, budget_micro_usd: int, plan: Plan
) -> Plan | Infeasible:
    """What is left of the budget buys student steps, from one epoch up to the recipe's."""
    least, full = question.limits("student", plan)
    left = budget_micro_usd - question.cost_micro_usd(plan)
    steps = min(question.tariff("student", plan.choices).affordable(left), full)
    if steps < least:
        cheapest = question.ledger(plan.with_quantities(student=least))
        return unaffordable(cheapest, budget_micro_usd)
    return plan.with_quantities(student=steps)


def on_every_pool(ladders: Ladders, unfinished: Callable[[int], Plan | None]) -> Iterator[Plan]:
    """Every pool and length of training that the budget pays for; ``unfinished`` makes a plan of so many pool rows."""
    question = ladders.question

    def plan_of(rows: int, share: float) -> Plan | None:
        plan = unfinished(rows)
        if plan is None:
            return None
        least, full = question.limits("student", plan)
        steps = round(share * full)
        return plan.with_quantities(student=steps) if steps >= least else None

    for rows in {*ladders.pools, *ladders.largest_pools(plan_of)}:
        plan = unfinished(rows)
        if plan is None:
            continue
        for steps in ladders.steps(plan):
            longer = plan.with_quantities(student=steps)
            if ladders.affordable(longer):
                yield longer


def on_the_smallest_pool(
    ladders: Ladders, unfinished: Callable[[int], Plan | None]
) -> Iterator[Plan]:
    """One epoch over the smallest pool."""
    for rows in ladders.pools[:1]:
        plan = unfinished(rows)
        if plan is not None:
            yield plan.with_quantities(student=ladders.question.limits("student", plan)[0])
