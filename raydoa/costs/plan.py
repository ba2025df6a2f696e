"""What a budget buys: whole quantities, or the reason why it buys nothing.

A planner turns a `Request` (one cell: strategy, budget, N, U, models) into a `Plan`. `annotate`
buys as many labels as the budget pays for after the student's training on all it then owns.
`distill` pays the teacher's fine-tuning and U pseudo-labels first, and the rest buys student steps
up to the recipe's epochs; `self_distill` is the same with the student as its own teacher. `mixed`
buys labels as well, which the teacher and the student learn from: a share of the budget goes to them
and the rest as in `distill`, or an `Allocation` says what goes where. The budget is a ceiling, what
is left is unspent, and a request that cannot be paid is infeasible with the amount that is missing.

A plan depends on the request, the recipes, the unit costs and their price book alone: not on the
store, the machine or the order. Another strategy is one more function in `PLANNERS`; each stage it
pays for is a rate of `Tariff`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from raydoa.costs.allocation import Allocation
from raydoa.costs.checks import check
from raydoa.costs.ledger import MICRO, Item, Ledger, Rate, Stage
from raydoa.costs.limits import QUANTITY_OF, limits, most_labels, one_epoch, student_rows
from raydoa.costs.tariff import Quantities, Recipes, Request, Tariff, steps_for
from raydoa.costs.unit_costs import UnitCosts
from raydoa.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Plan:
    """What the budget buys. An infeasible plan has no quantities, no items, and its reason."""

    strategy: str
    quantities: Quantities
    ledger: Ledger
    unspent_usd: float
    feasible: bool = True
    infeasible_reason: str | None = None
    missing_usd: float = 0.0
    """The least that has to be added before the plan is feasible: to the budget, or to the share of an
    allocation that is too small."""


def plan_cell(request: Request, recipes: Recipes, unit_costs: UnitCosts) -> Plan:
    """Plan one cell.

    Raises:
        UserError: an unknown strategy, model, price or accelerator, or a number out of range.
    """
    planner = PLANNERS.get(request.strategy)
    if planner is None:
        known = list(PLANNERS)
        raise UserError(
            f"strategy: found {request.strategy!r}; known are {', '.join(known)}"
            f"{did_you_mean(request.strategy, known)}"
        )
    check(request)
    return planner(Tariff(request, recipes, unit_costs))


def price_quantities(
    quantities: Quantities, request: Request, recipes: Recipes, unit_costs: UnitCosts
) -> Ledger:
    """The ledger of a cell's stored quantities, at these unit costs and their book's prices."""
    check(request)
    return Tariff(request, recipes, unit_costs).ledger(quantities)


def _feasible(tariff: Tariff, quantities: Quantities) -> Plan:
    ledger = tariff.ledger(quantities)
    unspent = tariff.budget_micro_usd - ledger.cost_micro_usd
    assert unspent >= 0, f"{tariff.request} overspends by {-unspent} micro-dollars"
    return Plan(tariff.request.strategy, quantities, ledger, unspent / MICRO)


def _infeasible(tariff: Tariff, least: Quantities) -> Plan:
    ledger, budget = tariff.ledger(least), tariff.budget_micro_usd
    return _refused(tariff, _why_not(ledger, budget), ledger.cost_micro_usd - budget)


def _refused(tariff: Tariff, reason: str, missing_micro_usd: int) -> Plan:
    return Plan(
        tariff.request.strategy,
        Quantities(),
        Ledger(),
        unspent_usd=tariff.budget_micro_usd / MICRO,
        feasible=False,
        infeasible_reason=reason,
        missing_usd=missing_micro_usd / MICRO,
    )


def _plan_annotate(tariff: Tariff) -> Plan:
    request, schedule = tariff.request, tariff.recipes.student_on_labels

    def buying(labels: int) -> Quantities:
        return Quantities(labels=labels, student_steps=steps_for(schedule, request.n + labels))

    def affordable(labels: int) -> bool:
        steps = steps_for(schedule, request.n + labels)
        cost = tariff.labels.micro_usd(labels) + tariff.student.micro_usd(steps)
        return cost <= tariff.budget_micro_usd

    least = 0 if request.n else 1
    if not affordable(least):
        return _infeasible(tariff, buying(least))
    most = tariff.labels.affordable(tariff.budget_micro_usd)
    if request.labels_available is not None:
        most = min(most, request.labels_available)
    # Costs rise with every label, so the affordable counts are least .. the answer.
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if affordable(middle) else (least, middle - 1)
    return _feasible(tariff, buying(least))


def _plan_distill(tariff: Tariff) -> Plan:
    return _distilling(tariff, 0)


def _distilling(tariff: Tariff, labels: int) -> Plan:
    """Pay for labels, the teacher and the pool in full; what is left buys student steps."""
    request, schedule = tariff.request, tariff.recipes.student_on_soft_labels
    assert request.u is not None
    first = Quantities(
        labels, steps_for(tariff.recipes.teacher, request.n + labels), pseudo_labels=request.u
    )
    rows = student_rows(request.n, labels, request.u)
    left = tariff.budget_micro_usd - tariff.ledger(first).cost_micro_usd
    student_steps = min(tariff.student.affordable(left), steps_for(schedule, rows))
    least = one_epoch(schedule, rows)
    if student_steps < least:
        return _infeasible(tariff, replace(first, student_steps=least))
    return _feasible(tariff, replace(first, student_steps=student_steps))


def _plan_mixed(tariff: Tariff) -> Plan:
    request = tariff.request
    if request.allocation is not None:
        return _allocated(tariff, request.allocation)
    assert request.label_share is not None
    money = round(request.label_share * tariff.budget_micro_usd)
    # A task without a label price can be distilled, and no share of B is `distill`.
    labels = tariff.labels.affordable(money) if money else 0
    return _distilling(tariff, min(labels, most_labels(request)))


def _allocated(tariff: Tariff, allocation: Allocation) -> Plan:
    """Each share buys what it pays for, in turn; no share pays for another."""
    bought = Quantities()
    left = tariff.budget_micro_usd
    for stage, name in QUANTITY_OF.items():
        least, most = limits(stage, tariff, bought)
        # Shares that sum to 1 within a tolerance may not spend more than the budget.
        money = min(round(getattr(allocation, stage) * tariff.budget_micro_usd), left)
        if not (money or least):
            continue
        rate: Rate = getattr(tariff, stage)
        quantity = min(rate.affordable(money), most)
        if quantity < least:
            short = Item(rate, least)
            return _refused(tariff, _why_not_of_share(short, money), short.cost_micro_usd - money)
        bought = replace(bought, **{name: quantity})
        left -= rate.micro_usd(quantity)
    return _feasible(tariff, bought)


Planner = Callable[[Tariff], Plan]

PLANNERS: Mapping[str, Planner] = {
    "annotate": _plan_annotate,
    "distill": _plan_distill,
    "self_distill": _plan_distill,
    "mixed": _plan_mixed,
}

_NAMES: Mapping[Stage, str] = {
    "labels": "the labels",
    "teacher": "the teacher's fine-tuning",
    "pseudo_labels": "the pseudo-labels",
    "student": "the student's training",
}


def _why_not(least: Ledger, budget_micro_usd: int) -> str:
    """One line: what costs how much, the budget, and what is missing."""
    missing = least.cost_micro_usd - budget_micro_usd
    parts = [
        f"{_NAMES[item.stage]} {_to_pay(item.cost_micro_usd, missing)}" for item in least.items
    ]
    total = f" = {_to_pay(least.cost_micro_usd, missing)}" if len(parts) > 1 else ""
    return (
        f"the least it takes is {' + '.join(parts)}{total}, B is {_at_hand(budget_micro_usd, missing)}: "
        f"{_to_pay(missing, missing)} is missing"
    )


def _why_not_of_share(least: Item, money: int) -> str:
    """The same for one item and its share of the budget."""
    missing = least.cost_micro_usd - money
    return (
        f"the least that {_NAMES[least.stage]} takes is {_to_pay(least.cost_micro_usd, missing)}, the share for it is "
        f"{_at_hand(money, missing)}: {_to_pay(missing, missing)} is missing"
    )


def _to_pay(micro_usd: int, missing: int) -> str:
    """Dollars, rounded up, so that what is to be paid is never told too small."""
    decimals = _decimals(missing)
    return f"${-(-micro_usd // 10 ** (6 - decimals)) / 10**decimals:.{decimals}f}"


def _at_hand(micro_usd: int, missing: int) -> str:
    return f"${micro_usd / MICRO:.{_decimals(missing)}f}"


def _decimals(missing: int) -> int:
    """As many as what is missing needs to be seen."""
    return 2 if missing >= MICRO // 100 else 6
