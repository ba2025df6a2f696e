"""A plan for people: lines for a terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import CostItem
from raydoa.experiment.result_row import plan_columns
from raydoa.planning.answer import Answer, Expected
from raydoa.planning.break_even import NEITHER, BreakEvenPrice, Sides
from raydoa.planning.first_measurements import FirstMeasurement
from raydoa.planning.outlook import Outlook
from raydoa.planning.purchases import NotOffered, Purchase, usd
from raydoa.planning.scenario import Scenario
from raydoa.planning.sentence import rounded_percent
from raydoa.planning.unknown import not_known
from raydoa.planning.what_if import PriceChange, WhatIf
from raydoa.report.wording import points
from raydoa.search.space import Variant
from raydoa.strategies import STRATEGIES
from raydoa.strategies.strategy import short_name


def answer_lines(answer: Answer, command: Callable[[Mapping[str, Any]], str]) -> Iterator[str]:
    """Everything, the sentence first; ``command`` says what runs a sweep with some settings changed."""
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
    yield _plans(answer.purchases, scenario)
    yield from map(_not_offered, answer.not_offered)
    yield from _legend(answer)
    yield ""
    yield from _unknown(answer, command) if answer.expected is None else _expected(answer.expected)
    yield from (f"note: {note}" for note in answer.notes)


def _expected(expected: Expected) -> Iterator[str]:
    """What would change the best plan."""
    yield _what_ifs(expected)
    yield ""
    if expected.sides is not None:
        yield from (_break_even(price, expected.sides) for price in expected.break_evens)


def _unknown(answer: Answer, command: Callable[[Mapping[str, Any]], str]) -> Iterator[str]:
    """What is bought at other prices, and how to find out what it is worth."""
    for at in answer.at_prices:
        yield f"at {_change(at.change, at.now)}:{'' if at.purchases else f' {at.why_not}'}"
        if at.purchases:
            yield _plans(at.purchases, at.scenario)
        yield from map(_not_offered, at.not_offered)
        yield ""
    if answer.first:
        yield "measure first, on the labels that are owned; then plan again with --from and the folders that these print:"
    for row in answer.first:
        yield f"  {_first(row)}: {command(row.settings)}"


def _first(row: FirstMeasurement) -> str:
    minutes = "" if row.minutes is None else f", {row.minutes:.3g} minutes"
    return f"{usd(row.ledger.cost_usd)}, {row.ledger.gpu_seconds / 3600:.3g} GPU-h{minutes}"


def _legend(answer: Answer) -> Iterator[str]:
    scenario = answer.scenario
    wall_clock = f"wall-clock: at least, on {scenario.gpus} x {scenario.study.sweep.accelerator}"
    if answer.expected is None:
        yield f"{scenario.metric}: {not_known(scenario)}, for each of these plans; they are in no order"
        yield f"of each strategy the plan that makes the most of B; {wall_clock}"
        return
    yield (
        f"score: {scenario.metric}, in points of 100; 80% interval: of the score that one training gets; doubt about the "
        "surface, the teacher's luck and the seed's are all in it"
    )
    known = answer.purchases[0]
    ranked = isinstance(known, Outlook) and known.best_probability is not None
    best = (
        "that its expected score is the highest in this table"
        if ranked
        else "not known; too little has been measured"
    )
    yield f"P(best): {best}; {wall_clock}"


def _plans(rows: Sequence[Purchase], scenario: Scenario) -> str:
    """The table; of each cost item that a plan has, how much and for how many dollars."""
    items = [item for item in ITEMS if any(row.plan.quantity(item.name) for row in rows)]
    per_item = [header for item in items for header in _item_headers(item)]
    scores = ("score", "80% interval", "P(best)") if isinstance(rows[0], Outlook) else ()
    headers = (
        "plan",
        *scores,
        *per_item,
        "total",
        "unspent",
        "GPU-h",
        "wall-\nclock h",
        "kgCO2e",
        "id",
    )
    return _aligned([headers, *(_cells(row, items, scenario) for row in rows)], words=1)


def _item_headers(item: CostItem) -> tuple[str, str]:
    title = item.title.replace(" ", "\n")
    return (title if item.unit in title else f"{title}\n{item.unit}s"), "$"


def _cells(row: Purchase, items: list[CostItem], scenario: Scenario) -> list[str]:
    ledger = row.ledger
    return [
        name(row.variant),
        *(_score_cells(row) if isinstance(row, Outlook) else ()),
        *(cell for item in items for cell in _item_cells(row, item)),
        usd(ledger.cost_usd),
        usd(row.unspent_usd),
        f"{ledger.gpu_seconds / 3600:.3g}",
        f"{scenario.wall_clock_hours(ledger):.3g}",
        f"{scenario.study.kgco2e(ledger):.3g}",
        scenario.plan_id(row.plan) or "-",
    ]


def _score_cells(row: Outlook) -> tuple[str, str, str]:
    interval = f"{points(row.low)} to {points(row.high)}"
    best = row.best_probability
    return points(row.score), interval, "-" if best is None else rounded_percent(best)


def _item_cells(row: Purchase, item: CostItem) -> tuple[str, str]:
    line = row.ledger.line(item.name)
    return ("-", "-") if line is None else (f"{line.quantity:,}", usd(line.cost_usd))


def name(variant: Variant) -> str:
    """A strategy with what it chooses."""
    chosen = STRATEGIES.get(variant.strategy).chosen(dict(variant.choices))
    return f"{variant.strategy} {chosen}".strip()


def _not_offered(none: NotOffered) -> str:
    return f"{name(none.variant)}: {none.why}"


def _what_ifs(expected: Expected) -> str:
    headers = ("what if", "best plan", "score", "80% interval", "cost", "kgCO2e")
    rows = [_what_if(row, expected.table.best.score) for row in expected.what_ifs]
    return _aligned([headers, *rows], words=2)


def _aligned(rows: Sequence[Sequence[str]], words: int) -> str:
    """Rows as columns: the first ones are words and start on the left, numbers end on the right."""
    align = ["left"] * words + ["right"] * (len(rows[0]) - words)
    # The headers are a row: as headers they would be padded, and the table is wide as it is.
    return tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=align)


def _what_if(row: WhatIf, score_now: float) -> list[str]:
    best = row.best
    if best is None:
        return [_change(row.change, row.now), str(row.why_not), "", "", "", ""]
    bought = STRATEGIES.get(best.variant.strategy).bought(plan_columns(best.plan))
    return [
        _change(row.change, row.now),
        f"{best.variant.strategy} {bought}",
        f"{points(best.score)} ({100 * (best.score - score_now):+.1f})",
        f"{points(best.low)} to {points(best.high)}",
        usd(best.ledger.cost_usd),
        f"{row.kgco2e:.3g}",
    ]


def _change(change: PriceChange, now: float | None) -> str:
    before = f" (now {now:.4g})" if now is not None else ""
    return f"{change.name} = {change.value:.4g}{before}"


def _break_even(price: BreakEvenPrice, sides: Sides) -> str:
    what = f"break-even {price.name}, {sides.baseline} against {sides.alternatives}"
    if price.price is None:
        always = "neither is affordable" if price.below == NEITHER else f"{price.below} is ahead"
        return f"{what}: none; {always} from {usd(price.low)} to {usd(price.high)}"
    return f"{what}: {usd(price.price)} (now {usd(price.now)}); below it {price.below} is ahead, above it {price.above}"
