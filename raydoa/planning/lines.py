"""A plan for people: lines for a terminal."""

from collections.abc import Iterator, Sequence

from tabulate import tabulate

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import CostItem
from raydoa.experiment.result_row import plan_columns
from raydoa.planning.answer import Answer
from raydoa.planning.break_even import NEITHER, BreakEvenPrice, Sides
from raydoa.planning.outlook import Outlook, Unaffordable
from raydoa.planning.scenario import Scenario
from raydoa.planning.sentence import rounded_percent, usd
from raydoa.planning.what_if import WhatIf
from raydoa.report.wording import points
from raydoa.search.space import Variant
from raydoa.strategies import STRATEGIES
from raydoa.strategies.strategy import short_name


def answer_lines(answer: Answer) -> Iterator[str]:
    """Everything, the sentence first."""
    scenario, book = answer.scenario, answer.scenario.book
    question = scenario.question
    yield answer.sentence
    yield ""
    yield (
        f"task {question.task}, N = {question.n:,} labels owned, B = {usd(scenario.budget_usd)}, "
        f"student {short_name(question.student)}"
    )
    yield (
        f"prices {book.book_id}: a label {usd(scenario.label_usd)}, a GPU-hour on {scenario.study.sweep.accelerator} "
        f"{usd(scenario.gpu_hour_usd)}"
    )
    yield from (f"scores: {line}" for line in answer.sources)
    yield ""
    yield _plans(answer)
    yield from map(_unaffordable, answer.table.unaffordable)
    yield from _legend(scenario)
    yield ""
    yield _what_ifs(answer)
    yield ""
    if answer.sides is not None:
        sides = answer.sides
        yield from (_break_even(price, sides) for price in answer.break_evens)
    yield from (f"note: {note}" for note in answer.notes)


def _legend(scenario: Scenario) -> Iterator[str]:
    yield (
        f"score: {scenario.metric}, in points of 100; 80% interval: of the score that one training gets; doubt about the "
        "surface, the teacher's luck and the seed's are all in it"
    )
    gpus = f"{scenario.gpus} x {scenario.study.sweep.accelerator}"
    yield f"P(best): that its expected score is the highest in this table; wall-clock: at least, on {gpus}"


def _plans(answer: Answer) -> str:
    """The table; of each cost item that a plan has, how much and for how many dollars."""
    rows = answer.table.rows
    items = [item for item in ITEMS if any(row.plan.quantity(item.name) for row in rows)]
    per_item = [header for item in items for header in _item_headers(item)]
    headers = ("plan", "score", "80% interval", "P(best)", *per_item, "total", "unspent", "GPU-h",
               "wall-\nclock h", "kgCO2e", "id")  # fmt: skip
    return _aligned([headers, *(_cells(row, items, answer.scenario) for row in rows)], words=1)


def _item_headers(item: CostItem) -> tuple[str, str]:
    title = item.title.replace(" ", "\n")
    return (title if item.unit in title else f"{title}\n{item.unit}s"), "$"


def _cells(row: Outlook, items: list[CostItem], scenario: Scenario) -> list[str]:
    ledger = row.ledger
    return [
        name(row.variant),
        points(row.score),
        f"{points(row.low)} to {points(row.high)}",
        rounded_percent(row.best_probability or 0.0),
        *(cell for item in items for cell in _item_cells(row, item)),
        usd(ledger.cost_usd),
        usd(row.unspent_usd),
        f"{ledger.gpu_seconds / 3600:.3g}",
        f"{scenario.wall_clock_hours(ledger):.3g}",
        f"{scenario.study.kgco2e(ledger):.3g}",
        scenario.plan_id(row.plan) or "-",
    ]


def _item_cells(row: Outlook, item: CostItem) -> tuple[str, str]:
    line = row.ledger.line(item.name)
    return ("-", "-") if line is None else (f"{line.quantity:,}", usd(line.cost_usd))


def name(variant: Variant) -> str:
    """A strategy with what it chooses."""
    return " ".join([variant.strategy, *(short_name(value) for _, value in variant.choices)])


def _unaffordable(variant: Unaffordable) -> str:
    if variant.least_usd is None:
        return f"{name(variant.variant)}: no rows are left for it"
    return (
        f"{name(variant.variant)}: unaffordable; its cheapest plan costs {usd(variant.least_usd)}"
    )


def _what_ifs(answer: Answer) -> str:
    headers = ("what if", "best plan", "score", "80% interval", "cost", "kgCO2e")
    rows = [_what_if(row, answer.table.best.score) for row in answer.what_ifs]
    return _aligned([headers, *rows], words=2)


def _aligned(rows: Sequence[Sequence[str]], words: int) -> str:
    """Rows as columns: the first ones are words and start on the left, numbers end on the right."""
    align = ["left"] * words + ["right"] * (len(rows[0]) - words)
    # The headers are a row: as headers they would be padded, and the table is wide as it is.
    return tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=align)


def _what_if(row: WhatIf, score_now: float) -> list[str]:
    best = row.best
    if best is None:
        return [_change(row), str(row.why_not), "", "", "", ""]
    bought = STRATEGIES.get(best.variant.strategy).bought(plan_columns(best.plan))
    return [
        _change(row),
        f"{best.variant.strategy} {bought}",
        f"{points(best.score)} ({100 * (best.score - score_now):+.1f})",
        f"{points(best.low)} to {points(best.high)}",
        usd(best.ledger.cost_usd),
        f"{row.kgco2e:.3g}",
    ]


def _change(row: WhatIf) -> str:
    before = f" (now {row.now:.4g})" if row.now is not None else ""
    return f"{row.change.name} = {row.change.value:.4g}{before}"


def _break_even(price: BreakEvenPrice, sides: Sides) -> str:
    what = f"break-even {price.name}, {sides.baseline} against {sides.alternatives}"
    if price.price is None:
        always = "neither is affordable" if price.below == NEITHER else f"{price.below} is ahead"
        return f"{what}: none; {always} from {usd(price.low)} to {usd(price.high)}"
    return f"{what}: {usd(price.price)} (now {usd(price.now)}); below it {price.below} is ahead, above it {price.above}"
