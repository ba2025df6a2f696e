"""The sentence a manager needs: what to buy, what to expect, how sure that is, and what else there is.

What plans are called is said by their strategies. Scores are in points of 100, with their metric.
"""

from raydoa.costs.items import ITEMS
from raydoa.experiment.result_row import plan_columns
from raydoa.planning.belief import Belief
from raydoa.planning.measurements import data_of
from raydoa.planning.outlook import Outlook, Table
from raydoa.planning.purchases import usd
from raydoa.planning.scenario import Scenario
from raydoa.report.wording import points
from raydoa.strategies import STRATEGIES

_SURE = 0.9
_LIKELY = 0.75
_FAR = 1.5


def sentence(scenario: Scenario, belief: Belief, table: Table) -> str:
    """One sentence about the best plan and the next best."""
    best = table.best
    first = f"{advice(best, scenario)}, and expect {_expected(best, scenario)}"
    parts = [
        _capital(f"{_doubt(scenario, belief)}{first}{_beyond(best, belief)}"),
        _alternative(table),
    ]
    thrifty = table.thrifty
    if thrifty is not None and not _already_said(thrifty, table):
        parts.append(
            f"for less money, {noun(thrifty)} ({usd(thrifty.ledger.cost_usd)}) is expected to come within a point of "
            f"that ({points(thrifty.score)})"
        )
    return "; ".join(part for part in parts if part) + "."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _already_said(thrifty: Outlook, table: Table) -> bool:
    """Whether the next best, which is named anyway, saves as much."""
    second = table.rows[1] if len(table.rows) > 1 else None
    if second is None or second.score < thrifty.score - 0.01:
        return False
    return second.variant == thrifty.variant or second.ledger.cost_usd <= thrifty.ledger.cost_usd


def _doubt(scenario: Scenario, belief: Belief) -> str:
    """What the reader must know first, if nothing of the task was measured."""
    if belief.evidence.measured:
        return ""
    return f"Nothing of {scenario.question.task} has been measured, and other data sets predict it; measure before you buy: "


def advice(row: Outlook, scenario: Scenario) -> str:
    """What to do, as an order, and how much of the budget that takes."""
    order = STRATEGIES.get(row.variant.strategy).order(plan_columns(row.plan))
    total = row.ledger.cost_usd
    bought = [
        f"{rounded_percent(line.cost_usd / total)} of it for {ITEMS.get(line.item).title}"
        for line in row.ledger.lines
        if line.gpu_seconds == 0 and len(row.ledger.lines) > 1 and total
    ]
    return f"{order} ({', '.join([f'{usd(total)} of the {usd(scenario.budget_usd)}', *bought])})"


def noun(row: Outlook) -> str:
    """A plan by its name."""
    return STRATEGIES.get(row.variant.strategy).noun(plan_columns(row.plan))


def _expected(row: Outlook, scenario: Scenario) -> str:
    return f"{points(row.score)} {scenario.metric} (with 80% probability between {points(row.low)} and {points(row.high)})"


def _beyond(row: Outlook, belief: Belief) -> str:
    """Whether the plan is far outside of what was measured, where laws are stretched."""
    measured = [data_of(plan) for plan in belief.measured_like(row.plan)]
    if not measured:
        return ", though nothing like it has been measured" if belief.evidence.measured else ""
    most = {item: max(data[item] for data in measured) for item in measured[0]}
    far = [
        f"{most[item]:,} {_with_its_kind(item, row)}"
        for item, count in data_of(row.plan).items()
        if count > _FAR * most[item]
    ]
    return f", which is extrapolated: at most {' and '.join(far)} were measured" if far else ""


def _with_its_kind(item: str, row: Outlook) -> str:
    """The title of an item; of gold rows, which plans of every kind learn from, with whom they are used."""
    title = ITEMS.get(item).title
    if ITEMS.get(item).brings != "gold":
        return title
    names = " and a ".join(name for name, _ in row.plan.choices)
    return f"{title} with a {names}" if names else f"{title} alone"


def _alternative(table: Table) -> str:
    if len(table.rows) == 1:
        return "nothing else is affordable"
    second, ahead = table.rows[1], table.first_beats_second
    what = (
        f"the next best, {noun(second)} for {usd(second.ledger.cost_usd)}, is expected to reach {points(second.score)} "
        f"({points(second.low)} to {points(second.high)})"
    )
    if ahead is None:
        return f"{what}: too little has been measured to say which is better"
    if ahead < _LIKELY:
        return f"{what}, too close to call: the first is better with a probability of {rounded_percent(ahead)}"
    if ahead < _SURE or second.high > table.best.low:
        sure = rounded_percent(ahead)
        return f"{what}: the intervals overlap, and the first is better on average with a probability of {sure}"
    return what


def rounded_percent(share: float) -> str:
    """A share or a probability; what is not sure is never shown as if it were."""
    if 0.995 <= share < 1:
        return ">99%"
    if 0 < share < 0.005:
        return "<1%"
    return f"{100 * share:.0f}%"
