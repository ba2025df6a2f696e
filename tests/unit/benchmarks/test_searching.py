import math
from dataclasses import replace

import pytest

from benchmarks.searching.cache import Cache
from benchmarks.searching.curve import Curve, spread
from benchmarks.searching.drawing import FAMILIES, HELD_OUT, KINDS, draw, tasks
from benchmarks.searching.measures import Worth, blind, measure, settled, summary
from benchmarks.searching.prices import labels_of, plan_of
from benchmarks.searching.problems import plans_of
from benchmarks.searching.runner import LIMIT, Step, Trace, realise_usd, run
from benchmarks.searching.simple_peers import ExpensiveFirst, RandomPlans
from benchmarks.searching.tables import Cells
from raydoa.search.ask_tell import Search


@pytest.fixture(scope="module")
def power():
    return draw(0)


def test_noise_depends_on_the_plan_and_not_on_the_order(power):
    plans = plans_of(power.space)[::200]
    first = [power.measure(plan) for plan in plans]
    assert [draw(0).measure(plan) for plan in reversed(plans)] == first[::-1]
    assert power.measure(plans[0].repeated(1)) != first[0]


def test_students_of_one_teacher_share_its_luck(power):
    quiet = replace(power, noise=replace(power.noise, teacher=0.05, student=0.0, outliers=0.0))
    question = power.space.question
    students = [plan_of(question, question.n, "t5-base", u) for u in (1600, 3200)]
    luck = [quiet.measure(student) - quiet.surface(student) for student in students]
    assert luck[0] == pytest.approx(luck[1])
    other = quiet.measure(students[0].repeated(1)) - quiet.surface(students[0])
    assert abs(other - luck[0]) > 1e-4


def test_all_families_and_kinds_are_met_and_seeds_are_disjoint():
    drawn = tasks(6, 0)
    assert {problem.family for problem in drawn} == set(FAMILIES)
    assert {problem.winner for problem in drawn} == set(KINDS) - {"out of reach"}
    assert HELD_OUT > 1000


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_more_of_anything_is_no_worse_under_a_law(seed):
    problem = draw(seed)
    question = problem.space.question

    def score(labels: int, u: int, share: float = 1.0) -> float:
        plan = plan_of(question, labels, "t5-xl", u)
        return problem.surface(plan.with_quantities(student=int(share * plan.quantity("student"))))

    owned = question.n
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
        Step(bad, 0.5 * budget, bad, 0.0),
        Step(bad.repeated(1), 1.0 * budget, good, 0.75 * budget),
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
    question = power.space.question
    search = Search(power.space, RandomPlans(), 100 * power.space.budget_usd)
    small, large = (plan_of(question, question.n, "t5-base", u) for u in (1600, 3200))
    alone = question.ledger(large)
    assert realise_usd(search.state, large) == pytest.approx(alone.cost_usd)
    search.tell(search.propose(small.repeated(2), "by hand").number, 0.5)
    student, rows = (alone.line(item).cost_usd for item in ("student", "pseudo_labels"))
    assert realise_usd(search.state, large) == pytest.approx(student + rows / 2, abs=2e-6)
    search.tell(search.propose(large, "by hand").number, 0.5)
    assert realise_usd(search.state, large) == 0


@pytest.mark.parametrize("sampler", [RandomPlans(), ExpensiveFirst()])
def test_simple_peers_stay_within_the_limit_and_are_the_same_again(power, sampler):
    trace = run(power, sampler)
    assert trace.steps[-1].spent_usd <= LIMIT * power.space.budget_usd
    assert run(power, sampler).steps == trace.steps
    assert len({step.measured for step in trace.steps}) == len(trace.steps)


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
    question = problem.space.question
    full, short = (plan_of(question, 100, "nano-l", 3000, steps) for steps in (None, 366))
    assert problem.surface(full) == pytest.approx(0.6207, abs=1e-3)
    assert problem.surface(short) == pytest.approx(0.5467, abs=1e-3)
    assert problem.surface(plan_of(question, 119, None, 0, 80)) == pytest.approx(0.432)
    bought = [plan for plan in problem.space.plans() if not plan.choices and labels_of(plan) > 100]
    assert {problem.space.strategy_of(plan) for plan in bought} == {"annotate"}
    assert full.quantity("student") == 564
