"""Names in a configuration to what they stand for: a `Study`, and the `Bench` that makers work at.

Resolving reads every file it can reach and takes its fingerprint. What it cannot reach it lists, with a stand-in
in its place, so that the sweep can still be priced.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from raydoa.artifacts.store import Store
from raydoa.bench import Bench
from raydoa.config import Running, Sweep
from raydoa.learning.recipe import Execution
from raydoa.mistakes import Unreachable, UserMistake
from raydoa.models.hub import folder_fingerprint
from raydoa.money.prices import PriceBook, open_book
from raydoa.money.unit_costs import UnitCosts, read_calibration
from raydoa.resolve_models import Models, find_models
from raydoa.stages import Pretrain, TaskData, Vocabulary
from raydoa.study import Study, TaskSource
from raydoa.tasks.catalog import task_named, with_pool
from raydoa.tasks.data import fingerprint, part_records
from raydoa.tasks.open import task_rows
from raydoa.tasks.task import TaskSpec, read_task_yaml

logger = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "models" / "shipped"


@dataclass(frozen=True)
class Resolved:
    """A sweep ready to be planned and, if nothing is unreachable, to be run."""

    study: Study
    bench: Bench


def resolve(sweep: Sweep, running: Running) -> Resolved:
    """Resolve all names of ``sweep``. In the study's own sweep, tasks go by their names, not by their files.

    Raises:
        UserMistake: a name is unknown, a row is malformed, a price is missing, or models do not fit together.
    """
    missing: list[str] = []
    specs = _specs(sweep.grid.tasks, running.data)
    named = sweep.grid.model_copy(update={"tasks": tuple(specs)})
    sweep = sweep.model_copy(update={"grid": named})
    scorers = {name: folder for name, spec in specs.items() if (folder := spec.scoring_model())}
    tasks = {
        name: _task_source(spec, running.data, scorers.get(name), missing)
        for name, spec in specs.items()
    }
    missing += [short for task in tasks.values() if (short := _shortage(task, sweep)) is not None]
    models = find_models(sweep, running.models, missing)
    study = Study(
        sweep=sweep,
        tasks=tasks,
        checkpoints=models.checkpoints,
        pretrained={
            (name, task.spec.name): _pretrained(name, task, sweep)
            for name in models.pretrained
            for task in tasks.values()
        },
        unit_costs=_unit_costs(sweep, running, specs, models),
        unreachable=tuple(missing),
    )
    places = {task.scorer: str(scorers[name]) for name, task in tasks.items() if task.scorer}
    return Resolved(study, _bench(sweep, running, specs, {**models.places, **places}))


def _bench(
    sweep: Sweep, running: Running, specs: Mapping[str, TaskSpec], checkpoints: Mapping[str, str]
) -> Bench:
    return Bench(
        store=Store(running.store, shipped=[SHIPPED] if SHIPPED.is_dir() else []),
        tasks=specs,
        data_root=str(Path(running.data).absolute()) if running.data is not None else None,
        checkpoints=checkpoints,
        execution=Execution(
            device="cuda" if running.gpus_per_worker else "cpu",
            checkpoint_every_steps=running.checkpoint_every_steps,
            interruptions_per_node_hour=running.interruptions_per_node_hour,
            label_batch_size=sweep.labelling_batch_size,
        ),
        train_folder=running.train_folder,
    )


def _specs(names: Sequence[str], data_root: str | None) -> dict[str, TaskSpec]:
    specs: dict[str, TaskSpec] = {}
    for name in names:
        spec = read_task_yaml(Path(name)) if name.endswith((".yaml", ".yml")) else task_named(name)
        if spec.name in specs:
            raise UserMistake(f"tasks: two are called {spec.name!r}; give one of them another name")
        specs[spec.name] = with_pool(spec, data_root)
    return specs


def _task_source(
    spec: TaskSpec, data_root: str | None, scorer: Path | None, missing: list[str]
) -> TaskSource:
    absent = [
        problem
        for part in ("train", "test", "pool", "text")
        if (problem := _unreachable(spec, part, data_root)) is not None
    ]
    scored_by = folder_fingerprint(scorer) if scorer is not None else None
    if absent:
        missing.extend(absent)
        stand_in = hashlib.sha256(f"unreachable {spec.model_dump_json()}".encode()).hexdigest()
        return TaskSource(spec, TaskData(spec.name, stand_in), None, 0, scored_by)
    rows = task_rows(spec, data_root)
    data = TaskData(spec.name, fingerprint(rows))
    return TaskSource(spec, data, len(rows.train), len(rows.pool), scored_by)


def _unreachable(spec: TaskSpec, part: str, data_root: str | None) -> str | None:
    """Why the rows of a part cannot be had from here, or None."""
    try:
        next(part_records(spec, part, data_root), None)
    except Unreachable as why:
        return str(why)
    return None


def _shortage(task: TaskSource, sweep: Sweep) -> str | None:
    """What the largest N and U of the grid lack, or None."""
    pools = sweep.grid.u if set(sweep.grid.strategies) - {"annotate"} else (0,)
    return task.shortage(max(sweep.grid.n), max(pools))


def _pretrained(name: str, task: TaskSource, sweep: Sweep) -> Pretrain:
    if sweep.pretraining is None or name not in sweep.pretraining.recipes:
        raise UserMistake(
            f"{sweep.name}: pretraining: no recipe for {name}, which raydoa pretrains itself"
        )
    return Pretrain(
        model=name,
        vocabulary=Vocabulary(task.data, sweep.pretraining.vocabulary),
        data=task.data,
        recipe=sweep.pretraining.recipes[name],
        seed=sweep.pretraining.seed,
    )


def _unit_costs(
    sweep: Sweep, running: Running, specs: Mapping[str, TaskSpec], models: Models
) -> UnitCosts:
    book = _with_own_label_prices(open_book(sweep.prices), specs)
    measured = read_calibration(Path(running.unit_costs)) if running.unit_costs else ()
    book.accelerator(sweep.accelerator)
    book.kgco2e_per_gpu_hour(sweep.accelerator, sweep.region)
    return UnitCosts(book, sweep.accelerator, measured, models.shapes)


def _with_own_label_prices(book: PriceBook, specs: Mapping[str, TaskSpec]) -> PriceBook:
    """The book with the prices that tasks bring themselves; every task must have one."""
    for spec in specs.values():
        own = spec.label_price
        if own is not None:
            book = book.with_label_price(spec.name, own.usd, own.source, own.date)
        book.label_usd(spec.name)
    return book
