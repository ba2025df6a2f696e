"""The cost-aware search as a sampler of Optuna's, for studies of one's own.

    sampler = CostAwareSampler(question, budget_usd=100.0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(lambda trial: train_and_score(suggest_plan(trial, question, 100.0)), n_trials=50)
    print(sampler.recommend(study))

It keeps nothing beside the study: what is known is read from the stored trials at every step, so a study that is loaded
again, or that several processes share, goes on. A trial that failed has made nothing; one that was pruned has no score,
and what it was trained from exists.
"""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.errors import UserError
from raydoa.search.ask_tell import Search
from raydoa.search.cost_aware import CostAware
from raydoa.search.objective import LIMIT_BUDGETS
from raydoa.search.optuna_space import distributions, from_params, to_params
from raydoa.search.sampler import Sampler
from raydoa.search.space import Space


class CostAwareSampler(BaseSampler):
    """Suggests the plan with the most expected gain per marginal dollar; stops the study when none is worth its price.

    Args:
        question: what is asked.
        budget_usd: what the final plan may cost.
        limit_usd: what all trials together may cost; two budgets, unless given.
        sampler: another way to decide.
        seed: of its draws.

    Raises:
        UserError: the budget pays for no plan.
    """

    def __init__(
        self,
        question: Question,
        budget_usd: float,
        limit_usd: float | None = None,
        sampler: Sampler | None = None,
        seed: int = 0,
    ) -> None:
        self._space = Space(question, budget_usd)
        self._limit_usd = LIMIT_BUDGETS * budget_usd if limit_usd is None else limit_usd
        self._sampler = sampler or CostAware()
        self._seed = seed
        self._independent = RandomSampler(seed)
        self._distributions = distributions(self._space, probes=True)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters of a plan."""
        return dict(self._distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parameters of the plan to measure; of one that costs no more, when the search has ended or has to wait."""
        if study.direction != optuna.study.StudyDirection.MAXIMIZE:
            raise UserError("direction: found minimize; a score is maximized")
        search = self._search(study, before=trial)
        proposal = search.ask()
        if proposal is None:
            if search.stopped is not None:
                _stop(study)
            return to_params(self._free(search), self._space, probes=True)
        return to_params(proposal.plan, self._space, probes=True)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A parameter that is none of a plan's: at random."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def recommend(self, study: optuna.Study) -> Plan:
        """The plan at the budget that is best as far as the study knows."""
        return self._search(study).recommend()

    def spent_usd(self, study: optuna.Study) -> float:
        """Dollars of the study's trials, what they share once."""
        return self._search(study).spent_usd

    def _free(self, search: Search) -> Plan:
        """The recommended plan if it is made already, else any that is; the cheapest where nothing is."""
        made = [o.plan for o in search.observations if o.score is not None]
        if not made:
            return min(self._space.points(), key=self._space.cost_micro_usd)
        recommended = search.recommend()
        return recommended if recommended in made else made[-1]

    def _search(self, study: optuna.Study, before: FrozenTrial | None = None) -> Search:
        """The search that the study's trials come to."""
        search = Search(self._space, self._sampler, self._limit_usd, self._seed)
        trials: Sequence[FrozenTrial] = study.get_trials(deepcopy=False)
        for trial in trials:
            plan = self._plan_of(trial)
            if plan is None or (before is not None and trial.number == before.number):
                continue
            proposal = search.propose(plan, f"trial {trial.number}")
            if trial.state == TrialState.COMPLETE:
                search.tell(proposal.number, trial.value)
            elif trial.state.is_finished():
                made = trial.state == TrialState.PRUNED
                search.tell(proposal.number, None, made=made)
        return search

    def _plan_of(self, trial: FrozenTrial) -> Plan | None:
        """None for a trial that waits, or whose parameters are not those of a plan."""
        if (
            trial.state == TrialState.WAITING
            or not self._distributions.keys() <= trial.params.keys()
        ):
            return None
        plan = from_params(trial.params, self._space)
        return plan if isinstance(plan, Plan) else None


def _stop(study: optuna.Study) -> None:
    try:
        study.stop()
    except RuntimeError:
        return  # Whoever asks and tells in a loop of their own stops by themselves.
