"""The cost-aware search in an Optuna study of somebody's own."""

from pathlib import Path

import optuna
import pytest

from raydoa.costs.plan import Plan
from raydoa.errors import UserError
from raydoa.search import CostAwareSampler, suggest_plan
from raydoa.search.baseline_samplers import Random
from raydoa.search.cost_aware import CostAware
from raydoa.search.optuna_space import (
    _choices,
    _name,
    distributions,
    from_params,
    to_params,
)
from raydoa.search.surrogate.posterior import Effort
from tests.contract.searching import BUDGET, question, score, space

_FEW = CostAware(effort=Effort(draws=200, kept=32, moves=15))


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def _objective(trial: optuna.Trial) -> float:
    plan = suggest_plan(trial, question(), BUDGET)
    assert isinstance(plan, Plan)
    return score(plan)


def test_a_plan_goes_to_parameters_and_back() -> None:
    for plan in space().points():
        for repeated in (plan, plan.repeated(2)):
            params = to_params(repeated, space(), probes=True)
            assert from_params(params, space()) == repeated


def test_no_parameters_are_those_of_a_plan_that_awaits_labels() -> None:
    """Whatever samples them; a point of the cube stands for a plan without labels."""
    people = space(people=True)
    for plan in people.points():
        assert from_params(to_params(plan, people, probes=True), people) == plan
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    asked = question(people=True)
    plans = [suggest_plan(study.ask(), asked, BUDGET) for _ in range(40)]
    assert all(isinstance(plan, Plan) and not plan.quantity("labels") for plan in plans)
    proposed = CostAwareSampler(asked, BUDGET, sampler=Random())
    study = optuna.create_study(direction="maximize", sampler=proposed)
    plans = [suggest_plan(study.ask(), asked, BUDGET) for _ in range(10)]
    assert all(isinstance(plan, Plan) and not plan.quantity("labels") for plan in plans)


def test_choices_may_be_any_text() -> None:
    """Such as a prompt's."""
    choices = (("prompt", "a=b,c"), ("teacher", "org/large"))
    assert _choices(_name(choices)) == choices and _choices(_name(())) == ()


def test_a_study_finds_a_good_plan_for_less_than_chance() -> None:
    best = max(map(score, space().plans()))

    def spent(sampler: CostAwareSampler, study: optuna.Study) -> float:
        """Until it recommends a plan that is nearly the best, and 2 budgets if it does not."""
        for _ in range(12):
            if score(sampler.recommend(study)) > 0.99 * best:
                return sampler.spent_usd(study)
            study.optimize(_objective, n_trials=1)
        return 2 * BUDGET

    ours, chance = (
        CostAwareSampler(question(), BUDGET, 6 * BUDGET, sampler) for sampler in (_FEW, Random())
    )
    studies = [optuna.create_study(direction="maximize", sampler=one) for one in (ours, chance)]
    dollars = [spent(*pair) for pair in zip((ours, chance), studies, strict=True)]
    assert dollars[0] < 0.5 * dollars[1]
    for trial in studies[0].trials:
        plan = from_params(trial.params, space())
        assert isinstance(plan, Plan) and space().cost_usd(plan) <= BUDGET


def test_it_stops_the_study_within_its_limit() -> None:
    sampler = CostAwareSampler(question(), BUDGET, 4.0, _FEW)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(_objective, n_trials=200)
    assert 1 < len(study.trials) < 200
    assert sampler.spent_usd(study) <= 4.0
    study.optimize(_objective, n_trials=2)
    assert sampler.spent_usd(study) <= 4.0, "what is measured again costs nothing"


def test_another_sampler_is_asked_for_plans_in_the_same_way() -> None:
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=1, n_startup_trials=3)
    )
    study.optimize(_objective, n_trials=8)
    plans = [from_params(trial.params, space()) for trial in study.trials]
    assert all(isinstance(plan, Plan) and space().cost_usd(plan) <= BUDGET for plan in plans)
    assert "n" not in study.trials[0].params


def test_a_stored_study_goes_on(tmp_path: Path) -> None:
    """In another process: the same trials lead to the same suggestion."""
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(
        storage=url,
        study_name="s",
        direction="maximize",
        sampler=CostAwareSampler(question(), BUDGET, sampler=_FEW),
    )
    study.optimize(_objective, n_trials=4)
    loaded = optuna.load_study(
        storage=url, study_name="s", sampler=CostAwareSampler(question(), BUDGET, sampler=_FEW)
    )
    fresh = CostAwareSampler(question(), BUDGET, sampler=_FEW)
    alike = optuna.create_study(direction="maximize", sampler=fresh)
    alike.add_trials(loaded.trials)
    assert fresh.recommend(loaded) == fresh.recommend(alike)
    suggested = [suggest_plan(one.ask(), question(), BUDGET) for one in (loaded, alike)]
    assert suggested[0] == suggested[1]
    tried = {from_params(trial.params, space()) for trial in study.trials[:4]}
    assert suggested[0] not in tried


@pytest.mark.parametrize("pruned", [False, True])
def test_pruned_and_failed_trials_are_told_apart(pruned: bool) -> None:
    """What a pruned trial was trained from exists, and need not be paid again; neither is suggested again."""
    sampler = CostAwareSampler(question(), BUDGET, sampler=_FEW)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    plan = next(p for p in space().plans() if p.choice("teacher") == "large")
    state = optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.FAIL
    study.add_trial(
        optuna.trial.create_trial(
            state=state,
            params=to_params(plan, space(), probes=True),
            distributions=distributions(space(), probes=True),
        )
    )
    after = sampler._search(study).state
    assert plan in after.tried and after.observations[0].score is None
    assert after.purchases.marginal(plan)["teacher"] == (0 if pruned else plan.quantity("teacher"))
    study.optimize(_objective, n_trials=3)
    assert plan not in [from_params(trial.params, space()) for trial in study.trials[1:]]


def test_a_score_is_maximized() -> None:
    study = optuna.create_study(sampler=CostAwareSampler(question(), BUDGET, sampler=_FEW))
    with pytest.raises(UserError, match="direction: found minimize; a score is maximized"):
        suggest_plan(study.ask(), question(), BUDGET)
