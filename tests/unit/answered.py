"""A sweep whose students' answers a test makes up: evaluations with real keys in a real store, and rows that name them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from raydoa.costs.plan import Plan
from raydoa.tasks.catalog import task_rows
from raydoa.tasks.data import write_rows
from raydoa.tasks.split import in_order
from tests.unit.report.conftest import frame
from tests.unit.world import World, graph_of

TAUGHT = {"teacher": "nano-m", "u": 20, "cost_total": 0.5}


def answered(world: World, answers: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """A cell for each strategy, whose student wrote these answers for the test rows; the store is the world's."""
    resolved = world.resolved()
    study, store = resolved.study, resolved.context.store
    source = study.tasks["tiny"]
    rows = task_rows(source.spec, None)
    test = in_order(rows.test, 0)
    with TemporaryDirectory() as folder:
        write_rows(rows, Path(folder))
        store.publish(source.data, Path(folder), {}, {})
    cells = []
    for strategy, written in answers.items():
        asked = [cell for cell in study.cells() if cell.strategy == strategy]
        stage = next(
            graph_of(resolved, cell).evaluations[0]
            for cell in asked
            if isinstance(study.plan(cell), Plan)
        )
        predicted = zip(test, written, strict=True)
        lines = [json.dumps({"id": row.id, "prediction": text}) for row, text in predicted]
        with TemporaryDirectory() as folder:
            (Path(folder) / "predictions.jsonl").write_text("\n".join(lines) + "\n")
            store.publish(stage, Path(folder), {}, {})
        right = [row.target == text for row, text in zip(test, written, strict=True)]
        values = {"strategy": strategy, "score": sum(right) / len(right), "key_evaluation": stage.key}  # fmt: skip
        cells.append(values | ({} if strategy == "annotate" else TAUGHT))
    return frame(*cells)


def right_answers(world: World) -> list[str]:
    """The right answers, in the order of an evaluation."""
    rows = task_rows(world.resolved().study.tasks["tiny"].spec, None)
    return [row.target or "" for row in in_order(rows.test, 0)]
