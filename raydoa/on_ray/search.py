"""A search with Ray Tune: a proposal is a trial, and a trial is a plan, made by the same stages as in a sweep."""

from ray import tune

from raydoa.errors import Interrupted
from raydoa.experiment.beside_rows import write_beside_rows
from raydoa.experiment.config import RuntimeConfig
from raydoa.on_ray.build_registry import start_registry
from raydoa.on_ray.cluster import cluster, trials_that_fit
from raydoa.on_ray.full_disk import full_disk_is_told
from raydoa.on_ray.llm_doors import with_doors
from raydoa.on_ray.plan_searcher import PlanSearcher
from raydoa.on_ray.plan_trial import Trial, measure_plan
from raydoa.on_ray.run_trials import alone_in, run_trials
from raydoa.on_ray.trackers import Trackers, check_trackers
from raydoa.pipeline.context import TOKEN_FOLDER
from raydoa.search.journal import Journal
from raydoa.search.setup import SearchSetup
from raydoa.store.local_storage import LocalStorage


def run_search(setup: SearchSetup, runtime: RuntimeConfig) -> Journal:
    """Search to the end and return the log; what was begun earlier goes on, and what has ended is read.

    Raises:
        UserError: something cannot be reached, the store cannot be written, nothing can be measured, or another process is
            running this search.
        Interrupted: somebody stopped it; the same command goes on.
    """
    study, result_dir = setup.resolved.study, setup.result_dir
    study.check_reachable()
    check_trackers(runtime.trackers)
    setup.check()
    with alone_in(result_dir, setup.resolved.context.store.cache_dir):
        write_beside_rows(setup.resolved, result_dir)
        return _go_on(setup, runtime)


def _go_on(setup: SearchSetup, runtime: RuntimeConfig) -> Journal:
    study, result_dir = setup.resolved.study, setup.result_dir
    if not setup.begun:
        setup.resolved.context.store.prepare()  # What is in it will be in the log.
    journal = setup.open_journal()
    if journal.search.stopped is not None and not journal.pending:
        return journal
    setup.resolved.context.store.prepare()
    runtime = runtime.model_copy(
        update={"train_folder": str(result_dir / "train"), "results": str(result_dir.parent)}
    )
    trackers = Trackers(runtime.trackers, result_dir.name)
    with full_disk_is_told(runtime), cluster(study.sweep_id, store=runtime.store):
        start_registry()
        trainable = tune.with_parameters(
            measure_plan, trial=Trial(with_doors(setup.resolved), runtime)
        )
        at_once = trials_that_fit(runtime.trials_of_a_search)
        searcher = PlanSearcher(journal, setup.resolved, at_once)
        run_trials(trainable, result_dir, searcher, -1, [trackers])
    if journal.search.stopped is None or journal.pending:
        raise Interrupted(
            f"stopped with {len(journal.search.observations)} measured and {len(journal.pending)} pending; the same "
            "command goes on from there"
        )
    LocalStorage(result_dir).remove_folder(f"train/{TOKEN_FOLDER}")
    return journal
