import statistics

import pytest

from benchmarks.searching.drawing import draw
from benchmarks.searching.methods import ABSENT, METHODS, OURS, Recommended, is_ours, is_peer
from benchmarks.searching.problems import plans_of
from benchmarks.searching.runner import held_out, run
from benchmarks.searching.simple_peers import ExpensiveFirst, RandomPlans, best_seen, payable
from raydoa.search.ask_tell import Search

OPTIONAL = ("CFO", "BlendSearch", "BoTorch LogEI", "EEIPU", "multi-fidelity KG")


@pytest.fixture(scope="module")
def problem():
    return draw(1)


def test_every_method_is_a_peer_or_ours_and_the_absent_ones_are_told():
    assert is_ours(OURS) and is_ours(f"{OURS}, frontier") and is_ours("Optuna TPE, law recommends")
    assert {"grid", "random", "Optuna TPE"} <= {name for name in METHODS if is_peer(name)}
    assert all(why for why in ABSENT.values())


def test_trials_of_one_with_the_recommendations_of_another(problem):
    class Cheapest(RandomPlans):
        def recommend(self, state):
            return state.space.cheapest()

    steps = run(problem, Recommended(ExpensiveFirst(), Cheapest())).steps
    assert [s.measured for s in steps] == [s.measured for s in run(problem, ExpensiveFirst()).steps]
    assert {step.plan for step in steps} == {problem.space.cheapest()}


def test_what_has_scored_best_must_be_payable_at_the_budget(problem):
    search = Search(problem.space, ExpensiveFirst(), 10 * problem.space.budget_usd)
    assert best_seen(search.state) == problem.space.cheapest()
    for score in (0.9, 0.1):
        search.tell(search.ask().number, score)
    assert best_seen(search.state) == search.observations[0].plan
    assert all(payable(problem.space, plan) for plan in plans_of(problem.space)[::100])


def test_held_out_plans_were_not_measured(problem):
    search = Search(problem.space, ExpensiveFirst(), 10 * problem.space.budget_usd)
    search.tell(search.ask().number, 0.5)
    plans = held_out(problem, search.state)
    assert len(plans) == 40 and search.observations[0].plan not in plans


@pytest.mark.parametrize("name", OPTIONAL)
def test_peers_propose_the_same_again_and_recommend_a_plan(problem, name):
    if name not in METHODS:
        pytest.skip(f"absent: {ABSENT}")
    first, again = (_proposals(problem, METHODS[name]()) for _ in range(2))
    assert first == again and len(set(first[0])) == 9


def _proposals(problem, sampler):
    search = Search(problem.space, sampler, 6 * problem.space.budget_usd)
    asked = []
    for _ in range(9):
        proposal = search.ask()
        asked.append(proposal.plan)
        search.tell(proposal.number, problem.measure(proposal.plan))
    plan = search.recommend()
    assert payable(problem.space, plan)
    return asked, plan


def test_kept_hyperparameters_bring_no_scale_of_older_scores(problem):
    """What a refit takes over must not un-standardise new scores with the old ones' mean and deviation."""
    pytest.importorskip("botorch")
    from benchmarks.searching.gp_model import Model

    points = list(plans_of(problem.space)[::60][:9])
    scores = [0.5 + 0.01 * i for i in range(7)] + [0.05, 0.95]
    first = Model(problem.space, points[:7], scores[:7], fidelity=False)
    later = Model(problem.space, points, scores, fidelity=False, like=first)
    transform = later._model.outcome_transform
    assert float(transform.means) == pytest.approx(statistics.fmean(scores))
    assert float(transform.stdvs) == pytest.approx(statistics.stdev(scores))
