"""Why a budget buys nothing, in one line: what costs how much, the budget, and what is missing."""

from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Infeasible
from raydoa.costs.tariffs import MICRO


def unaffordable(least: Ledger, budget_micro_usd: int) -> Infeasible:
    """The least that it takes is more than the budget."""
    missing = least.cost_micro_usd - budget_micro_usd
    parts = [
        f"the {ITEMS.get(line.item).title} {_rounded_up(line.cost_micro_usd, missing)}"
        for line in least.lines
    ]
    total = f" = {_rounded_up(least.cost_micro_usd, missing)}" if len(parts) > 1 else ""
    budget = f"${budget_micro_usd / MICRO:.{_decimals(missing)}f}"
    return Infeasible(
        f"the least it takes is {' + '.join(parts)}{total}, B is {budget}: "
        f"{_rounded_up(missing, missing)} is missing"
    )


def _rounded_up(micro_usd: int, missing: int) -> str:
    """Dollars, rounded up, so that a price is never said too small."""
    decimals = _decimals(missing)
    return f"${-(-micro_usd // 10 ** (6 - decimals)) / 10**decimals:.{decimals}f}"


def _decimals(missing: int) -> int:
    """As many as what is missing needs to be seen."""
    return 2 if missing >= MICRO // 100 else 6
