"""Searches where something is free: on tabulated scores, they find what is best and end."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.searching.prices import TabulatedPrices
from raydoa.report.search import ending_lines
from raydoa.search.ask_tell import Search
from raydoa.search.cost_aware import CostAware
from raydoa.search.optuna_space import from_params, to_params
from raydoa.search.space import Space
from raydoa.search.surrogate.posterior import Effort
from tests.unit.search.tasks import QUESTION, law

EFFORT = Effort(draws=200, kept=32, moves=15)
assert isinstance(QUESTION.prices, TabulatedPrices)
OWN_GPUS = replace(
    QUESTION.prices,
    student_step_usd=0.0,
    teachers=tuple(
        replace(teacher, step_usd=0.0, row_usd=0.0, student_step_usd=0.0)
        for teacher in QUESTION.prices.teachers
    ),
)
CASES = {
    "own GPUs": (OWN_GPUS, 20.0),
    "free labels": (replace(QUESTION.prices, label_usd=0.0), 20.0),
    "all free": (replace(OWN_GPUS, label_usd=0.0), 20.0),
    "all free, no budget": (replace(OWN_GPUS, label_usd=0.0), 0.0),
    "own GPUs, no budget": (OWN_GPUS, 0.0),
}


@pytest.fixture(params=CASES)
def free(request: pytest.FixtureRequest) -> Space:
    prices, budget = CASES[request.param]
    return Space(replace(QUESTION, prices=prices), budget)


def test_a_search_finds_what_is_best_and_ends(free: Space) -> None:
    random = np.random.default_rng(0)
    search = Search(free, CostAware(effort=EFFORT), 6 * free.budget_usd, seed=0)
    while (proposal := search.ask()) is not None:
        assert free.cost_usd(proposal.plan) <= free.budget_usd
        search.tell(proposal.number, law(proposal.plan) + 0.004 * random.normal())
    assert law(search.recommend()) > 0.985 * max(map(law, free.plans()))
    assert search.stopped and 3 < len(search.observations) < 40
    assert search.spent_usd <= 2 * free.budget_usd
    assert "; priced at $" in next(ending_lines(search))


def test_its_plans_are_points_of_the_cube(free: Space) -> None:
    for plan in free.plans()[::17]:
        assert from_params(to_params(plan, free), free) == plan
    assert free.probes(0.0) or free.question.prices.tariff("student", ()).unit_price_usd
