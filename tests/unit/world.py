"""A task of a hundred rows and models that train in a blink: the whole dataflow, in this process."""

import csv
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from raydoa.costs.plan import Plan
from raydoa.costs.stage_graph import StageGraph
from raydoa.experiment.accounting import made_for
from raydoa.experiment.cell import Cell
from raydoa.experiment.config import Grid, Pretraining, RuntimeConfig, Sweep
from raydoa.experiment.forecast import Forecast, forecast
from raydoa.experiment.resolve import Resolved, resolve
from raydoa.experiment.trial import awaiting_row, infeasible_row, measure
from raydoa.pipeline.builder import Builder, NoLocks
from raydoa.pipeline.local_runner import LocalRunner
from raydoa.training.recipe import PretrainRecipe, Recipe, Representation

TRAIN, TEST, POOL = 100, 12, 60
CLASSES = ("YES", "NO")
_WORDS = [
    "acid",
    "base",
    "salt",
    "water",
    "flask",
    "tube",
    "heat",
    "cool",
    "mix",
    "spin",
    "wash",
    "dry",
]
_RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=1)

TASK: Mapping[str, Any] = {
    "name": "tiny",
    "prefix": "tiny: ",
    "metric": "accuracy",
    "source_length": 16,
    "target_length": 4,
    "classes": list(CLASSES),
    "train": "train.jsonl",
    "test": "test.jsonl",
    "label_price": {"usd": 0.5, "source": "a test", "date": "2026-11-21"},
}


def rows(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Rows whose class is that of a word in them."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        words = chance.choices(_WORDS, k=4)
        made.append(
            {"source": " ".join(words), "target": CLASSES["acid" in words or "base" in words]}
        )
    return made


def write_rows(path: Path, values: Sequence[Mapping[str, str]]) -> None:
    """Rows as JSONL, CSV or Parquet, as the path's suffix says."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in values), encoding="utf-8")
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(values[0]))
            writer.writeheader()
            writer.writerows(values)
    else:
        pq.write_table(pa.Table.from_pylist([dict(row) for row in values]), path)


def write_task(folder: Path, suffix: str = ".jsonl", **fields: Any) -> Path:
    """A task of one's own in ``folder``; returns its YAML (JSON is YAML)."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (part, count) in enumerate({"train": TRAIN, "test": TEST, "pool": POOL}.items()):
        write_rows(folder / f"{part}{suffix}", rows(count, seed))
    places = {part: f"{part}{suffix}" for part in ("train", "test")}
    path = folder / "tiny.yaml"
    path.write_text(json.dumps({**TASK, **places, **fields}), encoding="utf-8")
    return path


def write_people_task(folder: Path, **fields: Any) -> Path:
    """The same task with a pool of its own, none of whose rows has a label."""
    path = write_task(folder, **{"pool": "pool.jsonl", "labels": "people", **fields})
    sources = [{"source": row["source"]} for row in rows(POOL, 2)]
    write_rows(folder / "pool.jsonl", sources)
    return path


class Row(dict[str, Any]):
    """A result row whose columns are attributes as well."""

    def __getattr__(self, column: str) -> Any:
        if column not in self:
            raise AttributeError(column)
        return self[column]


@dataclass(frozen=True)
class World:
    """A place for a task, a store and results."""

    folder: Path
    task: Path

    def sweep(self, **changes: Any) -> Sweep:
        """A sweep of the nano family, pretrained for three steps; ``changes`` are axes of its grid or fields."""
        axes: dict[str, Any] = {
            "tasks": (str(self.task),),
            "strategies": ("annotate", "distill", "self_distill"),
            "budgets": (0.0001, 1.0, 4.0),
            "n": (8, 16),
            "u": (20, 40),
            "teachers": ("nano-m",),
            "seeds": (0,),
            "label_shares": (0.5,),
            "llms": (),
            "shots": (4,),
            "llm_rows": (20,),
        }
        grid = {name: changes.pop(name, values) for name, values in axes.items()}
        fields: dict[str, Any] = {
            "name": "tiny",
            "student": "nano-s",
            "student_recipe": _RECIPE,
            "teacher_recipe": _RECIPE,
            "distill_recipe": _RECIPE,
            "pretraining": Pretraining(
                vocabulary=60,
                recipes=dict.fromkeys(
                    ("nano-s", "nano-m"), PretrainRecipe(training=_RECIPE, steps=3, length=16)
                ),
            ),
            "representation": Representation(),
            "shard_rows": 20,
            # Its tiny vocabularies have hardly a word: `YES` is four tokens and an end.
            "allow": ("cut-targets",),
            "prices": "embedded",
            "accelerator": "a100-40gb",
            "region": "us",
        }
        return Sweep(grid=Grid.model_validate(grid), **{**fields, **changes})

    def runtime(self, **changes: Any) -> RuntimeConfig:
        """Folders of this world."""
        places = {name: str(self.folder / name) for name in ("store", "results")}
        return RuntimeConfig.model_validate({**places, **changes})

    def resolved(self, sweep: Sweep | None = None, **runtime: Any) -> Resolved:
        """The sweep with this world's task and store."""
        return resolve(sweep or self.sweep(), self.runtime(**runtime))


def measured_row(resolved: Resolved, cell: Cell, purchased: Mapping[str, int] | None = None) -> Row:
    """The row of one cell, whose plan is measured for it alone."""
    plan = resolved.study.plan(cell)
    assert isinstance(plan, Plan), plan
    builder = builder_of(resolved, plan)
    return Row(measure(plan, [cell], purchased or {}, resolved.study, builder)[0])


def graph_of(resolved: Resolved, cell: Cell) -> StageGraph:
    """The stages of a cell's plan."""
    plan = resolved.study.plan(cell)
    assert isinstance(plan, Plan), plan
    return resolved.study.graph(plan)


def forecast_of(resolved: Resolved) -> Forecast:
    """The forecast of all cells of a sweep."""
    return forecast(resolved.study, resolved.study.cells())


def builder_of(resolved: Resolved, plan: Plan) -> Builder:
    """A builder that works alone, in this process, for one plan."""
    study = resolved.study
    owner = made_for(study.sweep_id, study.plan_id(plan))
    context = replace(resolved.context, made_for=owner)
    return Builder(context.store, LocalRunner(context), NoLocks())


def measure_all(resolved: Resolved, cells: Sequence[Cell] | None = None) -> dict[Cell, Row]:
    """The rows of all cells: what can be measured is, one plan after the other in the order of ``cells``."""
    study, expected = resolved.study, forecast_of(resolved)
    rows = {cell: infeasible_row(cell, why, study) for cell, why in expected.infeasible.items()}
    rows |= {cell: awaiting_row(cell, plan, study) for cell, plan in expected.awaiting.items()}
    for cell in cells or tuple(expected.cells):
        plan = expected.cells[cell]
        if isinstance(plan, Plan) and cell not in rows:
            trial = expected.trials[plan]
            asked = [other for other in cells or trial.cells if other in trial.cells]
            measured = measure(plan, asked, trial.purchased, study, builder_of(resolved, plan))
            rows |= dict(zip(asked, measured, strict=True))
    return {cell: Row(rows[cell]) for cell in cells or tuple(expected.cells)}
