"""A question about the embedded task, and finished sweeps that are made up."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raydoa.experiment.presets import embedded
from raydoa.experiment.resolve import resolve
from raydoa.experiment.result_row import COLUMNS, SCHEMA
from raydoa.experiment.study import Study
from raydoa.planning.case import Case
from raydoa.search.costs import Point
from raydoa.search.surrogate.surface import Measured

OWNED = 100

Rows = list[dict[str, Any]]
WriteSweep = Callable[..., Path]


@pytest.fixture(scope="session")
def study() -> Study:
    """The embedded configuration, with all strategies."""
    sweep, running = embedded()
    grid = sweep.grid.model_copy(update={"strategies": ("annotate", "distill", "mixed"), "u": (1,)})
    return resolve(sweep.model_copy(update={"grid": grid, "shard_rows": 100}), running).study


@pytest.fixture
def case(study: Study) -> Case:
    """100 labels are owned, and $5 can be spent."""
    return Case(study, "lexicon", OWNED, 5.0)


@pytest.fixture
def dear(case: Case) -> Case:
    """The same with $300."""
    return replace(case, budget_usd=300.0)


def row(strategy: str = "annotate", score: object = 0.5, **fields: Any) -> dict[str, Any]:
    """A row as cells.csv has it; what a plan does not read is left empty."""
    taught = strategy != "annotate"
    values = {
        "schema": SCHEMA, "task": "lexicon", "strategy": strategy, "n": OWNED, "teacher": "nano-m" if taught else None,
        "student": "nano-s", "seed": 0, "repeat": 0, "feasible": True, "labels": 0,
        "pseudo_labels": 1000 if taught else 0, "student_steps": 192 if taught else 80, "score": score,
    }  # fmt: skip
    return {**values, **fields}


@pytest.fixture
def write_sweep(tmp_path: Path) -> WriteSweep:
    """Write rows as a finished sweep."""

    def write(
        rows: list[Mapping[str, Any]], name: str = "sweep", columns: tuple[str, ...] = COLUMNS
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


def told(
    score: float, labels: int = OWNED, teacher: str = "", u: int = 0, steps: int = 80
) -> Measured:
    """A measurement."""
    return Measured(
        Point(labels, teacher, u, steps), score, (teacher, labels, score) if teacher else None
    )
