"""Rows of a sweep that never ran, and the result dir that Tune would have left."""

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raydoa.costs.items import ITEMS
from raydoa.experiment.cell import Cell
from raydoa.experiment.result_row import DRIVER_FILE, MEASURED, ROW_SCHEMA, columns_of
from raydoa.report.columns import as_cells

SCALED = "toys are priced as giants"
COLUMNS = columns_of(ITEMS.names())


def row(extra: Sequence[str] = (), **values: Any) -> dict[str, Any]:
    """A feasible annotate row, but for ``values``; ``extra`` are cost items of plugins."""
    columns = columns_of([*ITEMS.names(), *(item for item in extra if item not in ITEMS)])
    full: dict[str, Any] = dict.fromkeys(columns)
    full |= {name: 0.0 for name, kind in columns.items() if kind is float}
    full |= {f"quantity_{item}": 0 for item in extra}
    full |= {
        "schema": ROW_SCHEMA, "task": "tiny", "strategy": "annotate", "budget": 1.0, "n": 8, "student": "s", "seed": 0, "repeat": 0,
        "metric": "accuracy", "prices": "book", "accelerator": "a", "region": "r", "status": "measured", "feasible": True, "labels": 0,
        "teacher_steps": 0, "pseudo_labels": 0, "llm_labels": 0, "student_steps": 1, "score": 0.5, "cost_total": 1.0,
        "cost_incurred": 1.0,
    }  # fmt: skip
    full |= values
    full["pseudo_labels"] = values.get("pseudo_labels", full["u"] or 0)
    full["cell"] = values.get("cell", cell_of(full).name)
    if full["feasible"]:
        names = ("task", "strategy", "n", "u", "teacher", "seed")
        asked = [full[name] for name in (*names, "labels", "student_steps", "repeat")]
        digits = hashlib.sha256(repr(asked).encode()).hexdigest()
        full["plan"] = values.get("plan", digits[:12])
        if full["status"] == MEASURED:
            full["key_evaluation"] = values.get("key_evaluation", digits)
    else:
        full |= {"status": values.get("status", "infeasible"), "score": values.get("score")}
    return full


def cell_of(values: Mapping[str, Any]) -> Cell:
    """The cell that a row is of; what there is not is None."""
    u = values["u"]
    plain = {f.name: values[f.name] for f in fields(Cell) if f.name in values}
    return Cell(**{**plain, "u": u if u is None else int(u), "choices": ()})


def frame(*rows: Mapping[str, Any]) -> pd.DataFrame:
    return as_cells([row(**values) for values in rows], "frame")


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
    """Writes rows as a sweep does: see `sweep_files`."""

    def write(cells: pd.DataFrame, name: str = "sweep") -> Path:
        for path, content in sweep_files(cells).items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return tmp_path / name

    return write


def sweep_files(cells: pd.DataFrame) -> dict[str, bytes]:
    """The files of a result dir: a folder a plan with a JSON line a cell, with keys of Tune's own beside ours."""
    files: dict[str, bytes] = {DRIVER_FILE: b""}
    trials: dict[str, list[dict[str, Any]]] = {}
    for values in cells.to_dict("records"):
        plain = {str(k): None if pd.isna(v) else v for k, v in values.items()}
        if plain["status"] != MEASURED:
            files[DRIVER_FILE] += json.dumps(plain).encode() + b"\n"
        else:
            trials.setdefault(str(plain["plan"]), []).append(plain)
    for index, (plan, rows) in enumerate(trials.items()):
        cells = [asdict(cell_of(values)) for values in rows]
        config = {"trial": {"id": plan, "cells": json.dumps(cells)}}
        lines = [
            {**plain, "trial_id": "x", "config": config, "time_total_s": 1.5} for plain in rows
        ]
        folder = f"{rows[0]['cell']}-{plan}-1a2b3_{index:05d}"
        files[f"{folder}/result.json"] = "".join(json.dumps(line) + "\n" for line in lines).encode()
    return files
