"""Cells of a sweep that nobody ran: real plans at public prices, and scores drawn from a law.

The plans are what a sweep over so many budgets would have; the scores rise with labels, the teacher's size and U, with
noise from a seeded generator. They are for measuring how fast tables are read, and mean nothing.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from raydoa.costs.book_files import open_book
from raydoa.costs.items import ITEMS
from raydoa.costs.ledger import Ledger
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.pricing import Pricing
from raydoa.costs.question import Question
from raydoa.costs.schedules import Recipes
from raydoa.costs.unit_costs import UnitCosts
from raydoa.experiment.cell import Cell
from raydoa.experiment.config import Grid, Sweep
from raydoa.experiment.grid import grid_cells
from raydoa.experiment.presets import PAPER_TASKS, paper
from raydoa.experiment.result_row import ROW_SCHEMA, columns_of, quantity_column
from raydoa.strategies import STRATEGIES

_TEACHERS = {f"google/t5-v1_1-{name}": gain for name, gain in (("large", 0.02), ("xl", 0.05), ("xxl", 0.08))}  # fmt: skip
_ACCELERATOR, _REGION = "a100-40gb", "us"


@dataclass(frozen=True)
class _Task:
    name: str
    source_length: int = 128
    target_length: int = 64


def rows(count: int, seeds: int = 5) -> Iterator[dict[str, Any]]:
    """So many rows: six tasks, six N, and as many budgets as it takes."""
    sweep = paper().sweep
    unit_costs = UnitCosts(open_book("2026-11-09"), _ACCELERATOR)
    chance = np.random.default_rng(0)
    plans: dict[Cell, Plan | Infeasible] = {}
    for cell in _cells(sweep, count, seeds)[:count]:
        asked = replace(cell, seed=0)
        if asked not in plans:
            question = _question(sweep, asked, unit_costs)
            plans[asked] = STRATEGIES.get(cell.strategy).plan(question, cell.budget)
        yield _row(cell, plans[asked], _question(sweep, asked, unit_costs), unit_costs, chance)


def _cells(sweep: Sweep, count: int, seeds: int) -> list[Cell]:
    owned = (50, 100, 250, 500, 1000, 2000)
    choices = 1 + 3 * len(_TEACHERS) + 3
    budgets = np.geomspace(
        5, 5000, math.ceil(count / len(PAPER_TASKS) / len(owned) / choices / seeds)
    )
    grid = Grid(
        tasks=PAPER_TASKS,
        strategies=("annotate", "distill", "self_distill"),
        budgets=tuple(budgets.round(2).tolist()),
        n=owned,
        u=(5000, 10_000, 100_000),
        teachers=tuple(_TEACHERS),
        seeds=tuple(range(seeds)),
    )
    cells = grid_cells(grid, sweep.student)
    return sorted(cells, key=lambda cell: (PAPER_TASKS.index(cell.task), cell.n, cell.budget))


def _question(sweep: Sweep, cell: Cell, unit_costs: UnitCosts) -> Question:
    recipes = Recipes(sweep.teacher_recipe, sweep.student_recipe, sweep.distill_recipe, 128)
    prices = Pricing(_Task(cell.task), cell.student, recipes, unit_costs)
    return Question(cell.task, cell.n, cell.student, recipes, prices, axes=cell.axes)


def _row(
    cell: Cell, plan: Plan | Infeasible, question: Question, unit_costs: UnitCosts, chance: np.random.Generator
) -> dict[str, Any]:  # fmt: skip
    book, items = unit_costs.book, ITEMS.names()
    feasible = isinstance(plan, Plan)
    ledger = question.ledger(plan) if isinstance(plan, Plan) else Ledger()
    bought = dict(plan.quantities) if isinstance(plan, Plan) else {}
    costs = ledger.columns(items)
    score = (
        _score(cell, bought.get("labels", 0)) + float(chance.normal(0, 0.01)) if feasible else None
    )
    of_seed = {
        "plan": (plan, cell.seed),
        "key_student": (plan, cell.seed, "student"),
        "key_evaluation": (plan, cell),
    }
    row = {
        **dict.fromkeys(columns_of(items)),
        "schema": ROW_SCHEMA, "cell": cell.name, "task": cell.task, "strategy": cell.strategy, "budget": cell.budget,
        "n": cell.n, "u": cell.u, "teacher": cell.teacher, "student": cell.student, "seed": cell.seed, "repeat": 0,
        "metric": "accuracy", "prices": book.book_id, "accelerator": _ACCELERATOR, "region": _REGION,
        "status": "measured" if feasible else "infeasible", "feasible": feasible,
        "infeasible_reason": plan.reason if isinstance(plan, Infeasible) else None,
        **{quantity_column(item): bought.get(item, 0) for item in items},
        **{f"fraction_{item}": costs[f"cost_{item}"] / cell.budget for item in items},
        "score": score, "score_paper": score, "score_low": score and score - 0.02,
        "score_high": score and score + 0.02, "teacher_score": score and score + 0.02 if cell.teacher else None,
        **costs, "cost_incurred": costs["cost_total"] / 2, "unspent": cell.budget - costs["cost_total"],
        "kgco2e": ledger.kgco2e(book, _ACCELERATOR, _REGION),
        **{f"basis_{line.item}": line.tariff.basis for line in ledger.lines},
        **{f"measured_gpu_seconds_{line.item}": line.gpu_seconds * 1.1 or None for line in ledger.lines},
        "key_teacher": _key("teacher", cell.n, cell.teacher, cell.seed) if cell.teacher else None,
        **{name: _key(*parts) for name, parts in of_seed.items() if feasible},
    }  # fmt: skip
    return {**row, "plan": row["plan"] and row["plan"][:12]}


def _score(cell: Cell, labels: int) -> float:
    labelled = 0.3 + 0.06 * math.log(1 + cell.n + labels)
    if cell.teacher not in _TEACHERS or cell.u is None:
        return labelled
    return (
        0.3 + 0.05 * math.log(1 + cell.n) + _TEACHERS[cell.teacher] + 0.01 * math.log(cell.u / 1000)
    )


def _key(*parts: object) -> str:
    """As long as a real one, and the same for the same parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
