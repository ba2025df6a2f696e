"""The sentence a manager needs: what to buy, with which teacher, what to expect, how sure, and what else there is."""

from raydoa.planning.belief import Belief
from raydoa.planning.case import Case
from raydoa.planning.outlook import Outlook, Table

_SURE = 0.9
_LIKELY = 0.75
_FAR = 1.5


def sentence(case: Case, belief: Belief, found: Table) -> str:
    """One sentence about the best plan and the next best."""
    best = found.best
    parts = [
        f"{_doubt(case, belief)}{advice(best, case)}, and expect a score of {_expected(best)}{_beyond(best, belief)}",
        _alternative(found, case),
    ]
    thrifty = found.thrifty
    if thrifty is not None and not _told(thrifty, found):
        parts.append(
            f"with less money, {noun(thrifty, case)} for {usd(thrifty.plan.ledger.cost_usd)} is expected to come "
            f"within a point of that ({thrifty.score:.2f})"
        )
    return "; ".join(part for part in parts if part) + "."


def _told(thrifty: Outlook, found: Table) -> bool:
    """Whether the next best is as good a saving, which is told anyway."""
    second = found.rows[1] if len(found.rows) > 1 else None
    if second is None or second.score < thrifty.score - 0.01:
        return False
    return (
        second.face == thrifty.face or second.plan.ledger.cost_usd <= thrifty.plan.ledger.cost_usd
    )


def _doubt(case: Case, belief: Belief) -> str:
    """What the reader must know first, if nothing of the task was measured."""
    if belief.evidence.measured:
        return ""
    return f"Nothing of {case.task} has been measured, so take this as a guess and measure before you buy: "


def advice(row: Outlook, case: Case) -> str:
    """What to do, as an order."""
    bought, total = row.plan.quantities.labels, usd(row.plan.ledger.cost_usd)
    student = short(case.study.sweep.student)
    of_budget = f"{total} of the {usd(case.budget_usd)}"
    if not row.face.teacher:
        buy = f"buy {labels(bought)}" if bought else "buy no labels"
        return f"{buy} and train {student} on all {case.owned + bought:,} ({of_budget})"
    teacher, u = short(row.face.teacher), row.point.u
    if not bought:
        return (
            f"fine-tune {teacher} on the {case.owned:,} labels you own, let it label {u:,} rows and train {student} on "
            f"them ({of_budget}, no labels bought)"
        )
    return (
        f"buy {labels(bought)}, fine-tune {teacher} on all {case.owned + bought:,}, let it label {u:,} rows and train "
        f"{student} on both ({of_budget}, {_share(row)} of it for labels)"
    )


def noun(row: Outlook, case: Case) -> str:
    """A plan by its name."""
    bought = row.plan.quantities.labels
    more = labels(bought, "more ")
    if not row.face.teacher:
        return f"{more} alone" if bought else f"only the {labels(case.owned)} you own"
    teacher = f"distilling {short(row.face.teacher)} over {row.point.u:,} rows"
    return f"{teacher} with {more}" if bought else f"{teacher} without buying labels"


def _expected(row: Outlook) -> str:
    return f"{row.score:.2f} (with 80% probability between {row.low:.2f} and {row.high:.2f})"


def _beyond(row: Outlook, belief: Belief) -> str:
    """Whether the plan is far outside of what was measured, where laws are stretched."""
    taught = bool(row.face.teacher)
    points = [m.point for m in belief.evidence.measured if bool(m.point.teacher) == taught]
    if not points:
        return ""
    with_it = "labels with a teacher" if taught else "labels without a teacher"
    most = {with_it: max(p.labels for p in points), "pool rows": max(p.u for p in points)}
    asked = {with_it: row.point.labels, "pool rows": row.point.u}
    far = [f"{most[what]:,} {what}" for what, count in asked.items() if count > _FAR * most[what]]
    return f", which is extrapolated: at most {' and '.join(far)} were measured" if far else ""


def _alternative(found: Table, case: Case) -> str:
    if len(found.rows) == 1:
        return "nothing else can be paid"
    second, ahead = found.rows[1], found.first_beats_second
    assert ahead is not None, "two rows have been compared"
    what = (
        f"the next best, {noun(second, case)} for {usd(second.plan.ledger.cost_usd)}, is expected to give "
        f"{second.score:.2f} ({second.low:.2f} to {second.high:.2f})"
    )
    if ahead < _LIKELY:
        return (
            f"{what}, too close to call: the first is better with a probability of {percent(ahead)}"
        )
    if ahead < _SURE or second.high > found.best.low:
        sure = percent(ahead)
        return f"{what}: the intervals overlap, and the first is better on average with a probability of {sure}"
    return what


def _share(row: Outlook) -> str:
    item = row.plan.ledger.item("labels")
    assert item is not None, "labels were bought"
    return percent(item.cost_usd / row.plan.ledger.cost_usd)


def short(model: str) -> str:
    """A model's name without who owns it."""
    return model.rpartition("/")[2]


def labels(count: int, what: str = "") -> str:
    """So many labels, in words."""
    return f"{count:,} {what}label" + ("" if count == 1 else "s")


def percent(share: float) -> str:
    """A share or a probability; what is not sure is never shown as if it were."""
    if 0.995 <= share < 1:
        return ">99%"
    if 0 < share < 0.005:
        return "<1%"
    return f"{100 * share:.0f}%"


def usd(amount: float) -> str:
    """Dollars: cents, and of less than a dollar also what is below them."""
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.4f}"
