"""Labels count by their number: the same from every N, never worse with more, never worse than a constant answer."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.searching.prices import plan_of
from raydoa.costs.plan import Plan
from raydoa.search.surrogate.posterior import Effort
from raydoa.search.surrogate.surface import Measured, Surface
from tests.unit.search.tasks import QUESTION, measured, plan, some_plans

SMALL = Effort(draws=200, kept=24, moves=15)
totals = st.integers(2, 4000)
teachers = st.sampled_from([None, "small", "middle", "large"])


def learning_from(total: int, owned: int, teacher: str | None, rows: int = 1000) -> Plan:
    """A plan of so many labels in all, those beyond ``owned`` bought; the student gets all of its recipe's steps."""
    return plan_of(replace(QUESTION, n=owned), total, teacher, rows if teacher else 0)


@cache
def surface(owned: int, seed: int, truncated: float = 0.0) -> Surface:
    """Fitted to the same scattered scores, whatever is owned; scores below ``truncated`` are not seen."""
    random = np.random.default_rng(seed)
    told = [
        Measured(m.plan, max(truncated, m.score + 0.05 * random.normal()), m.teacher)
        for m in measured(some_plans(12, seed), seed)
    ]
    return Surface(told, replace(QUESTION, n=owned), SMALL, seed=1)


@given(totals, st.lists(st.integers(1, 4000), min_size=2, max_size=2), teachers)
@settings(max_examples=60, deadline=None)
def test_a_total_of_labels_predicts_the_same_from_every_n(
    total: int, owned: list[int], teacher: str | None
) -> None:
    """Where all of them, or none, teach the student of a teacher."""
    fewer = [min(n, total - 1) for n in owned] if teacher else owned
    one, two = (surface(n, seed=2).mean_and_sd([learning_from(total, n, teacher)]) for n in fewer)
    np.testing.assert_allclose(one, two, rtol=1e-12)
    if teacher:
        kept = learning_from(total, total, teacher)
        assert surface(total, seed=2).expected([kept]) == pytest.approx(
            surface(10 * total, seed=2).expected([kept]), rel=1e-12
        )


@given(totals, totals, teachers, st.booleans(), st.integers(0, 5), st.integers(100, 5000))
@settings(max_examples=150, deadline=None)
def test_more_labels_never_lower_the_expected_score(
    one: int, two: int, teacher: str | None, bought: bool, seed: int, rows: int
) -> None:
    owned = 1 if bought else 10_000
    fewer, more = (
        learning_from(total, min(owned, total), teacher, rows) for total in sorted((one, two))
    )
    low, high = surface(200, seed).expected([fewer, more])
    assert high >= low - 1e-12
    alone = surface(200, seed).expected([more])  # What else is asked for changes nothing.
    assert alone[0] == pytest.approx(high, abs=1e-12)


def test_scores_that_fell_would_lower_it_otherwise() -> None:
    """That the property is not one of the fit's own: what was measured went down between 100 and 200 labels."""
    scores = {25: 0.5, 50: 0.6, 100: 0.72, 200: 0.6, 201: 0.61, 400: 0.74}
    told = [Measured(learning_from(total, 10_000, None), s) for total, s in scores.items()]
    fit = Surface(told, QUESTION, SMALL, seed=1)
    ladder = [learning_from(total, 10_000, None) for total in range(10, 4000, 10)]
    bent, expected = fit.mean_and_sd(ladder)[0], fit.expected(ladder)
    assert np.diff(bent).min() < -1e-3
    assert np.diff(expected).min() >= -1e-12
    np.testing.assert_allclose(expected, np.maximum.accumulate(bent), atol=0.01)


@given(totals, teachers, st.sampled_from([0.0, 0.1, 0.5]), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_no_expected_score_is_below_a_constant_answers(
    total: int, teacher: str | None, constant: float, seed: int
) -> None:
    told = [
        Measured(p, score, None)
        for p, score in [(plan(50), 0.0), (plan(100), constant), (plan(25, "small", 100), 0.3)]
    ]
    question = replace(QUESTION, constant_score=constant)
    asked = learning_from(total, min(total, 100), teacher)
    fit = Surface(told, question, SMALL, seed=seed)
    assert fit.expected([asked])[0] >= constant
    assert fit.mean_and_sd([asked])[0][0] >= constant
    assert (fit.samples([asked], 50) >= constant).all()
    nothing = Surface([], question, SMALL, seed=seed)
    assert nothing.expected([asked])[0] >= constant
