"""Names in a configuration to what they stand for: a `Study`, and the `ExecutionContext` that stages are built in.

Resolving reads every file it can reach and takes its fingerprint. What it cannot reach it lists, with a stand-in
in its place, so that the sweep can still be priced.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from raydoa.costs.book_files import open_book
from raydoa.costs.prices import PriceBook
from raydoa.costs.unit_costs import UnitCosts, read_calibration
from raydoa.errors import UserError
from raydoa.experiment.config import RuntimeConfig, Sweep
from raydoa.experiment.resolve_llms import find_llms, named_llms
from raydoa.experiment.resolve_models import Models, find_models
from raydoa.experiment.resolve_tasks import find_tasks, task_specs, with_lengths
from raydoa.experiment.study import Study
from raydoa.experiment.task_source import TaskSource
from raydoa.models.lookup import own_models
from raydoa.pipeline.beginnings import Initialize, Pretrain, Vocabulary
from raydoa.pipeline.context import ExecutionContext
from raydoa.store.store import Store
from raydoa.tasks.task import TaskSpec
from raydoa.training.recipe import Execution

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
    specs = task_specs(sweep, runtime.data)
    llms = named_llms(sweep, runtime)
    named = sweep.grid.model_copy(update={"tasks": tuple(specs), "llms": tuple(llms)})
    sweep = sweep.model_copy(update={"grid": named})
    scorers = {name: folder for name, spec in specs.items() if (folder := spec.scoring_model())}
    tasks, rows = find_tasks(sweep, specs, runtime.data, scorers, missing)
    models = find_models(sweep, runtime.models, missing)
    tasks = {
        name: with_lengths(task, rows.get(name), models, sweep) for name, task in tasks.items()
    }
    unit_costs = _unit_costs(sweep, runtime, tasks, models)
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
        llms=find_llms(llms, sweep, tasks, rows, unit_costs.book, missing),
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
    sweep: Sweep, runtime: RuntimeConfig, tasks: Mapping[str, TaskSource], models: Models
) -> UnitCosts:
    book = _with_own_label_prices(open_book(sweep.prices), tasks.values())
    measured = read_calibration(Path(runtime.unit_costs)) if runtime.unit_costs else ()
    book.accelerator(sweep.accelerator)
    book.kgco2e_per_gpu_hour(sweep.accelerator, sweep.region)
    aligned = sweep.representation.kind == "aligned"
    return UnitCosts(book, sweep.accelerator, measured, models.shapes, aligned)


def _with_own_label_prices(book: PriceBook, tasks: Iterable[TaskSource]) -> PriceBook:
    """The book with the prices that tasks bring themselves; every task must have one."""
    for task in tasks:
        name, own = task.spec.name, task.spec.label_price
        if own is not None:
            usd = own.of_label(task.annotations)
            book = book.with_label_price(name, usd, own.source, own.date)
        book.label_usd(name)
    return book
