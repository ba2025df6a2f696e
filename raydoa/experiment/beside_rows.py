"""What the driver of a sweep or search leaves in its result dir beside rows, for whoever reads those later.

``data_check.json`` is the look at the rows of its tasks (`raydoa.tasks.look`), and ``sweep.json`` says where the artifacts lie
that rows name by their keys.
"""

import json
from pathlib import Path

from raydoa.experiment.resolve import Resolved
from raydoa.experiment.task_source import TaskSource
from raydoa.store.local_storage import LocalStorage
from raydoa.tasks.catalog import task_rows
from raydoa.tasks.look.look import Look, look_at
from raydoa.tasks.look.written import looks_to_bytes

DATA_CHECK_FILE = "data_check.json"
SWEEP_FILE = "sweep.json"


def write_beside_rows(resolved: Resolved, result_dir: Path) -> None:
    """Write both; a look that is there is of the same rows, since those are part of the result dir's name."""
    storage = LocalStorage(result_dir)
    # The store may have been moved since.
    storage.write(SWEEP_FILE, json.dumps({"store": resolved.context.store.url}).encode() + b"\n")
    try:
        storage.read(DATA_CHECK_FILE)
    except FileNotFoundError:
        looks = [_look(task, resolved.context.data_root) for task in resolved.study.tasks.values()]
        storage.write(DATA_CHECK_FILE, looks_to_bytes(look.written() for look in looks))


def _look(task: TaskSource, data_root: str | None) -> Look:
    """The look that was taken; at raydoa's own rows none was."""
    return task.look or look_at(task_rows(task.spec, data_root), task.spec)
