"""Cells of a sweep that nobody ran: real plans of raydoa's planner at public prices, and scores drawn from a law.

The plans are what a sweep over so many budgets would have; the scores rise with labels, the teacher's size and U, with
noise from a seeded generator. They are for measuring how fast tables are read, and mean nothing.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from raydoa.costs.plan import Plan, plan_cell
from raydoa.costs.prices import open_book
from raydoa.costs.tariff import Recipes, Request
from raydoa.costs.unit_costs import UnitCosts
from raydoa.experiment.cell import Cell
from raydoa.experiment.presets import PAPER_TASKS, paper
from raydoa.experiment.result_row import SCHEMA

_TEACHERS = {"large": 0.02, "xl": 0.05, "xxl": 0.08}
_COMPUTING = ("teacher", "pseudo_labels", "student")
_ACCELERATOR, _REGION = "a100-40gb", "us"


@dataclass(frozen=True)
class _Task:
    name: str
    source_length: int = 128
    target_length: int = 64


def rows(count: int, seeds: int = 5) -> Iterator[dict[str, Any]]:
    """So many rows: six tasks, six N, and as many budgets as it takes."""
    sweep = paper()[0]
    recipes = Recipes(sweep.teacher_recipe, sweep.student_recipe, sweep.distill_recipe, 128)
    unit_costs = UnitCosts(open_book("2026-11-09"), _ACCELERATOR)
    chance = np.random.default_rng(0)
    owned = (50, 100, 250, 500, 1000, 2000)
    kinds: list[tuple[str, int | None, str | None]] = [("annotate", None, None)]
    kinds += [
        ("distill", u, f"google/t5-v1_1-{t}") for t in _TEACHERS for u in (5000, 10_000, 100_000)
    ]
    kinds += [("self_distill", u, "google/t5-v1_1-small") for u in (5000, 10_000)]
    budgets = np.geomspace(
        5, 5000, math.ceil(count / len(PAPER_TASKS) / len(owned) / len(kinds) / seeds)
    )
    made = 0
    for task in PAPER_TASKS:
        for n in owned:
            for budget in budgets.round(2).tolist():
                for strategy, u, teacher in kinds:
                    request = Request(strategy, _Task(task), budget, n, sweep.student, teacher, u)
                    plan = plan_cell(request, recipes, unit_costs)
                    for seed in range(seeds):
                        if made == count:
                            return
                        made += 1
                        cell = Cell(task, strategy, budget, n, u, teacher, sweep.student, seed)
                        yield _row(cell, plan, unit_costs, chance)


def _row(
    cell: Cell, plan: Plan, unit_costs: UnitCosts, chance: np.random.Generator
) -> dict[str, Any]:
    book, ledger, bought = unit_costs.book, plan.ledger, plan.quantities
    costs = ledger.columns()
    costs.pop("gpu_seconds_labels")
    score = _score(cell, bought.labels) + float(chance.normal(0, 0.01)) if plan.feasible else None
    taught = cell.teacher is not None
    return {
        "schema": SCHEMA, "cell": cell.name, "task": cell.task, "strategy": cell.strategy, "budget": cell.budget,
        "n": cell.n, "u": cell.u, "teacher": cell.teacher, "student": cell.student, "seed": cell.seed, "repeat": 0,
        "metric": "accuracy", "prices": book.book_id, "prices_scaled": None, "accelerator": _ACCELERATOR,
        "region": _REGION, "feasible": plan.feasible, "infeasible_reason": plan.infeasible_reason,
        "labels": bought.labels, "teacher_steps": bought.teacher_steps, "pseudo_labels": bought.pseudo_labels,
        "student_steps": bought.student_steps,
        **{f"fraction_{k}": costs[f"cost_{k}"] / cell.budget for k in ("labels", *_COMPUTING)},
        "score": score, "score_paper": score, "score_low": score and score - 0.02,
        "score_high": score and score + 0.02, "teacher_score": score and score + 0.02 if taught else None,
        **costs, "cost_incurred": costs["cost_total"] / 2, "unspent": plan.unspent_usd,
        "kgco2e": ledger.kgco2e(book, _ACCELERATOR, _REGION),
        **{f"basis_{k}": ledger.basis(k) for k in _COMPUTING},
        **{f"measured_gpu_seconds_{k}": costs[f"gpu_seconds_{k}"] * 1.1 or None
           for k in _COMPUTING},
        "key_teacher": _key("teacher", cell.n, cell.teacher, cell.seed) if taught else None,
        "key_student": _key("student", *bought.__dict__.values(), cell.teacher, cell.seed) if score else None,
        "key_evaluation": _key("score", *bought.__dict__.values(), cell) if score else None,
        "key_teacher_evaluation": None,
    }  # fmt: skip


def _score(cell: Cell, labels: int) -> float:
    labelled = 0.3 + 0.06 * math.log(1 + cell.n + labels)
    if cell.strategy != "distill" or cell.teacher is None or cell.u is None:
        return labelled
    size = _TEACHERS[cell.teacher.rpartition("-")[2]]
    return 0.3 + 0.05 * math.log(1 + cell.n) + size + 0.01 * math.log(cell.u / 1000)


def _key(*parts: object) -> str:
    """As long as a real one, and the same for the same parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()
