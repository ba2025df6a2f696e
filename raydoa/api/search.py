"""Searches: the best split of a budget, for a part of it."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raydoa.api.configure import Chosen, Configurable, arguments_for_flags, choose
from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.config import RuntimeConfig, Sweep
from raydoa.experiment.one_question import one_question
from raydoa.search.objective import LIMIT_BUDGETS

if TYPE_CHECKING:
    from raydoa.experiment.study import Study
    from raydoa.search.journal import Journal
    from raydoa.search.outcome import Recommended
    from raydoa.search.priors import Knowledge
    from raydoa.search.setup import SearchSetup

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Searching:
    """What a search is asked for beside its question.

    Attributes:
        sampler: a name in `raydoa.search.samplers.SAMPLERS`; None: the cost-aware one.
        objective: a name in `raydoa.search.objective.OBJECTIVES`.
        limit_usd: what all its measurements may cost, priced; None: two budgets, or one where some take real money.
        learn_from: result dirs of finished sweeps or searches.
    """

    sampler: str | None = None
    objective: str = "score"
    limit_usd: float | None = None
    learn_from: Sequence[str | Path] = ()


@dataclass(frozen=True)
class SearchResult:
    """A search that has ended: what was searched, and everything that was measured."""

    setup: "SearchSetup"
    journal: "Journal"

    @property
    def result_dir(self) -> Path:
        """Where its rows are, for `raydoa.load`."""
        return self.setup.result_dir

    @property
    def recommended(self) -> "Recommended":
        """The plan for the budget, and the score to expect of it."""
        from raydoa.search.outcome import recommended

        return recommended(self.journal.search.sampler, self.journal.search.state)


@arguments_for_flags()
def search(
    base: Configurable,
    runtime: RuntimeConfig | None = None,
    *,
    sampler: str | None = None,
    objective: str = "score",
    limit_usd: float | None = None,
    learn_from: Sequence[str | Path] = (),
    **changes: Any,
) -> SearchResult:
    """Look on Ray for the best split of one budget over labels, teacher, pool and training.

    Args:
        base, runtime, changes: as `configure` takes them; one task, N, budget and seed.
        sampler, objective, limit_usd, learn_from: see `Searching`.

    Raises:
        UserError: the configuration is wrong, it is more than one question, or nothing could be measured.
        RunFailed: Ray died; see `run`.
        Interrupted: somebody stopped it; the same call continues.

    Example:
        >>> found = search("embedded", n=100, budgets=5, limit_usd=8)
        >>> found.recommended, load(found.result_dir)
    """
    asked = Searching(sampler, objective, limit_usd, learn_from)
    return run_search_of(choose(base, runtime, changes), asked)


def run_search_of(chosen: Chosen, asked: Searching) -> SearchResult:
    """Search to the end."""
    from raydoa.costs.tariffs import micro_budget
    from raydoa.experiment.real_money import set_ceiling

    setup, runtime = search_setup(chosen, asked)
    setup.resolved.study.check_reachable()  # Before Ray takes seconds.
    setup.check()
    if runtime.limit is None and asked.limit_usd is not None:
        runtime = runtime.model_copy(update={"limit": asked.limit_usd})
    set_ceiling(
        setup.resolved.study, runtime, setup.resolved.context.store, micro_budget(setup.limit_usd)
    )
    from raydoa.on_ray.search import run_search

    return SearchResult(setup, run_search(setup, runtime))


def search_setup(chosen: Chosen, asked: Searching) -> "tuple[SearchSetup, RuntimeConfig]":
    """A search that can begin, and how it runs. Raises `UserError`: as `search`."""
    from raydoa.experiment.real_money import spends
    from raydoa.experiment.resolve import resolve
    from raydoa.experiment.whose_labels import ask_of_question, check_owned
    from raydoa.search.objective import OBJECTIVES
    from raydoa.search.samplers import DEFAULT, sampler_named
    from raydoa.search.setup import SearchSetup

    sampler = asked.sampler or DEFAULT
    objective = next((name for name in OBJECTIVES if name == asked.objective), None)
    if objective is None:
        near = did_you_mean(asked.objective, list(OBJECTIVES))
        raise UserError(
            f"--objective: found {asked.objective!r}; known are {', '.join(OBJECTIVES)}{near}"
        )
    sampler_named(sampler, objective)  # A wrong name is an error before anything is read.
    if asked.learn_from and sampler != DEFAULT:
        raise UserError(f"--prior: {sampler} learns nothing from finished sweeps; {DEFAULT} does")
    configuration = one_question(
        chosen.configuration,
        "search",
        ("strategies", "u", "label_shares"),
        given=chosen.given,
        flagged=chosen.changed,
    )
    sweep = _named(configuration.sweep, sampler, asked)
    budget = sweep.grid.budgets[0]
    resolved = resolve(sweep, configuration.runtime)
    study = resolved.study
    budgets = 1.0 if spends(study) else LIMIT_BUDGETS
    limit = budgets * budget if asked.limit_usd is None else asked.limit_usd
    check_owned(study, chosen.given)
    knowledge = _knowledge(study, asked.learn_from)
    result_dir = Path(configuration.runtime.results).absolute() / study.sweep_id
    setup = SearchSetup(resolved, sampler, objective, limit, knowledge, result_dir)
    ask_of_question(study, setup.question, budget)
    return setup, configuration.runtime


def _named(sweep: Sweep, sampler: str, asked: Searching) -> Sweep:
    """The question with a name that tells it from other searches for the same."""
    parts = [sweep.name, "search", sampler.replace(":", "-"), asked.objective]
    if asked.learn_from:
        folders = sorted(str(Path(folder).absolute()) for folder in asked.learn_from)
        parts.append("prior" + hashlib.sha256("\n".join(folders).encode()).hexdigest()[:8])
    return sweep.model_copy(update={"name": "-".join(parts)})


def _knowledge(study: "Study", learn_from: Sequence[str | Path]) -> "Knowledge | None":
    """What finished sweeps and searches say: about the task, and about others."""
    if not learn_from:
        return None
    from raydoa.planning.evidence import gather

    grid = study.sweep.grid
    task = grid.tasks[0]
    question = study.question(task, study.tasks[task].owned(grid.n)[0])
    evidence = gather([Path(folder) for folder in learn_from], question, study)
    for note in evidence.notes:
        logger.warning("%s", note)
    if evidence.left_out.count:
        logger.warning("%s", evidence.left_out)
    return evidence.knowledge
