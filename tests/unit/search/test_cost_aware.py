"""The proposed search: what it values, when it stops, and that it finds what is best for little."""

from dataclasses import replace

import numpy as np
import pytest

from raydoa.costs.items.teacher import teacher_of
from raydoa.costs.plan import Plan
from raydoa.costs.question import Supply
from raydoa.search.acquisition import Gains
from raydoa.search.ask_tell import Search
from raydoa.search.cost_aware import CostAware, _fits, _promise, _why_not_made, _why_stop
from raydoa.search.outcome import recommended
from raydoa.search.priors import Knowledge
from raydoa.search.sampler import Observation
from raydoa.search.shortlist import repeats
from raydoa.search.space import Space
from raydoa.search.surrogate.laws import Prior
from raydoa.search.surrogate.posterior import Effort
from raydoa.search.surrogate.surface import Surface
from tests.unit.search.tasks import OWNED, QUESTION, law, measured, plan, some_plans, space

EFFORT = Effort(draws=200, kept=32, moves=15)


def test_a_gain_is_never_negative() -> None:
    surface = Surface(measured(some_plans(5, seed=1), seed=1), QUESTION, effort=EFFORT)
    plans = tuple(space().plans()[::10])
    candidates = (plan(OWNED, "small", 100), plan(OWNED, "small", 3200))
    gains = Gains(surface, (plans,), candidates, {}).of(candidates)
    assert gains.min() >= 0 < gains.max()


def test_students_of_one_teacher_tell_less_than_those_of_two() -> None:
    """With luck that is all the teacher's, a second student of it brings nothing new about the law's height."""
    surface = Surface(measured(some_plans(12, seed=2), seed=2), QUESTION, effort=EFFORT)
    plans = tuple(space().plans()[::10])
    one, other = plan(OWNED, "small", 800), plan(OWNED, "small", 1600)
    repeated = one.repeated(1)
    gains = Gains(surface, (plans,), (one, other, repeated), {})
    same, apart = gains._luck([one, other]), gains._luck([one, repeated])
    assert same[0, 1] == pytest.approx(surface.teacher_variance)
    assert apart[0, 1] == 0.0
    assert same[0, 0] == apart[0, 0]


def test_a_teacher_that_was_measured_has_little_luck_left() -> None:
    surface = Surface(measured(some_plans(12, seed=3), seed=3), QUESTION, effort=EFFORT)
    student = plan(OWNED, "small", 800)
    new = Gains(surface, ((student,),), (student,), {})
    known = Gains(surface, ((student,),), (student,), {teacher_of(student): 5})
    assert known._luck([student])[0, 0] < new._luck([student])[0, 0]


def test_what_is_pending_is_not_asked_for_twice() -> None:
    """Once a plan is being measured, measuring its like tells little more."""
    surface = Surface(measured(some_plans(6, seed=4), seed=4), QUESTION, effort=EFFORT)
    plans = tuple(space().plans()[::10])
    one, alike = plan(OWNED, "large", 3200), plan(OWNED, "large", 1600)
    free = Gains(surface, (plans,), (one, alike), {})
    waiting = Gains(surface, (plans,), (one, alike), {}, pending=(one,))
    assert waiting.of([alike])[0] < 0.8 * free.of([alike])[0]


def test_proposals_at_once_differ() -> None:
    search = Search(space(), CostAware(effort=EFFORT), 40.0)
    asked = [search.ask() for _ in range(4)]
    kinds = {p.plan.choice("teacher") for p in asked if p is not None}
    assert len(kinds) > 1


def _searched(budget: float, seed: int, noise: float = 0.004, **settings: object) -> Search:
    random = np.random.default_rng(seed)
    search = Search(space(budget), CostAware(effort=EFFORT, **settings), 6 * budget, seed)
    while (proposal := search.ask()) is not None:
        search.tell(proposal.number, law(proposal.plan) + noise * random.normal())
    return search


def test_another_process_comes_to_the_same_fit() -> None:
    """One that was killed had gone on from fit to fit; the next one has none of them."""
    search = Search(space(), CostAware(effort=EFFORT), 40.0, seed=5)
    for _ in range(6):
        proposal = search.ask()
        assert proposal is not None
        search.tell(proposal.number, law(proposal.plan))
    plans, sampler, state = space().plans(), CostAware(effort=EFFORT), search.state
    before = sampler.surface(state).mean_and_sd(plans)
    _fits.cache_clear()
    np.testing.assert_array_equal(sampler.surface(state).mean_and_sd(plans), before)


def test_it_finds_a_plan_that_is_nearly_the_best_for_little_more_than_making_it() -> None:
    for seed, budget in enumerate([8.0, 20.0, 60.0]):
        search = _searched(budget, seed)
        best = max(law(plan) for plan in space(budget).plans())
        assert law(search.recommend()) > 0.985 * best
        assert search.spent_usd < 2 * budget
        assert search.stopped and len(search.observations) > 3


def test_it_makes_the_plan_before_it_stops() -> None:
    search = _searched(20.0, 1)
    costs = [space().cost_usd(o.plan) for o in search.observations]
    assert max(costs) > 10.0


def test_the_recommended_plan_is_made_unless() -> None:
    """It was measured or has failed, three plans as dear were made, or nothing is left to pay for it."""
    state = Search(space(), CostAware(effort=EFFORT), 120.0).state
    expensive = [plan for plan in space().plans() if space().cost_usd(plan) > 15]
    best = expensive[-1]

    def after(
        count: int, cost: float, left: float = 100.0, score: float | None = 0.5
    ) -> str | None:
        observed = tuple(_observed(plan, score, cost) for plan in expensive[:count])
        left_micro_usd = round(left * 1e6)
        return _why_not_made(
            best, replace(state, observations=observed, left_micro_usd=left_micro_usd)
        )

    assert after(0, 0.0) is None
    assert after(2, 18.0) is None and after(3, 9.0) is None, "what exists already costs nothing"
    assert "3 plans as expensive were" in str(after(3, 18.0))
    assert after(3, 18.0, score=None) is None, "plans that failed were not made"
    assert "$1.00 do not pay for it" in str(after(0, 0.0, left=1.0))
    for score, why in ((0.7, ""), (None, "; the recommended plan was not made: it failed")):
        observed = (_observed(best, score, 20.0),)
        assert _why_not_made(best, replace(state, observations=observed)) == why


def _observed(plan: Plan, score: float | None, cost_usd: float = 1.0) -> Observation:
    return Observation(plan, score, round(cost_usd * 1e6))


def test_a_plan_that_awaits_labels_is_recommended_and_said_not_to_be_made() -> None:
    """Where labels are worth more than all else, the surface knows it from probes on fewer of the owned ones."""

    def labels_alone(plan: Plan) -> float:
        return law(plan) if plan.choice("teacher") is None else 0.2

    question = replace(QUESTION, supply=Supply(OWNED, 5000, sale="pool"))
    asked = Search(Space(question, 100.0), CostAware(effort=EFFORT), limit_usd=200.0)
    while (proposal := asked.ask()) is not None:
        assert not proposal.plan.quantity("labels")
        asked.tell(proposal.number, labels_alone(proposal.plan))
    recommended = asked.recommend()
    labels = recommended.quantity("labels")
    assert labels > 0 and recommended.choice("teacher") is None
    assert asked.stopped is not None
    assert asked.stopped.endswith(
        f"; the recommended plan was not made: it awaits {labels:,} labels"
    )


def test_a_plan_may_be_measured_again_unless_it_failed() -> None:
    state = Search(space(), CostAware(effort=EFFORT), 120.0).state
    best, other, probe = plan(OWNED, "small", 800), plan(OWNED), plan(100)
    observed = (
        _observed(best, 0.5),
        _observed(other, 0.5),
        _observed(other.repeated(1), None),
        _observed(probe, 0.4),
    )
    hopeful = {best, other, probe}
    once = replace(state, observations=observed)
    assert repeats(once, hopeful) == [probe.repeated(1), best.repeated(1)]
    assert repeats(once, {probe}) == [probe.repeated(1)], "and only if it may be the best"
    thrice = tuple(_observed(best.repeated(repeat), 0.5) for repeat in range(3))
    assert repeats(replace(state, observations=thrice), hopeful) == []
    pending = replace(once, pending=(best.repeated(1), probe.repeated(1)))
    assert repeats(pending, hopeful) == [], "not before it has come out"


def test_of_two_plans_alike_the_one_that_was_measured_is_recommended() -> None:
    """Its neighbours are expected to score the same, and are known less well."""
    plans = space().plans()
    best = max(plans, key=law)
    state = Search(space(), CostAware(effort=EFFORT), 120.0).state
    observed = [_observed(p, law(p)) for p in some_plans(12, seed=5)]
    observed += [_observed(best.repeated(repeat), law(best)) for repeat in range(3)]
    after = replace(state, observations=tuple(observed))
    assert CostAware(effort=EFFORT).recommend(after) == best


def test_a_stopped_search_proposes_nothing() -> None:
    search = Search(space(), CostAware(effort=EFFORT), 20.0)
    assert search.ask() is not None
    search.stopped = "somebody said so"
    assert search.ask() is None


def test_the_same_search_is_the_same_again() -> None:
    one, other = _searched(5.0, 7), _searched(5.0, 7)
    assert one.to_json() == other.to_json()


def test_no_measurement_promises_more_than_a_score_can_have() -> None:
    assert _promise(0.1765, knows=True) == "expected to gain 17.65 points"
    assert _promise(1.8192, knows=True) == "hardly anything is known of this task yet"


def test_where_nothing_is_known_no_gain_is_promised() -> None:
    assert _promise(0.1765, knows=False) == "hardly anything is known of this task yet"
    assert "points" in _why_stop(0.1765, knows=True)
    assert "points" not in _why_stop(0.1765, knows=False)
    first = Search(space(), CostAware(effort=EFFORT), 20.0).ask()
    assert first is not None and first.why == "hardly anything is known of this task yet"


def test_a_frontier_recommends_at_every_budget() -> None:
    search = _searched(20.0, 3, frontier=(0.25, 0.5, 1.0))
    for share in (0.25, 0.5, 1.0):
        part = space(20.0 * share)
        smaller = replace(search.state, space=part)
        best = max(law(plan) for plan in part.plans())
        assert law(CostAware(effort=EFFORT).recommend(smaller)) > 0.97 * best


def test_what_is_known_already_is_used() -> None:
    """Finished cells of the task: the first recommendation is a good one, with nothing spent."""
    told = tuple(measured(some_plans(40, seed=5), seed=5))
    search = Search(space(), CostAware(effort=EFFORT, knowledge=Knowledge(told)), 20.0)
    best = max(law(plan) for plan in space().plans())
    assert law(search.recommend()) > 0.985 * best


@pytest.mark.parametrize("predicts", [True, False])
def test_a_prior_is_knowledge_if_it_was_shown_to_predict(predicts: bool) -> None:
    """One that only helps once something is measured promises no gain before."""
    prior = Prior(source="another task")
    sampler = CostAware(EFFORT, Knowledge(prior=prior, predicts=predicts))
    search = Search(space(), sampler, 20.0)
    assert sampler.knows(search.state) == predicts
    first = search.ask()
    assert first is not None
    assert (first.why == "hardly anything is known of this task yet") or predicts
    assert (recommended(sampler, search.state).expected is not None) == predicts
    search.tell(first.number, 0.5)
    assert sampler.knows(search.state)
