"""What a budget buys with each strategy and its choices, exactly; nothing in here knows a score."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import gold_rows, pool_rows
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Plan
from raydoa.costs.question import Supply
from raydoa.costs.reasons import only_in_hand
from raydoa.costs.tariffs import MICRO, micro_budget
from raydoa.errors import UserError
from raydoa.search.space import Space, Variant, variants
from raydoa.strategies import STRATEGIES
from raydoa.strategies.ladders import Ladders


@dataclass(frozen=True)
class Purchase:
    """A plan, and what is bought for it.

    Attributes:
        variant: the strategy that proposes it, with its choices.
        plan: what it is.
        ledger: its items, to the micro-dollar.
        unspent_usd: what is left of the budget.
    """

    variant: Variant
    plan: Plan
    ledger: Ledger
    unspent_usd: float


@dataclass(frozen=True)
class NotOffered:
    """A variant that has no plan for the budget: why, and what its cheapest plan costs; None where there is none at all."""

    variant: Variant
    why: str
    least_usd: float | None


def purchase(variant: Variant, plan: Plan, space: Space) -> Purchase:
    """A plan with its exact items."""
    ledger = space.question.ledger(plan)
    unspent = (micro_budget(space.budget_usd) - ledger.cost_micro_usd) / MICRO
    return Purchase(variant, plan, ledger, unspent)


def purchases(space: Space) -> tuple[Purchase, ...]:
    """Of each variant the plan that makes the most of the budget: where nothing says what is better.

    It is the one that costs the most. Where plans buy labels and label pool rows as well, it has the most of both (their
    product), with labels for half of the budget at most; then labels take what computing has left.

    Raises:
        UserError: the budget pays for no plan.
    """
    found = offered(space)
    return tuple(
        purchase(variant, _most(variant, plans, space), space) for variant, plans in found.items()
    )


def infeasible(space: Space) -> dict[str, str]:
    """Strategies that have no plan, with the reason: where labels in hand alone are for sale, none is planned with fewer."""
    return space.short_of_labels if space.question.supply.sale == "in_hand" else {}


def offered(space: Space) -> dict[Variant, list[Plan]]:
    """The plans of the budget by variant, without strategies that would buy more labels than there are.

    Raises:
        UserError: there is none.
    """
    plans: dict[Variant, list[Plan]] = {}
    short = infeasible(space)
    for plan in space.plans():
        variant = space.variant_of(plan)
        if variant.strategy not in short:
            plans.setdefault(variant, []).append(plan)
    if not plans:
        raise UserError(f"budget: {'; '.join(f'{name}: {why}' for name, why in short.items())}")
    names = STRATEGIES.names()
    return dict(sorted(plans.items(), key=lambda item: names.index(item[0].strategy)))


def not_offered(space: Space, paid: Container[Variant]) -> Iterator[NotOffered]:
    """The other variants: unaffordable, short of labels, or without any row."""
    cheapest, question = space.variants, space.question
    # With rows without end every variant has a plan, so what is missing here lacks rows.
    endless = Ladders(replace(question, supply=Supply()), space.budget_usd)
    for variant, with_rows in variants(endless).items():
        if variant not in paid:
            plan = cheapest.get(variant)
            least = None if plan is None else space.cost_usd(plan)
            buys = gold_rows(with_rows) > question.n
            yield NotOffered(variant, _why_not(variant, least, buys, space), least)


def _why_not(variant: Variant, least_usd: float | None, buys: bool, space: Space) -> str:
    """Why a variant has no plan: ``buys`` tells whether it cannot be without bought labels."""
    question, short = space.question, infeasible(space)
    if variant.strategy in short:
        why = only_in_hand(short[variant.strategy]).reason
        most = max(map(space.cost_usd, _of_variant(variant, space)), default=0.0)
        return f"infeasible: {why}; with those it costs {usd(most)}"
    if least_usd is not None:
        return f"unaffordable; its cheapest plan costs {usd(least_usd)}"
    if buys and not question.supply.to_buy(question.n, 0):
        why = only_in_hand(f"no label is in hand beside the {question.n:,} owned").reason
        return f"infeasible: {why}"
    return "no rows are left for it"


def _of_variant(variant: Variant, space: Space) -> list[Plan]:
    return [plan for plan in space.plans() if space.variant_of(plan) == variant]


def _most(variant: Variant, plans: Sequence[Plan], space: Space) -> Plan:
    """Of one variant, the plan that makes the most of the budget."""
    budget = micro_budget(space.budget_usd)
    even = [plan for plan in plans if 2 * _labels_micro_usd(plan, space) <= budget]
    cost = space.cost_micro_usd

    def size(plan: Plan) -> tuple[int, int, int, Plan]:
        both = (gold_rows(plan) - plan.n) * pool_rows(plan)
        # Where all is free, more of it is the most.
        return both, cost(plan), sum(quantity for _, quantity in plan.quantities), plan

    mixtures = any(gold_rows(plan) > plan.n and pool_rows(plan) for plan in plans)
    most = max((even if mixtures else None) or plans, key=size)
    refined = STRATEGIES.get(variant.strategy).refined(space.ladders, most)
    return max([most, *refined], key=size)


def _labels_micro_usd(plan: Plan, space: Space) -> int:
    """What gold rows cost."""
    ledger = space.question.ledger(plan)
    return sum(
        line.cost_micro_usd for line in ledger.lines if ITEMS.get(line.item).brings == "gold"
    )


def usd(amount: float) -> str:
    """Dollars: cents, and of less than a dollar also what is below them."""
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.4f}"
