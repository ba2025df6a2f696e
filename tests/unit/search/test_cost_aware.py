"""The proposed search: what it values, when it stops, and that it finds what is best for little."""

from dataclasses import replace

import numpy as np
import pytest

from raydoa.search.acquisition import Gains
from raydoa.search.ask_tell import Observation, Search
from raydoa.search.cost_aware import CostAware, _fits, _promise, _why_not_made
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate
from raydoa.search.priors import Knowledge
from raydoa.search.shortlist import again
from raydoa.search.surrogate.posterior import Effort
from raydoa.search.surrogate.surface import Surface
from tests.unit.search.tasks import COSTS, law, measured, some_points, space

EFFORT = Effort(draws=200, kept=32, moves=15)


def _point(labels: int, teacher: str, u: int) -> Point:
    return Point(labels, teacher, u, COSTS.full_steps(labels, teacher, u))


def test_a_gain_is_never_negative_and_more_tells_more() -> None:
    surface = Surface(measured(some_points(5, seed=1), seed=1), COSTS, effort=EFFORT)
    plans = tuple(space().plans()[::10])
    small, large = _point(200, "small", 100), _point(200, "small", 3200)
    gains = Gains(surface, (plans,), (small, large), {})
    one, other = Candidate(small), Candidate(large)
    of_one, of_other, of_both = gains.of([[one], [other], [one, other]])
    assert min(of_one, of_other) >= -1e-9
    assert of_both >= max(of_one, of_other) - 2e-3


def test_students_of_one_teacher_tell_less_than_those_of_two() -> None:
    """With luck that is all the teacher's, a second student of it brings nothing new about the law's height."""
    surface = Surface(measured(some_points(12, seed=2), seed=2), COSTS, effort=EFFORT)
    plans = tuple(space().plans()[::10])
    point = _point(200, "small", 800)
    gains = Gains(surface, (plans,), (point,), {})
    same = gains._luck([Candidate(point), Candidate(point)])
    apart = gains._luck([Candidate(point), Candidate(point, repeat=1)])
    assert same[0, 1] == pytest.approx(surface.teacher_variance)
    assert apart[0, 1] == 0.0
    assert same[0, 0] == apart[0, 0]


def test_a_teacher_that_was_measured_has_little_luck_left() -> None:
    surface = Surface(measured(some_points(12, seed=3), seed=3), COSTS, effort=EFFORT)
    point = _point(200, "small", 800)
    candidate = Candidate(point)
    new = Gains(surface, ((point,),), (point,), {})
    known = Gains(surface, ((point,),), (point,), {candidate.artifact: 5})
    assert known._luck([candidate])[0, 0] < new._luck([candidate])[0, 0]


def test_what_is_pending_is_not_asked_for_twice() -> None:
    """Once a point is being measured, measuring its like tells little more."""
    surface = Surface(measured(some_points(6, seed=4), seed=4), COSTS, effort=EFFORT)
    plans = tuple(space().plans()[::10])
    point, alike = _point(200, "large", 3200), _point(200, "large", 1600)
    free = Gains(surface, (plans,), (point, alike), {})
    waiting = Gains(surface, (plans,), (point, alike), {}, pending=(Candidate(point),))
    bundle = [Candidate(alike)]
    assert waiting.of([bundle])[0] < 0.8 * free.of([bundle])[0]


def test_proposals_at_once_differ() -> None:
    search = Search(space(), CostAware(effort=EFFORT), 40.0)
    asked = [search.ask() for _ in range(4)]
    kinds = {p.candidate.point.teacher for p in asked if p is not None}
    assert len(kinds) > 1


def _searched(budget: float, seed: int, noise: float = 0.004, **settings: object) -> Search:
    random = np.random.default_rng(seed)
    search = Search(space(budget), CostAware(effort=EFFORT, **settings), 6 * budget, seed)
    while (proposal := search.ask()) is not None:
        search.tell(proposal.number, law(proposal.candidate.point) + noise * random.normal())
    return search


def test_another_process_comes_to_the_same_fit() -> None:
    """One that was killed had gone on from fit to fit; the next one has none of them."""
    search = Search(space(), CostAware(effort=EFFORT), 40.0, seed=5)
    for _ in range(6):
        proposal = search.ask()
        assert proposal is not None
        search.tell(proposal.number, law(proposal.candidate.point))
    plans, sampler, known = space().plans(), CostAware(effort=EFFORT), search.known()
    before = sampler.surface(known).mean_and_sd(plans)
    _fits.cache_clear()
    np.testing.assert_array_equal(sampler.surface(known).mean_and_sd(plans), before)


def test_it_finds_a_plan_that_is_nearly_the_best_for_little_more_than_making_it() -> None:
    for seed, budget in enumerate([5.0, 20.0, 60.0]):
        search = _searched(budget, seed)
        best = max(law(plan) for plan in space(budget).plans())
        assert law(search.recommend()) > 0.985 * best
        assert search.spent_usd < 2 * budget
        assert search.stopped and len(search.observations) > 3


def test_it_makes_the_plan_before_it_stops() -> None:
    search = _searched(20.0, 1)
    costs = [COSTS.items(o.candidate.point).total for o in search.observations]
    assert max(costs) > 10.0


def test_the_recommended_plan_is_made_unless() -> None:
    """It was measured or has failed, three plans as dear were made, or nothing is left to pay for it."""
    known = Search(space(), CostAware(effort=EFFORT), 120.0).known()
    dear = [plan for plan in space().plans() if COSTS.items(plan).total > 15]
    plan = Candidate(dear[-1])

    def after(
        count: int, cost: float, left: float = 100.0, score: float | None = 0.5
    ) -> str | None:
        told = tuple(Observation(Candidate(p), score, cost) for p in dear[:count])
        return _why_not_made(plan, replace(known, observations=told, left_usd=left))

    assert after(0, 0.0) is None
    assert after(2, 18.0) is None and after(3, 9.0) is None, "what is there already costs nothing"
    assert "3 plans as dear were" in str(after(3, 18.0))
    assert after(3, 18.0, score=None) is None, "plans that failed were not made"
    assert "$1.00 do not pay for it" in str(after(0, 0.0, left=1.0))
    for score, why in ((0.7, ""), (None, "; the recommended plan was not made: it failed")):
        told = (Observation(plan, score, 20.0),)
        assert _why_not_made(plan, replace(known, observations=told)) == why


def test_a_plan_may_be_measured_again_unless_it_failed() -> None:
    known = Search(space(), CostAware(effort=EFFORT), 120.0).known()
    plan, other, probe = _point(200, "small", 800), _point(200, "", 0), _point(100, "", 0)
    told = (
        Observation(Candidate(plan), 0.5, 1.0),
        Observation(Candidate(other), 0.5, 1.0),
        Observation(Candidate(other, 1), None, 1.0),
        Observation(Candidate(probe), 0.4, 1.0),
    )
    hopeful = {plan, other, probe}
    once = replace(known, observations=told)
    assert again(once, hopeful) == [Candidate(probe, 1), Candidate(plan, 1)]
    assert again(once, {probe}) == [Candidate(probe, 1)], "and only if it may be the best"
    thrice = tuple(Observation(Candidate(plan, repeat), 0.5, 1.0) for repeat in range(3))
    assert again(replace(known, observations=thrice), hopeful) == []
    pending = replace(once, pending=(Candidate(plan, 1), Candidate(probe, 1)))
    assert again(pending, hopeful) == [], "not before it is told"


def test_of_two_plans_alike_the_one_that_was_measured_is_recommended() -> None:
    """Its neighbours are expected to score the same, and are known less well."""
    plans = space().plans()
    best = max(plans, key=law)
    known = Search(space(), CostAware(effort=EFFORT), 120.0).known()
    told = [Observation(Candidate(p), law(p), 1.0) for p in some_points(12, seed=5)]
    told += [Observation(Candidate(best, repeat), law(best), 1.0) for repeat in range(3)]
    assert CostAware(effort=EFFORT).recommend(replace(known, observations=tuple(told))) == best


def test_a_stopped_search_proposes_nothing() -> None:
    search = Search(space(), CostAware(effort=EFFORT), 20.0)
    assert search.ask() is not None
    search.stopped = "somebody said so"
    assert search.ask() is None


def test_the_same_search_is_the_same_again() -> None:
    one, other = _searched(5.0, 7), _searched(5.0, 7)
    assert one.state() == other.state()


def test_no_measurement_promises_more_than_a_score_can_have() -> None:
    assert _promise(0.1765) == "expected to gain 17.65 points"
    assert _promise(1.8192) == "hardly anything is known of this task yet"


def test_ablations_leave_their_part_out() -> None:
    alone = Search(space(), CostAware(effort=EFFORT, bundles=False, probes=False), 20.0)
    choice = alone._sampler.choose(alone.known())
    assert len(choice.candidates) == 1
    assert choice.candidates[0].point.labels >= COSTS.owned


def test_a_frontier_recommends_at_every_budget() -> None:
    search = _searched(20.0, 3, frontier=(0.25, 0.5, 1.0))
    for share in (0.25, 0.5, 1.0):
        part = space(20.0 * share)
        smaller = Search(part, CostAware(effort=EFFORT), 100.0)
        for observation in search.observations:
            smaller._observations.append(observation)
        best = max(law(plan) for plan in part.plans())
        assert law(smaller.recommend()) > 0.97 * best


def test_what_is_known_already_is_used() -> None:
    """Finished cells of the task: the first recommendation is a good one, with nothing spent."""
    told = tuple(measured(some_points(40, seed=5), seed=5))
    search = Search(space(), CostAware(effort=EFFORT, knowledge=Knowledge(told)), 20.0)
    best = max(law(plan) for plan in space().plans())
    assert law(search.recommend()) > 0.985 * best
