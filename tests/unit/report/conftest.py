"""Rows of a sweep that never ran, and the result dir that Tune would have left."""

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raydoa.experiment.result_row import COLUMNS, SCHEMA
from raydoa.report.columns import typed

SCALED = "toys are priced as giants"


def row(**values: Any) -> dict[str, Any]:
    """A feasible annotate row, but for ``values``."""
    full: dict[str, Any] = dict.fromkeys(COLUMNS)
    full |= {name: 0.0 for name in COLUMNS if name.startswith(("cost_", "gpu_seconds_"))}
    full |= {
        "schema": SCHEMA, "task": "tiny", "strategy": "annotate", "budget": 1.0, "n": 8, "student": "s", "seed": 0, "repeat": 0,
        "metric": "accuracy", "prices": "book", "accelerator": "a", "region": "r", "feasible": True, "labels": 0,
        "teacher_steps": 0, "pseudo_labels": 0, "student_steps": 1, "score": 0.5, "cost_total": 1.0,
        "cost_incurred": 1.0,
    }  # fmt: skip
    full |= values
    full["pseudo_labels"] = values.get("pseudo_labels", full["u"] or 0)
    names = ("task", "strategy", "budget", "n", "u", "teacher", "seed")
    full["cell"] = values.get("cell", "-".join(str(full[name]) for name in names).replace("/", "_"))
    return full


def frame(*rows: Mapping[str, Any]) -> pd.DataFrame:
    return typed(pd.DataFrame([row(**values) for values in rows], columns=list(COLUMNS)))


def grid(
    seeds: int = 3, tasks: tuple[str, ...] = ("tiny",), *, feasible: bool = True, scaled: str | None = SCALED
) -> pd.DataFrame:  # fmt: skip
    """Two budgets, two N, annotate, distill with two teachers, and the control."""
    chance = random.Random(0)
    rows = []
    for task in tasks:
        for n in (8, 16):
            for budget in (1.0, 100.0):
                for seed in range(seeds):
                    shared = {
                        "task": task,
                        "n": n,
                        "budget": budget,
                        "seed": seed,
                        "prices_scaled": scaled,
                    }
                    labels = int(budget * 2)
                    kinds = [
                        ("annotate", None, None, labels, budget * 0.9, 0.3),
                        ("distill", "org/large", 20, 0, 0.4, 0.4),
                        ("distill", "org/xxl", 20, 0, 0.8 if n == 8 else 1.2, 0.6),
                        ("self_distill", "s", 20, 0, 0.1, 0.25),
                    ]
                    for strategy, teacher, u, bought, cost, score in kinds:
                        ok = feasible and cost <= budget
                        rows.append({
                            **shared, "strategy": strategy, "teacher": teacher, "u": u, "feasible": ok,
                            "labels": bought, "cost_total": cost if ok else 0.0,
                            "score": score + chance.uniform(-0.02, 0.02) if ok else None,
                            "infeasible_reason": None if ok else "the least it takes is $1.20",
                        })  # fmt: skip
    return frame(*rows)


@pytest.fixture
def result_dir(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows as Tune does: a folder a trial, JSON lines, and keys of its own beside ours."""

    def write(cells: pd.DataFrame, name: str = "sweep") -> Path:
        for index, values in enumerate(cells.to_dict("records")):
            folder = tmp_path / name / f"cell{index:03d}"
            folder.mkdir(parents=True)
            plain = {str(k): None if pd.isna(v) else v for k, v in values.items()}
            line = json.dumps(
                {**plain, "trial_id": "x", "config": {"cell": {}}, "time_total_s": 1.5}
            )
            (folder / "result.json").write_text(line + "\n")
        return tmp_path / name

    return write
