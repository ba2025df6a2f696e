"""A question about the embedded task, and finished sweeps that are made up."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Plan
from raydoa.experiment.presets import embedded
from raydoa.experiment.resolve import resolve
from raydoa.experiment.result_row import ROW_SCHEMA, columns_of
from raydoa.experiment.study import Study
from raydoa.planning.scenario import Scenario, scenario_of
from raydoa.search.surrogate.surface import Measured

OWNED = 100
COLUMNS = tuple(columns_of(ITEMS.names()))

Rows = list[dict[str, Any]]
WriteSweep = Callable[..., Path]


@pytest.fixture(scope="session")
def study() -> Study:
    """The embedded configuration."""
    configuration = embedded()
    sweep, runtime = configuration.sweep, configuration.runtime
    grid = sweep.grid.model_copy(update={"u": (1,)})
    return resolve(sweep.model_copy(update={"grid": grid, "shard_rows": 100}), runtime).study


@pytest.fixture
def scenario(study: Study) -> Scenario:
    """100 labels are owned, and $5 can be spent."""
    return scenario_of(study, "lexicon", OWNED, 5.0)


@pytest.fixture
def large_budget(scenario: Scenario) -> Scenario:
    """The same with $300."""
    return replace(scenario, budget_usd=300.0)


def row(strategy: str = "annotate", score: object = 0.5, **fields: Any) -> dict[str, Any]:
    """A row as cells.csv has it; what a plan does not read is left empty."""
    taught = strategy != "annotate"
    values = {
        "schema": ROW_SCHEMA, "task": "lexicon", "strategy": strategy, "n": OWNED, "teacher": "nano-m" if taught else None,
        "student": "nano-s", "seed": 0, "repeat": 0, "status": "measured", "feasible": True, "labels": 0, "teacher_steps": 120 if taught else 0,
        "pseudo_labels": 1000 if taught else 0, "student_steps": 192 if taught else 80, "score": score, "llm_labels": 0,
    }  # fmt: skip
    return {**values, **fields}


@pytest.fixture
def write_sweep(tmp_path: Path) -> WriteSweep:
    """Write rows as a finished sweep."""

    def write(
        rows: list[Mapping[str, Any]], name: str = "sweep", columns: Sequence[str] = COLUMNS
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        with (folder / "cells.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return folder

    return write


def grid(task: str = "lexicon") -> Rows:
    """A small sweep in which labels help, and a teacher helps more."""
    rows: Rows = []
    for seed in (0, 1):
        rows += [
            row(score=0.40 + 0.01 * seed, task=task, seed=seed),
            row(score=0.60, labels=300, student_steps=260, task=task, seed=seed),
        ]
        rows += [
            row("distill", 0.55 + 0.1 * (u > 1000) + 0.01 * seed, task=task, seed=seed, pseudo_labels=u,
                student_steps=6 * -(-u // 32), teacher=teacher)
            for u in (1000, 3000) for teacher in ("nano-m", "nano-l")
        ]  # fmt: skip
    return rows


def plan(labels: int = OWNED, teacher: str = "", u: int = 0, steps: int = 80) -> Plan:
    """A plan where 100 labels are owned; it learns from ``labels`` in all."""
    owned = min(labels, OWNED)
    choices = (("teacher", teacher),) if teacher else ()
    return Plan("lexicon", owned, "nano-s", 0, 0, choices, ()).with_quantities(
        labels=labels - owned,
        teacher=30 * -(-labels // 32) if teacher else 0,
        pseudo_labels=u,
        student=steps,
    )


def measurement(
    score: float, labels: int = OWNED, teacher: str = "", u: int = 0, steps: int = 80
) -> Measured:
    """A measured plan."""
    tuned = (teacher, labels, score) if teacher else None
    return Measured(plan(labels, teacher, u, steps), score, tuned)
