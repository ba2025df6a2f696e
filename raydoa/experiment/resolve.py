"""Names in a configuration to what they stand for: a `Study`, and the `ExecutionContext` that stages are built in.

Resolving reads every file it can reach and takes its fingerprint. What it cannot reach it lists, with a stand-in
in its place, so that the sweep can still be priced.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from raydoa.costs.book_files import open_book
from raydoa.costs.prices import PriceBook
from raydoa.costs.unit_costs import UnitCosts, read_calibration
from raydoa.errors import Unreachable, UserError
from raydoa.experiment.config import RuntimeConfig, Sweep
from raydoa.experiment.resolve_llms import find_llms, named_llms
from raydoa.experiment.resolve_models import Models, find_models
from raydoa.experiment.study import Study
from raydoa.experiment.task_source import TaskSource
from raydoa.models.hub import folder_fingerprint
from raydoa.models.lookup import own_models
from raydoa.pipeline.beginnings import Initialize, Pretrain, TaskData, Vocabulary
from raydoa.pipeline.context import ExecutionContext
from raydoa.store.store import Store
from raydoa.tasks.catalog import task_given, task_rows
from raydoa.tasks.data import fingerprint
from raydoa.tasks.look.problems import check_meaning
from raydoa.tasks.reading.rows import part_records
from raydoa.tasks.split import check_sizes
from raydoa.tasks.task import WHAT_LLMS_ARE_TOLD, TaskSpec
from raydoa.training.recipe import Execution

logger = logging.getLogger(__name__)

SHIPPED = Path(__file__).parents[1] / "models" / "shipped"


@dataclass(frozen=True)
class Resolved:
    """A sweep ready to be planned and, if nothing is unreachable, to be run."""

    study: Study
    context: ExecutionContext


def resolve(sweep: Sweep, runtime: RuntimeConfig) -> Resolved:
    """Resolve all names of ``sweep``. In the study's own sweep, tasks go by their names, not by their files.

    Raises:
        UserError: a name is unknown, a row is malformed, a price is missing, or models do not fit together.
    """
    missing: list[str] = []
    specs = _specs(sweep.grid.tasks, runtime.data)
    llms = named_llms(sweep, runtime)
    named = sweep.grid.model_copy(update={"tasks": tuple(specs), "llms": tuple(llms)})
    sweep = sweep.model_copy(update={"grid": named})
    scorers = {name: folder for name, spec in specs.items() if (folder := spec.scoring_model())}
    tasks = {
        name: _task_source(spec, runtime.data, scorers.get(name), missing, sweep.allow)
        for name, spec in specs.items()
    }
    missing += [short for task in tasks.values() if (short := _shortage(task, sweep)) is not None]
    models = find_models(sweep, runtime.models, missing)
    unit_costs = _unit_costs(sweep, runtime, specs, models)
    study = Study(
        sweep=sweep,
        tasks=tasks,
        checkpoints=models.checkpoints,
        speakers=models.speakers,
        pretrained={
            (name, task.spec.name): _own_model(name, task, sweep)
            for name in models.own
            for task in tasks.values()
        },
        unit_costs=unit_costs,
        llms=find_llms(llms, sweep, tasks, runtime.data, unit_costs.book, missing),
        unreachable=tuple(missing),
    )
    for name in tasks:
        study.inputs(name)  # Refuses models that cannot learn the task.
    places = {task.scorer: str(scorers[name]) for name, task in tasks.items() if task.scorer}
    context = _context(sweep, runtime, specs, {**models.places, **places})
    in_use = {name: llm.in_use for name, llm in study.llms.items()}
    return Resolved(study, replace(context, llms=in_use, account=runtime.account))


def _context(
    sweep: Sweep,
    runtime: RuntimeConfig,
    specs: Mapping[str, TaskSpec],
    checkpoints: Mapping[str, str],
) -> ExecutionContext:
    return ExecutionContext(
        store=Store(runtime.store, shipped=[SHIPPED] if SHIPPED.is_dir() else []),
        tasks=specs,
        data_root=str(Path(runtime.data).absolute()) if runtime.data is not None else None,
        checkpoints=checkpoints,
        execution=Execution(
            device="cuda" if runtime.gpus_per_worker else "cpu",
            checkpoint_every_steps=runtime.checkpoint_every_steps,
            interruptions_per_node_hour=runtime.interruptions_per_node_hour,
            label_batch_size=sweep.labelling_batch_size,
        ),
        train_folder=runtime.train_folder,
    )


def _specs(names: Sequence[str], data_root: str | None) -> dict[str, TaskSpec]:
    specs: dict[str, TaskSpec] = {}
    for name in names:
        spec = task_given(name, data_root)
        if spec.name in specs:
            raise UserError(f"tasks: two are called {spec.name!r}; give one of them another name")
        specs[spec.name] = spec
    return specs


def _task_source(
    spec: TaskSpec,
    data_root: str | None,
    scorer: Path | None,
    missing: list[str],
    allowed: Sequence[str],
) -> TaskSource:
    absent = [
        problem
        for part in ("train", "test", "pool", "text")
        if (problem := _unreachable(spec, part, data_root)) is not None
    ]
    scored_by = folder_fingerprint(scorer) if scorer is not None else None
    if absent:
        missing.extend(absent)
        # Who labels what is bought, and what labellers are told, changes no row; how classes are written cannot be seen here.
        described = spec.model_dump_json(exclude={"labels", "class_of", *WHAT_LLMS_ARE_TOLD})
        stand_in = hashlib.sha256(f"unreachable {described}".encode()).hexdigest()
        return TaskSource(spec, TaskData(spec.name, stand_in), None, 0, scored_by)
    rows = task_rows(spec, data_root)
    for note in rows.notes:
        logger.warning("task %s: %s", spec.name, note)
    if spec.labels == "people" and not rows.pool:
        raise UserError(
            f"task {spec.name}: pool: {spec.pool} has no rows, and people are to label rows of it"
        )
    check_meaning(rows, spec, allowed)
    data = TaskData(spec.name, fingerprint(rows))
    # Those of train that nobody has labelled joined it.
    labelled = all(row.target is not None for row in rows.pool if row.id.startswith("pool-"))
    unlabelled = 0 if rows.pool else len(rows.unlabelled)
    counts = len(rows.labelled), len(rows.pool)
    return TaskSource(spec, data, *counts, scored_by, labelled, unlabelled)


def _unreachable(spec: TaskSpec, part: str, data_root: str | None) -> str | None:
    """Why the rows of a part cannot be had from here, or None."""
    try:
        next(part_records(spec, part, data_root), None)
    except Unreachable as why:
        return str(why)
    return None


def _shortage(task: TaskSource, sweep: Sweep) -> str | None:
    """What the largest N and U of the grid lack, or None."""
    if task.train_rows is None:
        return None
    try:
        most = max(task.owned(sweep.grid.n))
        check_sizes(
            task.train_rows, task.pool_rows, n=most, bought=0, u=sweep.largest_pool, unlabelled=task.unlabelled
        )  # fmt: skip
    except UserError as mistake:
        return f"task {task.spec.name}: {mistake}"
    return None


def _own_model(name: str, task: TaskSource, sweep: Sweep) -> Pretrain | Initialize:
    family = own_models()[name]
    if not family.pretrains:
        return Initialize(name, family.name, task.spec.classes, seed=0)
    if sweep.pretraining is None or name not in sweep.pretraining.recipes:
        raise UserError(
            f"{sweep.name}: pretraining: no recipe for {name}, which raydoa pretrains itself"
        )
    return Pretrain(
        model=name,
        vocabulary=Vocabulary(task.data, sweep.pretraining.vocabulary, family.name),
        data=task.data,
        recipe=sweep.pretraining.recipes[name],
        seed=sweep.pretraining.seed,
    )


def _unit_costs(
    sweep: Sweep, runtime: RuntimeConfig, specs: Mapping[str, TaskSpec], models: Models
) -> UnitCosts:
    book = _with_own_label_prices(open_book(sweep.prices), specs)
    measured = read_calibration(Path(runtime.unit_costs)) if runtime.unit_costs else ()
    book.accelerator(sweep.accelerator)
    book.kgco2e_per_gpu_hour(sweep.accelerator, sweep.region)
    aligned = sweep.representation.kind == "aligned"
    return UnitCosts(book, sweep.accelerator, measured, models.shapes, aligned)


def _with_own_label_prices(book: PriceBook, specs: Mapping[str, TaskSpec]) -> PriceBook:
    """The book with the prices that tasks bring themselves; every task must have one."""
    for spec in specs.values():
        own = spec.label_price
        if own is not None:
            book = book.with_label_price(spec.name, own.usd, own.source, own.date)
        book.label_usd(spec.name)
    return book
