"""What every search by name keeps to, whatever it decides by."""

import math
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raydoa.errors import UserError
from raydoa.search.ask_tell import Search
from raydoa.search.objective import OBJECTIVES
from raydoa.search.sampler import Sampler
from raydoa.search.samplers import SAMPLERS, sampler_named
from tests.contract.searching import BUDGET, Played, score, search, space, through_json

_SLOW = {"cost_aware", "optuna:gp"}
"""A proposal of these takes a tenth of a second or more."""


@pytest.fixture(params=list(SAMPLERS))
def name(request: pytest.FixtureRequest) -> str:
    """Every search by its name."""
    name: str = request.param
    return name


@pytest.fixture
def sampler(name: str) -> Sampler:
    return sampler_named(name)


def _examples(name: str) -> int:
    return 2 if name in _SLOW else 8


def test_proposals_are_allowed_new_and_paid(name: str) -> None:
    """With several pending, told in any order, some of them failed; `Played` checks each proposal."""

    @settings(max_examples=_examples(name), deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        limit=st.floats(0.5, 60),
        at_once=st.integers(1, 4),
        failing=st.sampled_from([0.0, 0.3]),
        seed=st.integers(0, 99),
    )
    def holds(limit: float, at_once: int, failing: float, seed: int) -> None:
        played = Played(
            search(sampler_named(name), limit, seed), random.Random(seed), at_once, failing
        )
        played.play(6 if name in _SLOW else 25)
        assert played.search.spent_micro_usd <= limit * 1e6
        assert played.search.recommend() in played.search.space.plans()

    holds()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective(name: str, objective: str) -> None:
    played = Played(search(sampler_named(name, objective)))
    played.play(4)
    assert played.asked and played.search.recommend() in played.search.space.plans()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_none_proposes_a_plan_that_awaits_labels(name: str, objective: str) -> None:
    """Most plans do where people are to write labels; `Played` checks each proposal. They can all be measured one day."""
    played = Played(search(sampler_named(name, objective), people=True), failing=0.2)
    played.play(6 if name in _SLOW else 25)
    of = played.search.space
    assert played.asked and sum(map(of.awaited_labels, of.plans())) > 0
    assert played.search.recommend() in of.plans()
    baseline = name != "cost_aware"
    assert not (baseline and of.awaited_labels(played.search.recommend())), "what it measured"


def test_it_stops(sampler: Sampler) -> None:
    """By its own rule or by the limit, and it says why; then it proposes nothing any more."""
    played = Played(search(sampler, limit=4.0))
    played.play(10_000)
    assert played.search.stopped
    assert played.search.ask() is None
    assert played.search.spent_usd <= 4.0


def test_a_limit_below_any_measurement(sampler: Sampler) -> None:
    none = search(sampler, limit=0.001)
    assert none.ask() is None and none.stopped
    assert none.recommend() in none.space.plans()


def test_restored_it_goes_on_the_same(sampler: Sampler, name: str) -> None:
    """At any moment, from its state as JSON: pending ones come back, and what follows is the same."""
    first = Played(search(sampler), random.Random(7), failing=0.2)
    first.play(5)
    saved = through_json(first.search.to_json())
    second = search(sampler_named(name))
    pending = [p for p in second.restore(saved) if p.number in second.pending]
    assert pending == sorted(first.pending, key=lambda proposal: proposal.number)
    assert second.state == first.search.state
    ours, theirs = (
        Played(one, random.Random(1), asked=list(first.asked), pending=list(pending))
        for one in (first.search, second)
    )
    for played in (ours, theirs):
        played.play(4)
    assert ours.asked == theirs.asked
    assert through_json(ours.search.to_json()) == through_json(theirs.search.to_json())
    assert ours.search.recommend() == theirs.search.recommend()


def test_the_seed_decides(sampler: Sampler, name: str) -> None:
    one, two = (Played(search(sampler_named(name), seed=3)) for _ in range(2))
    for played in (one, two):
        played.play(4)
    assert one.asked == two.asked


def test_nothing_but_failures(sampler: Sampler) -> None:
    """Their dollars are gone, they are not tried again, and a plan is recommended all the same."""
    played = Played(search(sampler, limit=3.0), failing=1.0)
    played.play(8)
    assert played.search.spent_usd > 0
    assert played.search.recommend() in played.search.space.plans()


def test_contradictory_observations(sampler: Sampler) -> None:
    """One plan with scores far apart: the search goes on, and its recommendation is a plan."""
    played = Played(search(sampler))
    played.play(3)
    saved = through_json(played.search.to_json())
    plan = space().plans()[-1]
    entry = {"cost_usd": 1.0, "why": "by hand"}
    for repeat, observed in enumerate([0.05, 0.95, 0.05]):
        number = len(saved["log"])
        saved["log"].append({**entry, "asked": plan.repeated(repeat).to_json()})
        saved["log"].append({"told": number, "score": observed, "cost_usd": 1.0})
    after = search(sampler, limit=100.0)
    proposals = after.restore(saved)
    for proposal in proposals:
        if proposal.number in after.pending:
            after.tell(proposal.number, score(proposal.plan))
    again = Played(after, asked=[o.plan for o in after.observations])
    again.play(3)
    assert after.recommend() in after.space.plans()


def test_scores_that_are_no_numbers(sampler: Sampler) -> None:
    played = Played(search(sampler))
    for value in (math.nan, math.inf, -math.inf, None):
        proposal = played.search.ask()
        if proposal is None:
            break
        played.search.tell(proposal.number, value)
    assert all(observation.score is None for observation in played.search.observations)


def test_a_budget_below_the_cheapest_plan(sampler: Sampler) -> None:
    with pytest.raises(UserError, match=r"budget: found \$0\.00; the cheapest plan \(.*\) costs"):
        Search(space(budget=0.001), sampler, limit_usd=1.0)


def test_recommends_the_best_of_all_plans_when_all_are_known(name: str) -> None:
    """Without noise and with everything measured there is nothing to be wrong about."""
    if name == "cost_aware":
        pytest.skip("it trusts its law more than any one measurement, and is tested for itself")
    small = space(budget=2.0)
    plans = small.plans()
    log = []
    for plan in plans:
        number = len(log)
        log.append({"asked": plan.to_json(), "cost_usd": 0.1, "why": "by hand"})
        log.append({"told": number, "score": score(plan), "cost_usd": 0.1})
    measured = Search(small, sampler_named(name), 1e9)
    measured.restore({"log": log, "stopped": None})
    assert score(measured.recommend()) == max(map(score, plans))
    assert measured.ask() is None and measured.stopped


def test_unknown_names() -> None:
    with pytest.raises(
        UserError, match=r"searcher: found 'rnadom'; .* \(did you mean 'random'\?\)"
    ):
        sampler_named("rnadom")
    with pytest.raises(UserError, match=r"found 'optuna:tpf'; .* \(did you mean 'optuna:tpe'\?\)"):
        sampler_named("optuna:tpf")


def test_the_world_has_something_to_choose() -> None:
    plans = space().plans()
    assert len(plans) > 100
    assert {plan.choice("teacher") for plan in plans} == {None, "small", "large"}
    assert max(map(space().cost_usd, plans)) <= BUDGET
    assert plans[0] == plans[0].repeated(0)
