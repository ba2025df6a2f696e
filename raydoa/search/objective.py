"""What a search is for: the best plan of one budget, or the best plan of every budget below it."""

from typing import Literal, get_args

Objective = Literal["score", "frontier", "frontier_kgco2e"]
"""One plan; or the frontier of score against dollars, or against the kgCO2e of the computing."""

OBJECTIVES: tuple[Objective, ...] = get_args(Objective)

LIMIT_BUDGETS = 2.0
"""What the measurements of a search may cost unless told otherwise, in budgets."""

SHARES = (0.125, 0.25, 0.5, 1.0)
"""The levels of a frontier, as shares of the budget."""
