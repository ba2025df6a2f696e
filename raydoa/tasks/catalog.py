"""The tasks that raydoa knows by name: the six of the paper (arXiv 2305.01645), and its own.

Rows of the six are expected as ``<data root>/<task>/{train,test}.jsonl``, and a pool beside them as ``pool.jsonl``
if there is one. Prefixes and the source length are those of the paper's code; target lengths are not (its 8 tokens cut
off most of a WLP target): they hold all but the few longest targets. Prices of labels are in `raydoa.costs.prices`.
"""

from pathlib import Path

from raydoa.errors import UserError, did_you_mean
from raydoa.tasks.annotators import TOLD
from raydoa.tasks.data import TaskRows
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.reading.rows import read_rows
from raydoa.tasks.synthetic import LEXICON, Lexicon, lexicon_rows
from raydoa.tasks.task import MetricName, TaskSpec

_SOURCE_LENGTH = 128

WLP_TYPES = (
    "Amount", "Reagent", "Device", "Time", "Speed", "Action", "Mention", "Location", "Numerical", "Method",
    "Temperature", "Modifier", "Concentration", "Size", "Generic-Measure", "Seal", "Measure-Type", "Misc", "pH", "Unit",
)  # fmt: skip
"""Entity types of the wet-lab protocols corpus, in the order of the paper's code."""

_STANCES = ("Irrelevant", "Supporting", "Refuting", "Discussing", "Querying")


def _task(name: str, metric: MetricName, target_length: int, *classes: str) -> TaskSpec:
    told = TOLD[name]
    return TaskSpec(
        name=name,
        prefix=f"{name}: ",
        metric=metric,
        source_length=_SOURCE_LENGTH,
        target_length=target_length,
        classes=classes,
        train=f"{name}/train.jsonl",
        test=f"{name}/test.jsonl",
        labels="gold",
        description=told.description,
        class_descriptions=dict(told.classes),
    )


def with_pool(spec: TaskSpec, data_root: str | Path | None) -> TaskSpec:
    """``spec`` with the pool that lies beside the rows of a named task, if there is one: ``<task>/pool.jsonl``.

    The paper's pools are larger than its labelled rows. Without one, a pool is what is left of those.
    """
    pool = f"{spec.name}/pool.jsonl"
    named = spec.train is not None and spec == TASKS.get(spec.name)
    if named and data_root is not None and (Path(data_root) / pool).is_file():
        return spec.model_copy(update={"pool": pool})
    return spec


# Class 0, which the paper's code takes for unparsable output, comes first.
TASKS: dict[str, TaskSpec] = {
    task.name: task
    for task in (
        _task("wlp", "entity_f1", 128, *WLP_TYPES),
        _task("stanceosaurus", "macro_f1", 8, *_STANCES),
        _task("fever", "accuracy", 8, "REFUTES", "SUPPORTS"),
        _task("multipit_id", "accuracy", 8, "NO", "YES"),
        _task("multipit_gen", "bert_ibleu", 64),
        _task("nq", "squad_f1", 32),
        LEXICON,
    )
}


def task_named(name: str) -> TaskSpec:
    """The known task of that name. Raises `UserError`: there is none; the message lists those that there are."""
    if name not in TASKS:
        names = list(TASKS)
        raise UserError(
            f"task {name!r}: not one of {', '.join(names)}{did_you_mean(name, names)}; "
            "a task of one's own is a YAML file"
        )
    return TASKS[name]


def task_given(name: str, data_root: str | Path | None) -> TaskSpec:
    """The task that a name or a YAML file means, with the pool that lies beside a named one's rows.

    Raises:
        UserError: there is none.
    """
    is_file = name.endswith((".yaml", ".yml"))
    return with_pool(read_task_yaml(Path(name)) if is_file else task_named(name), data_root)


def task_rows(spec: TaskSpec, data_root: str | Path | None) -> TaskRows:
    """The rows of a task: generated for the embedded one, read for every other. Raises `UserError`: they are missing or malformed."""
    return lexicon_rows(Lexicon()) if spec == LEXICON else read_rows(spec, data_root)
