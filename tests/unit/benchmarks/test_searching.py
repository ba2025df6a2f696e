import math
from dataclasses import replace

import pytest

from benchmarks.searching.cache import Cache
from benchmarks.searching.curve import Curve, spread
from benchmarks.searching.drawing import FAMILIES, HELD_OUT, KINDS, draw, tasks
from benchmarks.searching.measures import Worth, blind, measure, settled, summary
from benchmarks.searching.problems import plans_of, strategy
from benchmarks.searching.runner import LIMIT, Step, Trace, realise_usd, run
from benchmarks.searching.simple_peers import CoarseGrid, RandomPlans
from benchmarks.searching.tables import Cells
from raydoa.search.costs import Point
from raydoa.search.holdings import Candidate, Holdings


@pytest.fixture(scope="module")
def power():
    return draw(0)


def test_noise_depends_on_the_candidate_and_not_on_the_order(power):
    plans = [Candidate(plan) for plan in plans_of(power.space)[::200]]
    first = [power.measure(candidate) for candidate in plans]
    assert [draw(0).measure(candidate) for candidate in reversed(plans)] == first[::-1]
    assert power.measure(Candidate(plans[0].point, 1)) != first[0]


def test_students_of_one_teacher_share_its_luck(power):
    quiet = replace(power, noise=replace(power.noise, teacher=0.05, student=0.0, outliers=0.0))
    labels = power.space.costs.owned
    students = [Point(labels, "t5-base", u, 50 * math.ceil(u / 32)) for u in (1600, 3200)]
    luck = [quiet.measure(Candidate(student)) - quiet.surface(student) for student in students]
    assert luck[0] == pytest.approx(luck[1])
    other = quiet.measure(Candidate(students[0], 1)) - quiet.surface(students[0])
    assert abs(other - luck[0]) > 1e-4


def test_all_families_and_kinds_are_met_and_seeds_are_disjoint():
    drawn = tasks(6, 0)
    assert {problem.family for problem in drawn} == set(FAMILIES)
    assert {problem.winner for problem in drawn} == set(KINDS) - {"out of reach"}
    assert HELD_OUT > 1000


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_more_of_anything_is_no_worse_under_a_law(seed):
    problem = draw(seed)
    costs = problem.space.costs

    def score(labels: int, u: int, share: float = 1.0) -> float:
        steps = int(share * costs.full_steps(labels, "t5-xl", u))
        return problem.surface(Point(labels, "t5-xl", u, steps))

    owned = costs.owned
    assert score(owned, 1600) <= score(owned, 6400)
    assert score(owned // 2, 3200) <= score(owned, 3200)
    assert score(owned, 3200, 0.25) <= score(owned, 3200)
    assert all(0 < problem.surface(plan) < 1 for plan in plans_of(problem.space)[::50])


def test_settled_is_the_first_step_after_the_last_that_was_far():
    assert settled([0.5, 0.0, 0.2, 0.01, 0.0]) == 3
    assert settled([0.0]) == 0
    assert settled([0.0, 0.02]) is None
    assert settled([]) is None


def test_measures_of_a_trace_made_by_hand(power):
    plans = sorted(plans_of(power.space), key=power.surface)
    bad, good = plans[0], plans[-1]
    budget = power.space.budget_usd
    steps = (
        Step(Candidate(bad), 0.5 * budget, bad, 0.0),
        Step(Candidate(bad, 1), 1.0 * budget, good, 0.75 * budget),
    )
    trace = Trace(steps, frontier=dict.fromkeys(power.frontier, good), covered=(True, False))
    worth = measure(power, trace)
    assert worth.to_know == pytest.approx(1.0)
    assert worth.to_own == pytest.approx(1.75)
    assert worth.stop_regret == 0
    assert worth.covered == 0.5
    assert worth.area < LIMIT and worth.area == pytest.approx(
        (0.5 * blind(power) + 0.5 * power.regret(bad)) / LIMIT
    )


def test_unsolved_tasks_are_infinite_in_quantiles():
    worths = [Worth(x, x, 0, 0, 0, 1, 1, None, 0.1) for x in (1.0, 2.0, math.inf, math.inf)]
    found = summary(worths)
    assert (found["to_know"], found["to_know_p75"], found["solved"]) == (2.0, math.inf, 0.5)


def test_realising_a_plan_costs_what_is_not_there(power):
    holdings = Holdings(power.space.costs)
    labels = power.space.costs.owned
    small, large = (Point(labels, "t5-base", u, 50 * math.ceil(u / 32)) for u in (1600, 3200))
    alone = power.space.costs.items(large)
    assert realise_usd(holdings, large) == pytest.approx(alone.total)
    holdings.add(Candidate(small, repeat=2))
    assert realise_usd(holdings, large) == pytest.approx(alone.student + alone.pseudo_labels / 2)
    holdings.add(Candidate(large))
    assert realise_usd(holdings, large) == 0


@pytest.mark.parametrize("sampler", [RandomPlans(), CoarseGrid()])
def test_simple_peers_stay_within_the_limit_and_are_the_same_again(power, sampler):
    trace = run(power, sampler)
    assert trace.steps[-1].spent_usd <= LIMIT * power.space.budget_usd
    assert run(power, sampler).steps == trace.steps
    assert len({step.candidate for step in trace.steps}) == len(trace.steps)


def test_the_cache_keeps_a_result_for_its_method_and_problem(power, tmp_path):
    worth = Worth(0.1, math.inf, 0.0, 0.0, 0.0, 1.0, 7, None, 0.1)
    cache = Cache(tmp_path)
    cache.put("random", power, worth)
    assert cache.get("random", power) == worth
    assert cache.get("grid", power) is None
    assert cache.get("random", draw(1)) is None
    assert Cache(None).get("random", power) is None


def test_curve_goes_on_below_and_is_flat_above():
    curve = Curve.of({10: 0.2, 100: 0.4})
    assert [curve(x) for x in (1, 10, 1000)] == pytest.approx([0.0, 0.2, 0.4])
    assert spread([[1, 3], [5.0]]) == pytest.approx(math.sqrt(2))


def test_measured_cells_are_met_by_their_surface():
    problem = Cells.read("lexicon").problem(100, 5)
    assert problem.surface(Point(100, "nano-l", 3000, 564)) == pytest.approx(0.6207, abs=1e-3)
    assert problem.surface(Point(100, "nano-l", 3000, 366)) == pytest.approx(0.5467, abs=1e-3)
    assert problem.surface(Point(119, "", 0, 80)) == pytest.approx(0.432)
    assert strategy(problem.space, Point(119, "", 0, 80)) == "annotate"
    assert problem.space.costs.full_steps(100, "nano-l", 3000) == 564
