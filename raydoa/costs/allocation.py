"""How a budget is split: the fractions of B that go to each item of a cell.

An `Allocation` asks for shares; what they buy, in whole quantities, is the planner's answer (`raydoa.costs.plan`). A
plan can be turned back into the allocation that buys it again, so whatever was planned can also be asked for.
"""

import math
from dataclasses import asdict, dataclass

from raydoa.costs.ledger import MICRO, Ledger, exact
from raydoa.errors import UserError

_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Allocation:
    """Fractions of a budget, which sum to 1. A share that buys less than it could leaves money unspent.

    Raises:
        UserError: a fraction is none, or they do not sum to 1.
    """

    labels: float
    teacher: float
    pseudo_labels: float
    student: float

    def __post_init__(self) -> None:
        shares = asdict(self)
        for name, share in shares.items():
            if not (math.isfinite(share) and 0 <= share <= 1 + _TOLERANCE):
                raise UserError(
                    f"allocation: found {name} = {share}; a share of the budget is from 0 to 1"
                )
        total = math.fsum(shares.values())
        if abs(total - 1) > _TOLERANCE:
            found = " + ".join(f"{name} {share:g}" for name, share in shares.items())
            raise UserError(f"allocation: found {found} = {total:g}; the shares must sum to 1")

    @classmethod
    def of(cls, ledger: Ledger, budget_usd: float) -> "Allocation":
        """The shares with which ``mixed`` buys the quantities of a plan's ledger again, at the same prices.

        What the plan left unspent joins a share that cannot buy more for it: that of the pool if there is one, whose
        rows ``Request.u`` must then hold to what the ledger has, else that of the student, who trains no longer than
        its recipe says.
        """
        budget = micro_budget(budget_usd)
        assert 0 < ledger.cost_micro_usd <= budget, "a plan costs something, and its budget pays it"
        items: dict[str, int] = {item.stage: item.cost_micro_usd for item in ledger.items}
        idle = "pseudo_labels" if "pseudo_labels" in items else "student"
        items[idle] += budget - ledger.cost_micro_usd
        names = ("labels", "teacher", "pseudo_labels", "student")
        return cls(*(items.get(name, 0) / budget for name in names))


def micro_budget(budget_usd: float) -> int:
    """A budget in whole micro-dollars, rounded down."""
    return math.floor(exact(budget_usd) * MICRO)
