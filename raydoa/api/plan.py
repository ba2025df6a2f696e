"""Plans: what a budget buys, and what it is likely to bring where that is known; nothing is spent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydoa.api.configure import Chosen, Configurable, arguments_for_flags, choose
from raydoa.experiment.config import RuntimeConfig, Sweep
from raydoa.experiment.one_question import one_question

if TYPE_CHECKING:
    from raydoa.planning.answer import Answer
    from raydoa.planning.scenario import Scenario
    from raydoa.store.store import Store


@arguments_for_flags()
def plan(
    base: Configurable,
    runtime: RuntimeConfig | None = None,
    *,
    learn_from: Sequence[str | Path] = (),
    what_if: Sequence[str] = (),
    **changes: Any,
) -> "Answer":
    """What one budget buys with each strategy and, where that is known, what it would score; nothing is spent.

    Args:
        base, runtime, changes: as `configure` takes them; one task, N and budget.
        learn_from: result dirs of finished sweeps or searches.
        what_if: other prices to plan at, such as ``"label=0.10"``; unless given, both prices halved and doubled where scores
            are known.

    Raises:
        UserError: the configuration is wrong, it is more than one question, or the budget pays for no plan.

    Example:
        >>> print(plan("embedded", n=100, budgets=5).sentence)
    """
    return answer_of(choose(base, runtime, changes), learn_from, what_if)


def answer_of(chosen: Chosen, learn_from: Sequence[str | Path], what_if: Sequence[str]) -> "Answer":
    """The answer to what was chosen."""
    from threadpoolctl import threadpool_limits

    from raydoa.planning.answer import answer
    from raydoa.planning.evidence import gather
    from raydoa.planning.pilots import find_pilots
    from raydoa.planning.what_if import parse_change

    asked, store = _scenario(chosen)
    changes = [parse_change(text, asked) for text in what_if]
    evidence = gather([Path(folder) for folder in learn_from], asked.question, asked.study)
    evidence = replace(evidence, pilots=find_pilots(asked, store))
    # Matrices are small: threads would spend their time waiting for each other, four times as long as one takes.
    with threadpool_limits(limits=1):
        return answer(asked, evidence, changes)


def _scenario(chosen: Chosen) -> "tuple[Scenario, Store]":
    """What is asked, and the store of what was made."""
    from raydoa.experiment.resolve import resolve
    from raydoa.experiment.whose_labels import ask_of_question, check_owned
    from raydoa.planning.scenario import scenario_of

    pools = chosen.configuration.sweep.grid.u
    configuration = one_question(
        chosen.configuration,
        "plan",
        ("strategies", "label_shares"),
        given=chosen.given,
        flagged=chosen.changed,
    )
    sweep, runtime = configuration.sweep, configuration.runtime
    with _without_hub(sweep):
        resolved = resolve(sweep, runtime)
    study = resolved.study
    check_owned(study, chosen.given)
    grid = study.sweep.grid
    task, budget = grid.tasks[0], grid.budgets[0]
    source = study.tasks[task]
    # Rows that cannot be counted are those of the largest pool that is asked for.
    counted = source.train_rows is not None and "u" not in chosen.changed
    pool_rows, n = None if counted else max(pools), source.owned(grid.n)[0]
    asked = scenario_of(study, task, n, budget, pool_rows, runtime.cluster_gpus)
    ask_of_question(study, asked.question, budget)
    return asked, resolved.context.store


@contextmanager
def _without_hub(sweep: Sweep) -> Iterator[None]:
    """Ask the hub for nothing where all models are of known size: a plan needs no more, and must be quick."""
    from huggingface_hub import constants

    from raydoa.models.lookup import known_shape, own_models

    before = constants.HF_HUB_OFFLINE
    models = {sweep.student, *sweep.grid.teachers} - set(own_models())
    sized = all(known_shape(model) is not None for model in models)
    constants.HF_HUB_OFFLINE = before or sized
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
