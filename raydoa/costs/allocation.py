"""A plan seen as fractions, and back: one function each way.

A result row reports which fraction of the budget each item costs (`budget_shares`). A sampler sees something else, item
by item: where its quantity lies between the least and the most that make sense there, given the items before it and what
the budget still pays for (`to_fractions`, `from_fractions`). So every point of the unit cube is a plan, whatever prices
are, and every plan of those choices is a point.
"""

from collections.abc import Mapping

from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.question import Question
from raydoa.costs.reasons import unaffordable
from raydoa.costs.tariffs import largest, micro_budget


def budget_shares(costs_usd: Mapping[str, float], budget_usd: float) -> dict[str, float]:
    """The fraction of the budget that each item costs; what is missing to 1 is unspent."""
    return {item: usd / budget_usd if budget_usd else 0.0 for item, usd in costs_usd.items()}


def to_fractions(plan: Plan, question: Question, budget_usd: float) -> dict[str, float]:
    """Where a plan's quantities lie in their ranges, each from 0 to 1; an item without a range is not listed."""
    budget = micro_budget(budget_usd)
    before = plan.with_quantities(**{item: 0 for item, _ in plan.quantities})
    fractions = {}
    for item in ITEMS:
        quantity = plan.quantity(item.name)
        least, most = _range(item.name, question, before, budget)
        if most > least:
            fractions[item.name] = min(1.0, max(0.0, (quantity - least) / (most - least)))
        before = before.with_quantities(**{item.name: quantity})
    return fractions


def from_fractions(
    fractions: Mapping[str, float],
    choices: Mapping[str, str],
    question: Question,
    budget_usd: float,
) -> Plan | Infeasible:
    """The plan of those choices whose quantities lie there; an item that is not listed has the most that it can have."""
    budget = micro_budget(budget_usd)
    plan = question.plan(choices)
    cheapest = _cheapest(question, plan)
    if question.cost_micro_usd(cheapest) > budget:
        return unaffordable(question.ledger(cheapest), budget)
    for item in ITEMS:
        least, most = _range(item.name, question, plan, budget)
        quantity = least + round(fractions.get(item.name, 1.0) * (most - least))
        plan = plan.with_quantities(**{item.name: quantity})
    return plan


def _range(item: str, question: Question, before: Plan, budget: int) -> tuple[int, int]:
    """The least of an item, and the most of it that leaves enough for the least of those after it."""
    least, most = question.limits(item, before)

    def affordable(quantity: int) -> bool:
        plan = before.with_quantities(**{item: quantity})
        return question.cost_micro_usd(_cheapest(question, plan, item)) <= budget

    if most > least:
        most = min(most, least + question.tariff(item, before.choices).affordable(budget))
    return least, largest(least, most, affordable)


def _cheapest(question: Question, plan: Plan, after: str | None = None) -> Plan:
    """The plan with the least of every item; of those up to ``after`` it has what it has."""
    names = ITEMS.names()
    for item in names[names.index(after) + 1 :] if after is not None else names:
        plan = plan.with_quantities(**{item: question.limits(item, plan)[0]})
    return plan
