"""How a search ends, in words: the plan that it recommends, what that costs item by item, and what is known of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Plan
from raydoa.costs.reasons import must_be_bought
from raydoa.costs.tariffs import MICRO, micro_budget
from raydoa.experiment.result_row import (
    columns_of,
    items_in,
    plan_columns,
    quantity_column,
)
from raydoa.experiment.study import Study
from raydoa.report.cost_items import items_there
from raydoa.report.majority import constant_in_words, is_better
from raydoa.report.results import finished_rows
from raydoa.search.ask_tell import Search
from raydoa.search.objective import Objective
from raydoa.search.outcome import Expectation, Recommended
from raydoa.search.sampler import SearchState
from raydoa.search.space import Space
from raydoa.store.local_storage import LocalStorage
from raydoa.strategies import STRATEGIES
from raydoa.strategies.strategy import short_name


def cells_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows of a search's log as a table like that of a sweep, in the order of measuring."""
    items = list(dict.fromkeys(item for row in rows for item in items_in(row)))
    table = pd.DataFrame([dict(row) for row in rows], columns=list(columns_of(items)))
    return table.drop_duplicates("cell", ignore_index=True)


def add_missing_rows(rows: Sequence[Mapping[str, Any]], result_dir: Path) -> None:
    """Write the rows whose `result.json` a crash has cost, where Tune would have put them.

    Tune copies its files to the result dir now and then; the log is written at once.
    """
    # Trials that were begun before a crash have no row, and were begun again.
    finished = {row["cell"] for row in finished_rows(result_dir)[0]}
    for row in rows:
        if row["cell"] not in finished:
            path = f"{row['cell']}-{row['plan']}-from_log/result.json"
            LocalStorage(result_dir).write(path, (json.dumps(dict(row)) + "\n").encode())


def measured_table(cells: pd.DataFrame, owned: int) -> pd.DataFrame:
    """One line a measured plan: what it is, its score, and its cost alone and on top of what existed."""
    items = [item.name for item in items_there(cells) if item.name in ITEMS]
    lines = []
    for row in cells.to_dict("records"):
        teacher = "" if pd.isna(row["teacher"]) else short_name(str(row["teacher"]))
        columns = [quantity_column(item) for item in items]
        quantities = {name.replace("_", " "): f"{row[name]:,}" for name in columns}
        lines.append(
            {
                "n": f"{row['n']:,}",
                "teacher": teacher or "-",
                **quantities,
                "score": "none" if pd.isna(row["score"]) else f"{row['score']:.4f}",
                "cost": f"${row['cost_total']:,.4f}",
                "incurred": f"${row['cost_incurred']:,.4f}",
                "kgCO2e": f"{row['kgco2e']:.3g}",
                "": "" if row["n"] == owned else "probe",
            }
        )
    return pd.DataFrame(lines)


def recommendation_lines(best: Recommended, search: Search, study: Study) -> Iterator[str]:
    """The plan for the budget, and that it pays for more labels than there are, if it does.

    No plan where nothing is known of scores: then none is better than another.
    """
    if best.expected is None or best.plan is None:
        yield f"no plan for ${best.level:,.2f} is recommended: nothing was measured, so no score is known"
    else:
        constant = _as_good(best.plan.task, best.expected.score, study)
        if constant is not None:
            yield f"nothing for ${best.level:,.2f} is known to be better than {constant}"
        said = "recommended" if constant is None else "the nearest to it"
        yield from _recommended(said, best.plan, best.level, search, study)
        yield _score(best.expected)
        yield _whether_made(best.plan, search.state)
    for why in dict.fromkeys(search.space.short_of_labels.values()):
        yield f"{why}: no plan buys more"


def _as_good(name: str, score: float, study: Study) -> str | None:
    """The constant answer that is as good as a score, in words; None if the score is better."""
    task = study.tasks[name]
    majority = task.majority_score
    if majority is None or is_better(score, majority):
        return None
    return constant_in_words(majority, task.spec.metric)


def _recommended(
    said: str, plan: Plan, budget_usd: float, search: Search, study: Study
) -> Iterator[str]:
    """A plan in dollars, item by item, and what it is called."""
    space = search.space
    ledger = space.question.ledger(plan)
    yield (
        f"{said} for ${budget_usd:,.2f} with N = {space.question.n:,} labels owned: "
        f"{in_words(plan, space)}"
    )
    yield from _item_lines(ledger)
    unspent = (micro_budget(budget_usd) - ledger.cost_micro_usd) / MICRO
    yield f"  {'unspent':22} ${unspent:,.4f}"
    yield f"  {'kgCO2e':22} {study.kgco2e(ledger):.3g}"


def _whether_made(plan: Plan, state: SearchState) -> str:
    scored = any(o.plan.repeated(0) == plan and o.score is not None for o in state.observations)
    if scored or not any(state.purchases.marginal(plan).values()):
        return "it is made: its student is in the store"
    awaited = state.space.awaited_labels(plan)
    if awaited:
        return f"it is not made: {must_be_bought(awaited)}"
    return f"it is not made yet: that takes ${state.marginal_usd(plan):,.4f} more"


def frontier_lines(
    levels: Sequence[Recommended], objective: Objective, space: Space, study: Study
) -> Iterator[str]:
    """A line for each level: what may be spent, the plan, its score and its burden."""
    yield f"the frontier of score against {'dollars' if objective == 'frontier' else 'kgCO2e'}:"
    for level in levels:
        most = f"${level.level:,.4f}" if objective == "frontier" else f"{level.level:.3g} kgCO2e"
        if level.plan is None or level.expected is None:
            yield f"  up to {most}: nothing that is known can be paid"
            continue
        ledger = space.question.ledger(level.plan)
        yield (
            f"  up to {most}: {in_words(level.plan, space)}; {_score(level.expected)}; "
            f"${ledger.cost_usd:,.4f}, {study.kgco2e(ledger):.3g} kgCO2e"
        )


def ending_lines(search: Search) -> Iterator[str]:
    """How much was measured, at the book's prices and of the limit, and why the search has stopped."""
    failed = sum(observation.score is None for observation in search.observations)
    counted = f"{len(search.observations)} measured" + (
        f", {failed} of them failed" if failed else ""
    )
    budget = search.space.budget_usd
    budgets = f" ({search.spent_usd / budget:.2f} budgets)" if budget else ""
    yield (
        f"{counted}; priced at ${search.spent_usd:,.4f} of the limit of ${search.limit_usd:,.2f}{budgets}, "
        "nothing was bought"
    )
    yield f"it stopped: {search.stopped}"


def in_words(plan: Plan, space: Space) -> str:
    """A plan in a few words: its strategy, what to do, and for how long the student trains."""
    strategy = STRATEGIES.get(space.strategy_of(plan))
    order = strategy.order(plan_columns(plan))
    trainings = [item for item in ITEMS if item.model == "student"]
    steps = [f"{plan.quantity(item.name):,} student {item.unit}s" for item in trainings]
    return f"{strategy.name}: {', '.join([order, *steps])}"


def _item_lines(ledger: Ledger) -> Iterator[str]:
    for line in ledger.lines:
        item = ITEMS.get(line.item)
        units = f"{line.quantity:,} {item.unit}{'' if line.quantity == 1 else 's'}"
        each = f"${line.tariff.unit_price_usd:.3g} each"
        yield f"  {item.title:22} ${line.cost_usd:,.4f}  ({units}, {each})"
    yield f"  {'total':22} ${ledger.cost_usd:,.4f}"


def _score(expected: Expectation) -> str:
    times = f"; measured {expected.seen} x" if expected.seen else ""
    if expected.low is None or expected.high is None:
        return f"measured score {expected.score:.4f}"
    return f"predicted score {expected.score:.4f}, 80% interval {expected.low:.4f} to {expected.high:.4f}{times}"
