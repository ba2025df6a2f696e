"""Why a budget buys nothing, or not what it pays for, in one line: what is missing, dollars or labels."""

from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Infeasible
from raydoa.costs.question import Question
from raydoa.costs.tariffs import MICRO, NO_LIMIT
from raydoa.errors import UserError


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


def short_of_labels(money: str, paid_for: int, question: Question) -> str:
    """There are fewer labels than some money, such as "B", pays for."""
    supply, u = question.supply, question.axes.get("u") or 0
    there, labels = supply.to_buy(question.n, u), "label" if paid_for == 1 else "labels"
    number = f"{paid_for:,} {labels}" if paid_for < NO_LIMIT else "any number of labels"
    if supply.sale == "pool":
        beside = f" beside U = {u:,}" if u else ""
        return f"{money} pays for {number}, and the pool has {there:,} rows{beside}"
    # Of a pool that is the rest of the labelled rows, no row is both.
    beside = f" and U = {u:,}" if u and not supply.pool_rows else ""
    in_hand = f"{there:,} are" if there > 1 else "one is" if there else "none are"
    return (
        f"{money} pays for {number}, and {in_hand} in hand beside the {question.n:,} owned{beside}"
    )


def endless(question: Question) -> UserError:
    """What is free has no end where rows cannot be counted."""
    return UserError(
        f"{question.task}: its labels and training on them cost nothing, and its rows cannot be counted from here, so there is "
        "no end of what can be bought; name their folder with --data"
    )


def must_be_bought(labels: int, short: str | None = None) -> str:
    """Why a plan that buys labels of people awaits them, and why it buys no more if B pays for more."""
    first = f"{labels:,} label{'' if labels == 1 else 's'} must be bought first"
    return first if short is None else f"{first}; {short}"


def only_in_hand(short: str) -> Infeasible:
    """Labels that are not in hand cannot be bought where people write none."""
    return Infeasible(f"{short} (labels: gold)")


def _rounded_up(micro_usd: int, missing: int) -> str:
    """Dollars, rounded up, so that a price is never said too small."""
    decimals = _decimals(missing)
    return f"${-(-micro_usd // 10 ** (6 - decimals)) / 10**decimals:.{decimals}f}"


def _decimals(missing: int) -> int:
    """As many as what is missing needs to be seen."""
    return 2 if missing >= MICRO // 100 else 6
