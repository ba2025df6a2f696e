"""Labels that a share of the budget buys, beside something else."""

import math
from collections.abc import Mapping

from raydoa.costs.question import Question
from raydoa.costs.reasons import short_of_labels
from raydoa.costs.tariffs import micro_budget
from raydoa.errors import UserError


def share_of_labels(question: Question, budget_usd: float) -> int:
    """Labels that the share of the budget pays for, were there rows without end.

    Raises:
        UserError: the share is no fraction.
    """
    share = question.axes.get("label_share")
    if share is None or not (math.isfinite(share) and 0 <= share <= 1):
        raise UserError(f"label_share: found {share}; it is a fraction of the budget, from 0 to 1")
    money = round(share * micro_budget(budget_usd))
    # A task without a label price can do without them.
    return question.tariff("labels", ()).affordable(money) if money else 0


def labels_there(question: Question, choices: Mapping[str, str]) -> int:
    """Labels that can be bought beside the pool that is asked for."""
    return question.limits("labels", question.plan(choices))[1]


def share_short_of_labels(
    question: Question, budget_usd: float, choices: Mapping[str, str]
) -> str | None:
    """See `Strategy.short_of_labels`; None where the share is open or buys none."""
    share = question.axes.get("label_share")
    if not share or question.tariff("labels", ()).is_free:
        return None
    paid_for = share_of_labels(question, budget_usd)
    if paid_for <= labels_there(question, choices):
        return None
    return short_of_labels(f"{share:.4g} of B", paid_for, question)
