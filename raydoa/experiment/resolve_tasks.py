"""The tasks of a sweep: their rows read, looked at and fingerprinted, once; and what is missing of them."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from raydoa.errors import Unreachable, UserError
from raydoa.experiment.config import Sweep
from raydoa.experiment.resolve_models import Models
from raydoa.experiment.task_source import TaskSource
from raydoa.models.hub import folder_fingerprint
from raydoa.models.meeting import Speaker
from raydoa.models.objective import objective_of
from raydoa.models.token_lengths import token_lengths
from raydoa.pipeline.beginnings import TaskData
from raydoa.tasks.catalog import task_given, task_rows
from raydoa.tasks.data import TaskRows, fingerprint
from raydoa.tasks.look.lengths import lengths_in_tokens
from raydoa.tasks.look.look import look_at
from raydoa.tasks.look.problems import check_meaning
from raydoa.tasks.metrics.majority import majority_score
from raydoa.tasks.reading.rows import part_records
from raydoa.tasks.split import check_sizes, in_order
from raydoa.tasks.synthetic import LEXICON
from raydoa.tasks.task import WHAT_LLMS_ARE_TOLD, TaskSpec

logger = logging.getLogger(__name__)


def task_specs(sweep: Sweep, data_root: str | None) -> dict[str, TaskSpec]:
    """The tasks that a sweep names, by name. Raises `UserError`: there is no such one, or two have one name."""
    specs: dict[str, TaskSpec] = {}
    for name in sweep.grid.tasks:
        spec = task_given(name, data_root)
        if "test-in-train" in sweep.allow and spec != LEXICON:
            spec = spec.model_copy(update={"test_rows_elsewhere": "kept"})
        if spec.name in specs:
            raise UserError(f"tasks: two are called {spec.name!r}; give one of them another name")
        specs[spec.name] = spec
    return specs


def find_tasks(
    sweep: Sweep,
    specs: Mapping[str, TaskSpec],
    data_root: str | None,
    scorers: Mapping[str, Path],
    missing: list[str],
) -> tuple[dict[str, TaskSource], dict[str, TaskRows]]:
    """Read the rows of tasks.

    Args:
        sweep: says what is asked of them.
        specs: the tasks.
        data_root: where their rows are.
        scorers: folders of the models that metrics need, by task.
        missing: takes a line for each location that cannot be reached, and for each N or U above what is there.

    Returns:
        The tasks, with a stand-in for rows that cannot be reached, and the rows of the others.

    Raises:
        UserError: a row is malformed, or no score would mean anything.
    """
    tasks: dict[str, TaskSource] = {}
    rows: dict[str, TaskRows] = {}
    for name, spec in specs.items():
        scored_by = folder_fingerprint(scorers[name]) if name in scorers else None
        absent = [
            problem
            for part in ("train", "test", "pool", "text")
            if (problem := _unreachable(spec, part, data_root)) is not None
        ]
        missing += absent
        if absent:
            tasks[name] = TaskSource(spec, _stand_in(spec), None, 0, scored_by)
            continue
        rows[name] = _rows(spec, data_root)
        tasks[name] = _source(spec, rows[name], scored_by, sweep.test_rows)
        if (look := tasks[name].look) is not None:
            check_meaning(look.problems, name, sweep.allow)
        missing += [short for short in (_shortage(tasks[name], sweep),) if short is not None]
    return tasks, rows


def with_lengths(
    task: TaskSource, rows: TaskRows | None, models: Models, sweep: Sweep
) -> TaskSource:
    """A task with the lengths of its texts in tokens of the models that can be reached.

    Raises:
        UserError: targets are cut, or a model cannot learn the task.
    """
    if rows is None or task.look is None:
        return task
    spec = task.spec
    counted = [
        lengths_in_tokens(rows, spec, name, count, writes=_writes(models.speakers[name], spec))
        for name, folder in models.folders.items()
        if (count := token_lengths(folder)) is not None
    ]
    look = task.look.counted(counted)
    check_meaning(look.problems, spec.name, sweep.allow)
    return replace(task, look=look)


def _writes(speaker: Speaker, spec: TaskSpec) -> bool:
    """Whether a model learns targets as text, and not as classes or tags."""
    return speaker.objective(objective_of(spec), spec.name) is None


def _rows(spec: TaskSpec, data_root: str | None) -> TaskRows:
    rows = task_rows(spec, data_root)
    for note in rows.notes:
        logger.warning("task %s: %s", spec.name, note)
    if spec.labels == "people" and not rows.pool:
        why = (
            f"pool: {spec.pool} has no rows, and people are to label rows of it (those that are test rows are left out)" if spec.pool
            else "labels: found 'people' without a pool; people label its rows: say under `pool` where those are, or leave rows of "
            f"{spec.train} without a label"
        )  # fmt: skip
        raise UserError(f"task {spec.name}: {why}")
    return rows


def _source(
    spec: TaskSpec, rows: TaskRows, scored_by: str | None, test_rows: int | None
) -> TaskSource:
    # On the rows that models are scored on.
    majority = majority_score(rows.labelled, in_order(rows.test, 0)[:test_rows], spec)
    return TaskSource(
        spec,
        TaskData(spec.name, fingerprint(rows)),
        train_rows=len(rows.labelled),
        pool_rows=len(rows.pool),
        scorer=scored_by,
        # Those of train that nobody has labelled joined it.
        pool_is_labelled=all(
            row.target is not None for row in rows.pool if row.id.startswith("pool-")
        ),
        unlabelled=0 if rows.pool else len(rows.unlabelled),
        look=look_at(rows, spec) if spec != LEXICON else None,
        annotations=rows.annotations,
        majority_score=majority,
    )


def _stand_in(spec: TaskSpec) -> TaskData:
    # Who labels what is bought, and what labellers are told, changes no row; how classes are written cannot be seen here.
    unseen = {"labels", "class_of", "test_rows_elsewhere", *WHAT_LLMS_ARE_TOLD}
    described = spec.model_dump_json(exclude=unseen)
    return TaskData(spec.name, hashlib.sha256(f"unreachable {described}".encode()).hexdigest())


def _unreachable(spec: TaskSpec, part: str, data_root: str | None) -> str | None:
    """Why the rows of a part cannot be had from here, or None."""
    try:
        next(part_records(spec, part, data_root), None)
    except Unreachable as why:
        return str(why)
    return None


def _shortage(task: TaskSource, sweep: Sweep) -> str | None:
    """What the largest N and U of the grid lack, or None."""
    assert task.train_rows is not None, "rows that are read are counted"
    try:
        most = max(task.owned(sweep.grid.n))
        check_sizes(
            task.train_rows, task.pool_rows, n=most, bought=0, u=sweep.largest_pool, unlabelled=task.unlabelled
        )  # fmt: skip
    except UserError as mistake:
        return f"task {task.spec.name}: {mistake}"
    return None
